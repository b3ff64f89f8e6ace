"""One run: our platform and a private Postfix side by side, one next hop for both."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from bench.cpu import seconds, tree
from bench.database import Database
from bench.load import Load, LoadFailed, Sink, wait_until
from bench.names import DESTINATIONS, SPREAD, Names, address_of
from bench.table import Row
from bench.timing import TimingSink
from tests.platform_process import ROOT, PlatformProcess
from tests.system.postfix import DOMAIN as POSTFIX_DOMAIN
from tests.system.postfix import Postfix

OUR_DOMAIN = "bench.example"
WIDE = "0.0.0.0"  # noqa: S104 - a sink that is there on each address of loopback
FAR, TIMED, NEAR = "far.example", "timed.example", "near.example"
HELD = f"held@{POSTFIX_DOMAIN}"

Seconds = Callable[[Load], float]


@dataclass(frozen=True, slots=True)
class Trial:
    ours: PlatformProcess
    postfix: Postfix
    sink: Sink
    wide_sink: Sink  # behind all addresses of loopback
    timing: TimingSink
    database: Database
    rounds: int
    factor: float

    def compare(self, title: str, load: Load, *, ours: Seconds, peers: Seconds) -> list[Row]:
        """Measure both in turns, so that a slow minute of the machine hits both; the median counts.

        Return messages a second, and the CPU time that a message took of all of a server's processes.
        """
        load = replace(load, messages=max(load.sessions, round(load.messages * self.factor)))
        mine, theirs = [], []
        for _ in range(self.rounds):
            mine.append(_measured(load, ours, self.our_processes))
            theirs.append(_measured(load, peers, self.peers_processes))
        what = f"{title}, {load.label}"
        rates, peers_rates = [one.rate for one in mine], [one.rate for one in theirs]
        print(f"  {what}: {_spread(rates)} against {_spread(peers_rates)}", flush=True)
        cpu, peers_cpu = (statistics.median(one.cpu for one in figures) for figures in (mine, theirs))
        return [
            Row(what, "messages/s", statistics.median(rates), statistics.median(peers_rates)),
            Row("  CPU per message", "µs", cpu, peers_cpu, more_is_better=False),
        ]

    def our_processes(self) -> list[int]:
        return list(self.ours.processes())

    def peers_processes(self) -> list[int]:
        return tree(self.postfix.master_pid)


@dataclass(frozen=True, slots=True)
class _Measured:
    rate: float
    cpu: float  # microseconds a message


def _measured(load: Load, offer: Seconds, processes: Callable[[], list[int]]) -> _Measured:
    before = seconds(processes())
    taken = offer(load)
    used = seconds(processes()) - before
    return _Measured(load.messages / taken, used * 1_000_000 / load.messages)


def _spread(figures: list[float]) -> str:
    return f"{statistics.median(figures):,.0f} ({min(figures):,.0f}-{max(figures):,.0f})"


@contextmanager
def trial(environment: Mapping[str, str], *, rounds: int, factor: float) -> Iterator[Trial]:
    """Bring everything up in temporary folders, PostgreSQL durable as ever; take everything down."""
    own = {
        "POSTROOM_LAB": "0",
        "POSTROOM_DEMO": "0",
        "POSTROOM_HOSTNAME": f"mail.{OUR_DOMAIN}",
        "POSTROOM_PRIVATE_NETWORKS": "127.0.0.0/16",
        "POSTROOM_LOG_LEVEL": "WARNING",
    }
    with (
        tempfile.TemporaryDirectory(prefix="postroom-bench-") as folder,
        Sink(Path(folder)) as sink,
        Sink(Path(folder), address=WIDE) as wide_sink,
        Names() as names,
        TimingSink() as timing,
        PlatformProcess(
            options=["--no-lab", "--no-demo"], environment={**own, "POSTROOM_DNS_SERVERS": names.server, **environment}
        ) as ours,
        Postfix(settings=_postfix_settings(sink.port, timing.port, wide_sink.port)) as postfix,
    ):
        _prepare(ours, sink.port, timing.port, wide_sink.port)
        with closing(Database((ours.data_dir / "database-url").read_text().strip())) as database:
            try:
                wait_until(lambda: database.hints() == 0, "The platform did not come to rest", every=0.1)
                yield Trial(ours, postfix, sink, wide_sink, timing, database, rounds, factor)
            except LoadFailed as failure:
                sys.exit(f"{failure}\nThe platform's last lines:\n" + "\n".join(ours.output.splitlines()[-30:]))


def _postfix_settings(sink_port: int, timing_port: int, wide_port: int) -> dict[str, str]:
    spread = [f"d{number}.{SPREAD}=smtp:[{address_of(number)}]:{wide_port}" for number in range(DESTINATIONS)]
    timed = [f"{domain}=smtp:[127.0.0.1]:{timing_port}" for domain in (TIMED, NEAR)]
    held = ", ".join(f"{address}=HOLD" for address in (HELD, f"held@{FAR}"))
    return {
        "relayhost": f"[127.0.0.1]:{sink_port}",
        "transport_maps": f"inline:{{{', '.join([*timed, *spread])}}}",
        "smtpd_recipient_restrictions": f"check_recipient_access inline:{{{held}}}, permit_mynetworks, reject",
    }


def _prepare(ours: PlatformProcess, *ports: int) -> None:
    """Make the tenant in a process of its own: Django reads the settings of one platform only."""
    environment = ours.environment | {
        "DJANGO_SETTINGS_MODULE": "postroom.settings",
        "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}",
    }
    command = [sys.executable, "-m", "bench.tenant", *map(str, ports)]
    subprocess.run(command, env=environment, cwd=ROOT, check=True, timeout=120)
