"""`manage.py up` as its user sees it: what goes wrong in one line, and a life with a killed part in it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.platform_process import PlatformProcess, eventually

ROOT = Path(__file__).resolve().parents[3]
REFUSAL_SECONDS = 60

pytestmark = pytest.mark.slow


@pytest.fixture
def platform() -> Iterator[PlatformProcess]:
    """A platform with a folder and ports of its own, not started."""
    platform = PlatformProcess()
    yield platform
    platform.forget()


def refusal(platform: PlatformProcess, **environment: str) -> str:
    """Run `up`, which must fail, and return the one line that it says."""
    done = subprocess.run(
        [sys.executable, ROOT / "manage.py", "up"],
        env=platform.environment | environment,
        capture_output=True,
        text=True,
        timeout=REFUSAL_SECONDS,
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    return line


@pytest.mark.parametrize("variable", ["POSTROOM_WEB_PORT", "POSTROOM_SMTP_PORT", "POSTROOM_SUBMISSION_PORT"])
def test_a_port_in_use_names_its_variable(platform: PlatformProcess, variable: str) -> None:
    with socket.create_server(("127.0.0.1", platform.ports[variable])):
        line = refusal(platform)
    assert line.startswith(f"postroom: 127.0.0.1:{platform.ports[variable]} is in use by another program")
    assert variable in line


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("POSTROOM_DATA_DIR", "/dev/null/postroom"),
        ("POSTROOM_BIND", "192.0.2.1"),
        ("POSTROOM_BIND", "localhost"),
        ("POSTROOM_WEB_PORT", "http"),
        ("DATABASE_URL", "mysql://localhost/postroom"),
        ("DATABASE_URL", "postgresql://postroom@127.0.0.1:1/postroom"),
    ],
)
def test_a_bad_variable_is_named_in_one_line(platform: PlatformProcess, variable: str, value: str) -> None:
    assert variable in refusal(platform, **{variable: value})


def test_a_life_with_a_second_copy_and_killed_parts(platform: PlatformProcess) -> None:
    with platform:
        assert "already runs on" in refusal(platform)
        kill(platform, "manage.py smtpd")
        assert greeting(platform.smtp_port).startswith(b"220 ")
        kill(platform, "granian")
        kill(platform, "postgres -D")
        eventually(lambda: "database │ was ended by SIGKILL" in platform.output)
        eventually(platform.is_ready, timeout=60)
        assert "Console     " in platform.output
        assert platform.logins["operator@postroom.example"]


def test_nothing_outlives_a_killed_supervisor_and_the_next_start_is_sound(platform: PlatformProcess) -> None:
    platform.start()
    family = platform.processes()
    kill(platform, "manage.py up")
    eventually(lambda: not still_running(family), timeout=30)
    platform.stop(check=False)
    with platform:
        assert platform.is_ready()


def kill(platform: PlatformProcess, part: str) -> None:
    pid = next(pid for pid, line in platform.processes().items() if part in line)
    os.kill(pid, signal.SIGKILL)


def still_running(family: dict[int, str]) -> list[int]:
    found = []
    for pid, line in family.items():
        try:
            if Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip() == line:
                found.append(pid)
        except FileNotFoundError:
            continue
    return found


def greeting(port: int) -> bytes:
    """Connect while nobody accepts: the socket is the supervisor's, so the connection waits."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        return connection.recv(512)
