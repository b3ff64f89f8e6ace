"""Durable accepts: from the first byte to `250`, all recipients looked up, nothing delivered.

Ours go to a mailbox whose queue is suspended; Postfix's into its hold queue, the least that it can do with a message.
"""

from __future__ import annotations

from bench.load import Load, offer
from bench.table import Row
from bench.trial import HELD, OUR_DOMAIN, Trial

STRANGER = "someone@client.example"
LARGE = 100 * 1024
LOADS = (
    Load(1, 2000),
    Load(10, 5000),
    Load(50, 5000),
    Load(100, 5000),
    Load(1, 1000, reuse=False),
    Load(10, 3000, reuse=False),
    Load(50, 3000, reuse=False),
    Load(100, 3000, reuse=False),
    Load(1, 400, size=LARGE),
    Load(10, 1000, size=LARGE),
    Load(50, 1000, size=LARGE),
    Load(100, 1000, size=LARGE),
    Load(1, 300, size=LARGE, reuse=False),
    Load(10, 1000, size=LARGE, reuse=False),
    Load(50, 1000, size=LARGE, reuse=False),
    Load(100, 1000, size=LARGE, reuse=False),
)


def accept(trial: Trial) -> list[Row]:
    def ours(load: Load) -> float:
        return offer(load, port=trial.ours.smtp_port, sender=STRANGER, recipient=f"inbox@{OUR_DOMAIN}")

    def peers(load: Load) -> float:
        seconds = offer(load, port=trial.postfix.port, sender=STRANGER, recipient=HELD)
        trial.postfix.empty()
        return seconds

    ours(Load(1, 10))  # makes the queue, which can be suspended then
    peers(Load(1, 10))
    trial.database.hold_mailboxes(held=True)
    rows = [row for load in LOADS for row in trial.compare("accept", load, ours=ours, peers=peers)]
    trial.database.hold_mailboxes(held=False)
    trial.database.clear()
    return rows
