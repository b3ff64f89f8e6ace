"""How long a recipient's look-up takes in a database of 1,000 and of 1,000,000 addresses: what the daemon asks once."""

from __future__ import annotations

import json
import subprocess
import sys

from bench.table import Row
from bench.trial import Trial
from tests.platform_process import ROOT


def lookup(trial: Trial) -> list[Row]:
    """Fill the database, so run it last; Postfix's maps are files, and no match."""
    environment = trial.ours.environment | {
        "DJANGO_SETTINGS_MODULE": "postroom.settings",
        "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}",
    }
    command = [sys.executable, "-m", "bench.addresses", trial.database.url, str(trial.factor)]
    told = subprocess.run(command, env=environment, cwd=ROOT, check=True, timeout=1800, stdout=subprocess.PIPE)
    return [
        Row(f"a look-up in {int(number):,} addresses", "µs", microseconds, None, more_is_better=False)
        for number, microseconds in json.loads(told.stdout).items()
    ]
