"""`python -m bench kill`: kill -9 in so many rounds under 8 senders; what was acknowledged arrives, once.

Four times the receiving daemon is killed, then PostgreSQL; then the whole platform is started anew, as it waits longer
with each death of a program before it starts it again.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from tests.flows.load import Load
from tests.flows.test_nothing_acknowledged_is_lost import kill, letters, postmaster, settle, started_as
from tests.platform_process import PlatformProcess, eventually

ROUNDS = 50
LIFE = 5  # kills from one start of the platform to the next
SENDERS = 8
RECIPIENT = "ann@contoso.example"
BETWEEN = 40  # messages acknowledged from one kill to the next
ARRIVED = 180.0  # seconds of patience


@dataclass(frozen=True, slots=True)
class Toll:
    acknowledged: int
    broken: int
    lost: int
    doubled: int
    seconds: float


def kill_bench(rounds: int = ROUNDS) -> int:
    """Run it and print what came of it. Return the exit code: 0 where nothing was lost or doubled."""
    with PlatformProcess() as platform:
        toll = _measure(platform, rounds)
    print(
        f"{rounds} kills under {SENDERS} senders in {toll.seconds:.0f} s: {toll.acknowledged:,} messages acknowledged, "
        f"{toll.broken} connections cut, {toll.lost} lost, {toll.doubled} doubled"
    )
    return 1 if toll.lost or toll.doubled else 0


def _measure(platform: PlatformProcess, rounds: int) -> Toll:
    started = time.monotonic()
    with Load(platform, RECIPIENT, senders=SENDERS) as load:
        _wait_for_more(load)
        for number in range(1, rounds + 1):
            kill(started_as(platform, "manage.py smtpd") if number % LIFE else postmaster(platform))
            _wait_for_more(load)
            if number % LIFE == 0:
                platform.stop(check=False)
                platform.start()
            print(f"  {number}: {len(load.acknowledged):,} acknowledged", flush=True)
    seconds = time.monotonic() - started
    eventually(platform.is_ready, timeout=ARRIVED)
    lost = _wait_for_the_rest(platform, load)
    copies = letters(platform, RECIPIENT)
    doubled = sum(count > 1 for count in copies.values())
    return Toll(len(load.acknowledged), load.broken, lost, doubled, seconds)


def _wait_for_more(load: Load) -> None:
    wanted = len(load.acknowledged) + BETWEEN
    eventually(lambda: len(load.acknowledged) >= wanted, timeout=ARRIVED)


def _wait_for_the_rest(platform: PlatformProcess, load: Load) -> int:
    """Wait until all that is queued has been delivered; return how much of what was acknowledged is nowhere."""
    settle(platform)
    return len(load.acknowledged.keys() - letters(platform, RECIPIENT).keys())
