"""The whole platform as real processes: `manage.py up` in a data folder and on ports of its own.

Used by the tests that look at it from outside, as a person, a program or another mail server does.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from postroom.lab.config import LabConfig
from postroom.lab.records import publish_domain
from tests.postgres import make_folder

ROOT = Path(__file__).resolve().parents[1]
READY_SECONDS = 90.0
STOP_SECONDS = 45.0
OUR_VARIABLES = ("POSTROOM_", "DATABASE_", "CELERY_", "DJANGO_", "SECRET_KEY", "PYTEST_")
PORT_OFFSETS = {"POSTROOM_SMTP_PORT": 8, "POSTROOM_SUBMISSION_PORT": 9, "POSTROOM_SUBMISSIONS_PORT": 10}
WEB_OFFSET = 11

T = TypeVar("T")


class PlatformFailed(Exception):
    """The platform did not come up, or left something behind; the message ends with its last lines."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: Any


def eventually(probe: Callable[[], T | None], *, timeout: float = 20.0, every: float = 0.05) -> T:
    """Ask until the answer is true, and return it; fail with the last answer when the time is up."""
    deadline = time.monotonic() + timeout
    while not (answer := probe()):
        assert time.monotonic() < deadline, f"not within {timeout:.0f} s; the last answer was {answer!r}"
        time.sleep(every)
    return answer


class PlatformProcess:
    """Start with `with`; what is inside finds everything that a user of the platform would be told."""

    host = "127.0.0.1"
    guest = "127.0.0.25"  # where a test may put a mail server of its own: next hops may lie there

    def __init__(self, *, options: Sequence[str] = (), environment: Mapping[str, str] | None = None) -> None:
        self.folder = make_folder()
        self.data_dir = self.folder / "data"
        self.ports = free_ports()
        self.output_path = self.folder / "output"
        self._options = options
        self._extra = dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop(check=False)
            self.forget()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None) -> None:
        try:
            self.stop(check=kind is None)
        finally:
            self.forget()

    # Where things are ---------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.ports['POSTROOM_WEB_PORT']}"

    @property
    def smtp_port(self) -> int:
        return self.ports["POSTROOM_SMTP_PORT"]

    @property
    def submission_port(self) -> int:
        return self.ports["POSTROOM_SUBMISSION_PORT"]

    @property
    def submissions_port(self) -> int:
        return self.ports["POSTROOM_SUBMISSIONS_PORT"]

    @property
    def lab(self) -> LabConfig:
        return LabConfig(base_port=self.ports["POSTROOM_LAB_BASE_PORT"], smtp_port=self.smtp_port)

    @property
    def logins(self) -> dict[str, str]:
        """The passwords by address, as the person who started the platform reads them."""
        lines = (self.data_dir / "log-ins.txt").read_text().splitlines()
        return {fields[0]: fields[1] for line in lines if len(fields := line.split()) >= 2}

    @property
    def output(self) -> str:
        return self.output_path.read_text(errors="replace") if self.output_path.exists() else ""

    @property
    def environment(self) -> dict[str, str]:
        """What a command needs to act on this platform and no other."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OUR_VARIABLES)}
        ours = {
            "POSTROOM_DATA_DIR": str(self.data_dir),
            "POSTROOM_PRIVATE_NETWORKS": f"{self.guest}/32",
            "PYTHONUNBUFFERED": "1",
        }
        return kept | ours | {name: str(port) for name, port in self.ports.items()} | self._extra

    # What one can do with it --------------------------------------------------------------------------

    def manage(self, *arguments: str) -> str:
        """Run one of the commands and return what it prints."""
        done = subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            env=self.environment,
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, f"manage.py {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def api(self, key: str, *, tenant: str = "") -> ApiCaller:
        """Return a caller with this key; an operator's key names its tenant."""
        return ApiCaller(f"{self.url}/api/v1/", key, tenant)

    def publish_domain(self, domain: str, verification: str) -> None:
        """Publish in the lab's DNS what the domain's owner was asked to: the proof, MX to us, SPF."""
        publish_domain(domain, verification, folder=self.data_dir / "lab" / "records")

    def tenants_api(self, slug: str = "contoso") -> ApiCaller:
        return self.api(self.manage("create_api_key", "--tenant", slug, "--name", "tests").strip())

    def processes(self) -> dict[int, str]:
        """Return the processes that belong to this platform: pid and command line."""
        assert self._process is not None
        return {pid: command_line(pid) for pid in descendants(self._process.pid)}

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:  # noqa: S310 - our own address
                return bool(answer.status == 200)
        except OSError:
            return False

    # Its life -----------------------------------------------------------------------------------------

    def start(self) -> None:
        with self.output_path.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, str(ROOT / "manage.py"), "up", *self._options],
                env=self.environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + READY_SECONDS
        while not self.is_ready():
            if self._process.poll() is not None:
                raise PlatformFailed(f"`up` ended with {self._process.returncode}:\n{self._last_lines()}")
            if time.monotonic() > deadline:
                raise PlatformFailed(f"Not ready after {READY_SECONDS:.0f} s:\n{self._last_lines()}")
            time.sleep(0.1)

    def stop(self, *, check: bool = True) -> None:
        """Stop as a service manager does; with `check`, fail when a process is left or an unkind end was needed."""
        process, self._process = self._process, None
        if process is None:
            return
        family = {pid: command_line(pid) for pid in descendants(process.pid)}
        process.send_signal(signal.SIGTERM)
        try:
            status = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            status = None
        left = {pid: line for pid, line in family.items() if line and command_line(pid) == line}
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        process.wait()
        if check and (status != 0 or left):
            raise PlatformFailed(f"`up` ended with {status}, left running: {left or 'nothing'}\n{self._last_lines()}")

    def forget(self) -> None:
        """Remove the data, unless somebody wants to look at it."""
        if not os.environ.get("POSTROOM_KEEP_TEST_DATA"):
            shutil.rmtree(self.folder, ignore_errors=True)

    def _last_lines(self) -> str:
        return "\n".join(self.output.splitlines()[-40:])


