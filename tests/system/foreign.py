"""Other mail servers of Debian's beside the installed one, as private instances on loopback.

Debian lets only one mail server be installed, and its Exim and OpenSMTPD have the places of their configuration and
spool built in. So `install-programs` unpacks them beside the system, and each runs in mount and process namespaces of
its own, in which `/usr` and `/etc` have its files on top and `/var` and `/run` are its own: nothing outside is
touched, and all of it ends with the process that made the namespaces. That takes root, by `sudo -n` where we are not.
"""

from __future__ import annotations

import shutil
import smtplib
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

from tests.platform_process import ROOT, descendants
from tests.system.postfix import as_root, environment, free_port, greets

PROGRAMS = ROOT / ".programs"
START_SECONDS = 20.0
# Ids that nobody has: the names belong to them inside the namespaces only.
FIRST_ID = 30_250

ENTER = """\
set -eu
mount -t overlay overlay -o "lowerdir=$1/usr:/usr" /usr
mount -t overlay overlay -o "lowerdir=$2/etc:/etc" /etc
mount --bind "$2/var" /var
mount --bind "$2/run" /run
cd /
shift 2
exec "$@"
"""


class ForeignServerFailed(Exception):
    """The server did not start; the message ends with its log."""


class ForeignServer(ABC):
    """Start with `with`. It takes mail for some names at its domain, and hands everything else to its relay."""

    domain: ClassVar[str]
    users: ClassVar[Sequence[str]]
    unknown: ClassVar[str]  # what it says about anybody else

    def __init__(self, *, address: str, relay: tuple[str, int]) -> None:
        self.address = address
        self.port = free_port(address)
        self.relay = relay
        self.folder = Path(tempfile.mkdtemp(prefix=f"postroom-{type(self).__name__.lower()}-"))
        self.maildir = self.folder / "mail" / "inbox"
        self._output = self.folder / "output"
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def configuration(self) -> Mapping[str, str]:
        """Return the files to lay over /etc, by their path in it."""

    @abstractmethod
    def prepare(self) -> None:
        """Make the folders that the server wants to find in /var and /run."""

    @abstractmethod
    def command(self) -> Sequence[str]:
        """Return how the server is started, inside and in the foreground."""

    @property
    def log(self) -> str:
        return self._output.read_text(errors="replace") if self._output.exists() else ""

    def __enter__(self) -> Self:
        try:
            self._write()
            self.prepare()
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self.stop()

    def stop(self) -> None:
        if self._process is not None:
            # The namespace's first process takes all others with it; those before it only wait for its end.
            before = 2 if as_root() else 1
            family = descendants(self._process.pid)
            inside = [str(pid) for pid in family[before:] or family]
            subprocess.run([*as_root(), "kill", "-KILL", *inside], capture_output=True, check=False)
            self._process.wait(timeout=20)
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.folder.exists():
            subprocess.run([*as_root(), "rm", "-rf", str(self.folder)], check=False, timeout=60)

    def received(self) -> list[bytes]:
        """Return the messages in the maildir."""
        return [path.read_bytes() for path in (self.maildir / "new").glob("*")]

    def hand_over(self, sender: str, recipients: Sequence[str], content: bytes, **options: Sequence[str]) -> None:
        """Give it a message as one of its own users does; `options` are smtplib's."""
        with smtplib.SMTP(self.address, self.port, timeout=20) as client:
            client.sendmail(sender, recipients, content, **options)

    def folder_for(self, user_id: int, *parts: str, mode: int = 0o755) -> None:
        """Make a folder of the server's that belongs to this id."""
        path = self.folder.joinpath(*parts)
        path.mkdir(parents=True)
        path.chmod(mode)
        subprocess.run([*as_root(), "chown", f"{user_id}:{user_id}", str(path)], check=True)

    def _write(self) -> None:
        self.folder.chmod(0o755)
        for name in ("etc", "var", "run", "mail"):
            (self.folder / name).mkdir()
        (self.folder / "mail").chmod(0o777)
        (self.folder / "var" / "run").symlink_to("/run")
        etc = self.folder / "etc"
        (etc / "hosts").write_text("127.0.0.1 localhost\n")
        (etc / "resolv.conf").write_text("lookup file\nnameserver 127.0.0.1\n")  # nobody asks the real world
        for path, text in self.configuration().items():
            (etc / path).parent.mkdir(exist_ok=True)
            (etc / path).write_text(text)
        (self.folder / "enter").write_text(ENTER)

    def _start(self) -> None:
        enter = ["sh", str(self.folder / "enter"), str(PROGRAMS), str(self.folder)]
        namespaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child"]
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(
                [*as_root(), *namespaces, *enter, *self.command()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment(),
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not greets(self.address, self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise ForeignServerFailed(self.log[-2000:])
            time.sleep(0.05)


def accounts(**ids: int) -> Mapping[str, str]:
    """Return the system's lists of users and groups with these added: a server looks up the names of its own."""
    files = {"passwd": "{name}:x:{id}:{id}::/:/bin/false\n", "group": "{name}:x:{id}:\n"}
    return {
        file: Path("/etc", file).read_text()
        + "".join(line.format(name=name, id=number) for name, number in ids.items())
        for file, line in files.items()
    }
