"""The platform's programs: how each is started, under which role of the database, and when it is stopped."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings

from postroom.embedded.child import Program
from postroom.embedded.listeners import Endpoint, ProcessSockets
from postroom.settings import ROOT
from transport.smtpd.inherited import VARIABLE

# Nothing new comes in (0), what is under way is finished (1), the lab's peers go (2), then the database.
FACES, WORKERS, LAB = 0, 1, 2


@dataclass(frozen=True, slots=True)
class Options:
    lab: bool
    demo: bool


def smtp_endpoints() -> list[Endpoint]:
    ports = {
        "relay": (settings.POSTROOM_SMTP_PORT, "POSTROOM_SMTP_PORT"),
        "submission": (settings.POSTROOM_SUBMISSION_PORT, "POSTROOM_SUBMISSION_PORT"),
        "submissions": (settings.POSTROOM_SUBMISSIONS_PORT, "POSTROOM_SUBMISSIONS_PORT"),
    }
    return [Endpoint(name, settings.POSTROOM_BIND, port, variable) for name, (port, variable) in ports.items()]


def web_endpoint() -> Endpoint:
    return Endpoint("web", settings.POSTROOM_BIND, settings.POSTROOM_WEB_PORT, "POSTROOM_WEB_PORT")


def reachable(host: str) -> str:
    """Return where to knock for what listens on `host`, which may mean every address."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - read, not bound


class Programs:
    def __init__(self, options: Options) -> None:
        self._options = options
        self._environment = {
            "PYTHONUNBUFFERED": "1",
            "PYTHONPATH": os.pathsep.join(
                filter(None, [str(ROOT), str(ROOT / "platform"), os.environ.get("PYTHONPATH")])
            ),
            "POSTROOM_LAB": str(int(options.lab)),
            "POSTROOM_DEMO": str(int(options.demo)),
        }

    def lab(self) -> Program:
        return self._command("lab", ["lab"], stop_stage=LAB, stop_timeout=3)

    def prepare(self) -> Program:
        arguments = ["prepare", "--json"] if self._options.demo else ["prepare", "--json", "--no-demo"]
        return self._command("prepare", arguments, role="owner")

    def smtpd(self, number: int, sockets: ProcessSockets) -> Program:
        name = "smtpd" if settings.POSTROOM_SMTPD_PROCESSES == 1 else f"smtpd-{number}"
        return self._command(
            name,
            ["smtpd"],
            environment={VARIABLE: sockets.description},
            descriptors=sockets.descriptors,
            stop_timeout=15,
        )

    def worker(self) -> Program:
        return self._command("worker", ["worker", "--queues", "deliver"], stop_stage=WORKERS, stop_timeout=20)

    def sweeper(self) -> Program:
        """A small worker of its own for the sweep, which must run while deliveries fill every slot of the other."""
        return self._command("sweeper", ["worker", "--queues", "sweep", "--solo"], stop_stage=WORKERS)

    def beat(self) -> Program:
        arguments = ["-A", "postroom", "--quiet", "beat", "--pidfile=", "--loglevel=WARNING"]
        return self._program("beat", [sys.executable, "-m", "celery", *arguments], role="flow", stop_timeout=5)

    def web(self) -> Program:
        endpoint = web_endpoint()
        arguments = ["--interface", "asginl", "--host", endpoint.host, "--port", str(endpoint.port), "--no-ws"]
        arguments += ["--log-level", "warning", "--respawn-failed-workers", "--workers-kill-timeout", "5"]
        command = [sys.executable, "-m", "granian", *arguments, "postroom.asgi:application"]
        return self._program("web", command, role="web")

    def _command(
        self,
        name: str,
        arguments: Sequence[str],
        *,
        role: str = "flow",
        environment: dict[str, str] | None = None,
        descriptors: tuple[int, ...] = (),
        stop_stage: int = FACES,
        stop_timeout: float = 10.0,
    ) -> Program:
        command = [sys.executable, str(ROOT / "manage.py"), *arguments]
        return self._program(name, command, role, environment, descriptors, stop_stage, stop_timeout)

    def _program(
        self,
        name: str,
        command: Sequence[str],
        role: str,
        environment: dict[str, str] | None = None,
        descriptors: tuple[int, ...] = (),
        stop_stage: int = FACES,
        stop_timeout: float = 10.0,
    ) -> Program:
        # Our own role is in os.environ by now; each program has its own (design §12.1).
        whole = {**self._environment, "POSTROOM_DATABASE_ROLE": role, **(environment or {})}
        return Program(name, command, whole, descriptors, stop_stage, stop_timeout)
