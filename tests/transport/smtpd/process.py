"""A daemon as it is deployed: `manage.py smtpd` as a process of its own, on the test's database; its memory is seen."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
from django.db import connections

from tests.platform_process import ROOT
from tests.transport.smtpd.conftest import NAMES, Client, free_port

MEBIBYTE = 1024 * 1024
READY_SECONDS = 60.0


class DaemonProcess:
    def __init__(self, folder: Path, **environment: str) -> None:
        self.ports = {name: free_port() for name in NAMES}
        self._output = folder / "smtpd.log"
        self._environment = os.environ | {
            "DATABASE_URL": database_url(),
            "POSTROOM_DATA_DIR": str(folder / "data"),
            "POSTROOM_HOSTNAME": "mail.contoso.example",
            "POSTROOM_LAB": "0",
            "POSTROOM_BACK_PRESSURE": "off",  # the memory of a busy machine is not what is tested
            "CELERY_BROKER_URL": "memory://",
            **{f"POSTROOM_{name.upper()}_PORT": str(port) for name, port in self.ports.items()},
            **environment,
        }
        for name in ("DATABASE_OWNER_URL", "DATABASE_FLOW_URL", "POSTROOM_DATABASE_ROLE"):
            self._environment.pop(name, None)

    def __enter__(self) -> Self:
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, str(ROOT / "manage.py"), "smtpd"],
                env=self._environment,
                cwd=ROOT,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        deadline = time.monotonic() + READY_SECONDS
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._process.kill()
                self._process.wait()
                pytest.fail(self.output)
            time.sleep(0.05)
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.stop()

    def ask_to_stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def stop(self) -> int:
        """End it in order; return its exit status."""
        self.ask_to_stop()
        return self._process.wait(30)

    def _listens(self) -> bool:
        # Not by connecting: to a port that nobody has yet, a connection may come from that very port, and succeed.
        return all(f":{port}" in self.output for port in self.ports.values())

    def connect(self, *, source: str = "127.0.0.1") -> Client:
        return Client(self.ports["smtp"], source=source)

    @property
    def output(self) -> str:
        return self._output.read_text(errors="replace")

    @property
    def peak(self) -> int:
        """Return the most memory that it ever had, in octets."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found
        return int(found[1]) * 1024


def database_url() -> str:
    """Return the address of the test's own database."""
    database = connections["default"].settings_dict
    host, port = database["HOST"], database["PORT"]
    return f"postgresql://{database['USER']}:{database['PASSWORD']}@/{database['NAME']}?host={host}&port={port}"
