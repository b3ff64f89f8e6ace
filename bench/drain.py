"""How fast a full queue empties, what claiming from it costs, and how long a neighbour waits meanwhile."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import time

from bench.latency import one, percentile
from bench.load import Load, offer, wait_until
from bench.table import Row
from bench.trial import FAR, NEAR, OUR_DOMAIN, Trial
from tests.platform_process import ROOT

SENDER, RECIPIENT = f"inbox@{OUR_DOMAIN}", f"someone@{FAR}"
BACKLOG = 20_000
CROWD = 100_000
SINGLES = 20  # messages of the neighbour, one after the other


def drain(trial: Trial) -> list[Row]:
    """Let a backlog gather, release it, and wait for the next hop to have all of it."""
    load = Load(50, max(500, round(BACKLOG * trial.factor)))
    ours, peers = _our_rate(trial, load), _peers_rate(trial, load)
    trial.database.clear()
    return [Row(f"drain a queue of {load.messages:,}, 4 KB", "messages/s", ours, peers)]


def neighbour(trial: Trial) -> list[Row]:
    """One tenant has a crowd to send; another sends a single message now and then."""
    load = Load(50, max(500, round(CROWD * trial.factor)))
    _fill(trial, load)
    trial.database.hold_hop(FAR, held=False)
    ours = [_single(trial, trial.ours.smtp_port) for _ in range(SINGLES)]
    left = trial.database.count("delivery")
    trial.database.clear()
    _fill_peer(trial, load)
    trial.postfix.release()
    peers = [_single(trial, trial.postfix.port) for _ in range(SINGLES)]
    peers_left = trial.postfix.queued()
    trial.postfix.empty()
    print(f"  a neighbour's messages while {load.messages:,} wait: {left:,} left then; with Postfix {peers_left:,}")
    what = f"accepted to next hop while another's {load.messages:,} drain"
    return [
        Row(f"{what}, median", "ms", statistics.median(ours), statistics.median(peers), more_is_better=False),
        Row(f"{what}, longest of {SINGLES}", "ms", percentile(ours), percentile(peers), more_is_better=False),
    ]


def claims(trial: Trial) -> list[Row]:
    """What a worker's look for work and its claim cost; fills the database, so run it last."""
    environment = trial.ours.environment | {
        "DJANGO_SETTINGS_MODULE": "postroom.settings",
        "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}",
    }
    command = [sys.executable, "-m", "bench.claiming", trial.database.url, str(trial.factor)]
    _fill(trial, Load(1, 1))  # what is multiplied
    workers = [pid for pid, line in trial.ours.processes().items() if "--queues" in line]
    for pid in workers:
        os.kill(pid, signal.SIGSTOP)
    try:
        told = subprocess.run(command, env=environment, cwd=ROOT, check=True, timeout=1800, stdout=subprocess.PIPE)
    finally:
        trial.database.clear()
        for pid in workers:
            os.kill(pid, signal.SIGCONT)
    return [
        Row(f"{what} with {int(number):,} queued", "µs", microseconds, None, more_is_better=False)
        for number, figures in json.loads(told.stdout).items()
        for what, microseconds in figures.items()
    ]


def _single(trial: Trial, port: int) -> float:
    return one(trial, port, sender="someone@client.example", recipient=f"someone@{NEAR}")


def _our_rate(trial: Trial, load: Load) -> float:
    _fill(trial, load)
    before, started = trial.sink.count, time.monotonic()
    trial.database.hold_hop(FAR, held=False)
    wait_until(lambda: trial.sink.count >= before + load.messages, "The queue did not drain")
    return load.messages / (time.monotonic() - started)


def _peers_rate(trial: Trial, load: Load) -> float:
    _fill_peer(trial, load)
    before, started = trial.sink.count, time.monotonic()
    trial.postfix.release()
    wait_until(lambda: trial.sink.count >= before + load.messages, "Postfix did not drain its queue")
    return load.messages / (time.monotonic() - started)


def _fill(trial: Trial, load: Load) -> None:
    offer(Load(1, 1), port=trial.ours.smtp_port, sender=SENDER, recipient=RECIPIENT)  # makes the queue
    wait_until(lambda: trial.database.count("delivery") == 0, "The first message did not leave")
    trial.database.hold_hop(FAR, held=True)
    for part in _parts(load):
        offer(part, port=trial.ours.smtp_port, sender=SENDER, recipient=RECIPIENT)


def _fill_peer(trial: Trial, load: Load) -> None:
    for part in _parts(load):
        offer(part, port=trial.postfix.port, sender=SENDER, recipient=f"held@{FAR}")


def _parts(load: Load, most: int = 20_000) -> list[Load]:
    whole, rest = divmod(load.messages, most)
    return [Load(load.sessions, size) for size in [most] * whole + [rest] * bool(rest)]
