"""From a stranger into a mailbox: until the last message lies there, ours in PostgreSQL, Postfix's in a maildir."""

from __future__ import annotations

import os
import time

from bench.load import Load, offer, wait_until
from bench.table import Row
from bench.trial import OUR_DOMAIN, Trial
from tests.system.postfix import DOMAIN as POSTFIX_DOMAIN

STRANGER = "someone@client.example"
LOADS = (Load(10, 3000),)


def mailbox(trial: Trial) -> list[Row]:
    def ours(load: Load) -> float:
        before, started = trial.database.count("mailboxmessage"), time.monotonic()
        offer(load, port=trial.ours.smtp_port, sender=STRANGER, recipient=f"inbox@{OUR_DOMAIN}")
        wanted = before + load.messages
        wait_until(lambda: trial.database.count("mailboxmessage") >= wanted, "Not all reached the mailbox", every=0.05)
        return time.monotonic() - started

    def peers(load: Load) -> float:
        before, started = maildir_size(trial), time.monotonic()
        offer(load, port=trial.postfix.port, sender=STRANGER, recipient=f"inbox@{POSTFIX_DOMAIN}")
        wait_until(lambda: maildir_size(trial) >= before + load.messages, "Not all reached the maildir", every=0.05)
        return time.monotonic() - started

    ours(Load(1, 20))
    peers(Load(1, 20))
    rows = [row for load in LOADS for row in trial.compare("to a mailbox", load, ours=ours, peers=peers)]
    trial.database.clear()
    return rows


def maildir_size(trial: Trial) -> int:
    new = trial.postfix.maildir / "new"
    return len(os.listdir(new)) if new.exists() else 0
