"""From `250` to the next hop's `250`, one message at a time on an otherwise idle system."""

from __future__ import annotations

import smtplib
import statistics
import time
from uuid import uuid4

from bench.table import Row
from bench.trial import OUR_DOMAIN, TIMED, Trial

SENDER, RECIPIENT = f"inbox@{OUR_DOMAIN}", f"someone@{TIMED}"
MESSAGES = 100


def latency(trial: Trial) -> list[Row]:
    number = max(5, round(MESSAGES * trial.factor))
    ours, peers = [], []
    for _ in range(number):
        ours.append(one(trial, trial.ours.smtp_port))
        peers.append(one(trial, trial.postfix.port))
    trial.database.clear()
    return [
        Row("accepted to next hop, median", "ms", statistics.median(ours), statistics.median(peers), False),
        Row("accepted to next hop, 99th of 100", "ms", percentile(ours), percentile(peers), False),
    ]


def one(trial: Trial, port: int, *, sender: str = SENDER, recipient: str = RECIPIENT) -> float:
    """Return the milliseconds that one message took after it was acknowledged."""
    token = uuid4().hex
    with smtplib.SMTP("127.0.0.1", port, local_hostname="client.example", timeout=20) as client:
        content = f"From: {sender}\r\nTo: {recipient}\r\nSubject: {token}\r\n\r\nHello.\r\n"
        client.sendmail(sender, [recipient], content)
        acknowledged = time.monotonic()
    return max(0.0, trial.timing.wait_for(token) - acknowledged) * 1000


def percentile(figures: list[float]) -> float:
    return sorted(figures)[min(len(figures) - 1, round(len(figures) * 0.99) - 1)]
