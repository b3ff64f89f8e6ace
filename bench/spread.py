"""Relay to 500 destinations at a time: what a connection for a few messages each costs."""

from __future__ import annotations

import smtplib
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

from bench.load import Load, wait_until
from bench.names import DESTINATIONS, SPREAD
from bench.table import Row
from bench.trial import OUR_DOMAIN, Trial

SENDER = f"inbox@{OUR_DOMAIN}"
LOADS = (Load(1, 500), Load(10, 2000), Load(50, 2000))


def spread(trial: Trial) -> list[Row]:
    def through(port: int, load: Load) -> float:
        before = trial.wide_sink.count
        started = time.monotonic()
        _offer(load, port)
        wait_until(lambda: trial.wide_sink.count >= before + load.messages, "The next hops did not get all messages")
        return time.monotonic() - started

    def ours(load: Load) -> float:
        return through(trial.ours.smtp_port, load)

    def peers(load: Load) -> float:
        return through(trial.postfix.port, load)

    ours(Load(1, DESTINATIONS))  # makes the queues, as a system that has run for a day has them
    peers(Load(1, 20))
    title = f"relay to {DESTINATIONS} destinations"
    if trial.factor < 1:
        print(f"  with few messages a {title} measures how quickly it begins", flush=True)
    rows = [row for load in LOADS for row in trial.compare(title, load, ours=ours, peers=peers)]
    trial.database.clear()
    return rows


def _offer(load: Load, port: int) -> None:
    """Hand the messages in, each to the next destination; smtp-source knows one domain only."""
    numbers = iter(range(load.messages))
    content = f"From: {SENDER}\r\nTo: someone@{SPREAD}\r\nSubject: Load\r\n\r\n".encode()
    content += b"x" * 70 + b"\r\n" + (b"x" * 70 + b"\r\n") * ((load.size - len(content)) // 72)

    def session(_: int) -> None:
        with smtplib.SMTP("127.0.0.1", port, local_hostname="client.example", timeout=60) as client:
            for number in islice(numbers, None):
                client.sendmail(SENDER, [f"someone@d{number % DESTINATIONS}.{SPREAD}"], content)

    with ThreadPoolExecutor(load.sessions) as sessions:
        list(sessions.map(session, range(load.sessions)))
