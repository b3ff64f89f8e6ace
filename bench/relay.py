"""Relay end to end: from a client on our network until the next hop has taken the last message."""

from __future__ import annotations

import time

from bench.load import Load, offer, wait_until
from bench.table import Row
from bench.trial import FAR, OUR_DOMAIN, Trial

SENDER, RECIPIENT = f"inbox@{OUR_DOMAIN}", f"someone@{FAR}"
LOADS = (
    Load(1, 1500),
    Load(10, 3000),
    Load(50, 3000),
    Load(10, 800, size=100 * 1024),
)


def relay(trial: Trial) -> list[Row]:
    def through(port: int, load: Load) -> float:
        before = trial.sink.count
        started = time.monotonic()
        offer(load, port=port, sender=SENDER, recipient=RECIPIENT)
        wait_until(lambda: trial.sink.count >= before + load.messages, "The next hop did not get all messages")
        return time.monotonic() - started

    def ours(load: Load) -> float:
        return through(trial.ours.smtp_port, load)

    def peers(load: Load) -> float:
        return through(trial.postfix.port, load)

    ours(Load(1, 20))
    peers(Load(1, 20))
    rows = [row for load in LOADS for row in trial.compare("relay", load, ours=ours, peers=peers)]
    trial.database.clear()
    return rows