class ApiCaller:
    """A program that calls the REST API over HTTP, knowing nothing but its documentation."""

    def __init__(self, base: str, key: str, tenant: str) -> None:
        self._base = base
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        if tenant:
            self._headers["X-Postroom-Tenant"] = tenant

    def get(self, path: str) -> Answer:
        return self.call("GET", path)

    def post(self, path: str, body: object = None) -> Answer:
        return self.call("POST", path, {} if body is None else body)

    def patch(self, path: str, body: object) -> Answer:
        return self.call("PATCH", path, body)

    def delete(self, path: str) -> Answer:
        return self.call("DELETE", path)

    def call(self, method: str, path: str, body: object = None) -> Answer:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self._base + path, data, self._headers, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310 - the platform's own address
                return _answer(response.status, response.read())
        except urllib.error.HTTPError as error:
            with error:
                return _answer(error.code, error.read())


def _answer(status: int, content: bytes) -> Answer:
    try:
        return Answer(status, json.loads(content) if content else None)
    except ValueError:
        return Answer(status, content.decode(errors="replace"))


def free_ports() -> dict[str, int]:
    """Return ports that nobody uses now, by the variable that sets each."""
    while True:
        base = LabConfig.free().base_port
        offsets = PORT_OFFSETS | {"POSTROOM_WEB_PORT": WEB_OFFSET}
        ports = {name: base + offset for name, offset in offsets.items()}
        if all(_is_free(port) for port in ports.values()):
            return ports | {"POSTROOM_LAB_BASE_PORT": base}


def _is_free(port: int) -> bool:
    with socket.socket() as candidate:
        try:
            candidate.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def descendants(pid: int) -> list[int]:
    """Return a process and all that it started, by /proc: programs may have left its session."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        children.setdefault(parent, []).append(int(stat.parent.name))
    found = [pid]
    for known in found:
        found += children.get(known, [])
    return found


def command_line(pid: int) -> str:
    """Return how a process was started; empty when it is gone or a zombie."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""
