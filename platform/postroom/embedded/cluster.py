"""Making a database cluster and its configuration; the configuration is ours, rewritten at every start.

An operator's own settings go in by ALTER SYSTEM, which PostgreSQL keeps in the cluster and reads last.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

from postroom.embedded.account import Account
from postroom.embedded.binaries import Binaries
from postroom.embedded.errors import StartError
from postroom.embedded.lifeline import dies_with_parent
from postroom.embedded.placement import Placement

SUPERUSER = "postgres"
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}  # no PG… variable of the caller's, messages in English
BUILTIN_LOCALE_SINCE = 17
SYSTEM_UTF8_LOCALE = Path("/usr/lib/locale/C.utf8")

# Sized for a small machine with two cores; durability is PostgreSQL's own default, said aloud.
SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "synchronous_commit": "on",
    "fsync": "on",
    "full_page_writes": "on",
    "wal_compression": "on",
    "jit": "off",
    "random_page_cost": "1.1",
    "max_parallel_workers_per_gather": "1",
    "autovacuum_naptime": "15s",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %u@%d ",
    "log_min_duration_statement": "5s",
    "log_checkpoints": "off",
    "cluster_name": "postroom",
}
NO_DURABILITY: Mapping[str, str] = {"fsync": "off", "full_page_writes": "off"}


def cluster_version(cluster: Path) -> int | None:
    try:
        return int((cluster / "PG_VERSION").read_text())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StartError(f"{cluster} is not a PostgreSQL cluster that can be read: {error}.") from None


def make_cluster(placement: Placement, binaries: Binaries, account: Account, *, fsync: bool) -> None:
    """Run initdb beside the final place and rename, so that an interrupted one is never taken for a cluster."""
    draft = placement.home / "cluster.new"
    try:
        if draft.exists():
            shutil.rmtree(draft)
        draft.mkdir(mode=0o700)
        account.give(draft)
        _run_initdb(draft, binaries, account, fsync=fsync)
        draft.rename(placement.cluster)
    except OSError as error:
        raise StartError(f"{error.filename or draft} cannot be written: {error.strerror}.") from None


def _run_initdb(folder: Path, binaries: Binaries, account: Account, *, fsync: bool) -> None:
    command = [binaries.program("initdb"), "-D", str(folder), "--username", SUPERUSER, "--auth", "trust"]
    command += ["--encoding", "UTF8", "--locale", "C", "--data-checksums", "--no-instructions"]
    if binaries.version >= BUILTIN_LOCALE_SINCE:
        # Its order and its upper and lower case never change with the system's C library.
        command += ["--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"]
    elif SYSTEM_UTF8_LOCALE.exists():
        command += ["--lc-ctype", "C.UTF-8"]
    if not fsync:
        command.append("--no-sync")
    outcome = subprocess.run(
        command,
        cwd="/",
        env=ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,
        preexec_fn=dies_with_parent(signal.SIGKILL),
        **account.popen_options,
    )
    if outcome.returncode:
        raise StartError(f"No database could be made in {folder.parent}: {complaint(outcome.stdout)}")


def write_configuration(placement: Placement, settings: Mapping[str, str]) -> None:
    """Write what PostgreSQL reads at its start; not in the cluster, whose owner is less trusted than root."""
    home = placement.home
    folder = str(placement.socket_folder).replace('"', '""')
    paths = {"unix_socket_directories": f'"{folder}"', "hba_file": str(home / "pg_hba.conf")}
    lines = [f"{name} = {_quoted(value)}\n" for name, value in {**SETTINGS, **settings, **paths}.items()]
    try:
        _replace(home / "postgresql.conf", "# Written by Postroom at every start.\n" + "".join(lines))
        # Nobody else can reach the socket: its folder is private to the account.
        _replace(home / "pg_hba.conf", "local all all trust\n")
    except OSError as error:
        raise StartError(f"{error.filename} cannot be written: {error.strerror}.") from None


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _replace(path: Path, text: str) -> None:
    draft = path.with_name(f"{path.name}.new")
    draft.write_text(text)
    draft.chmod(0o644)
    draft.replace(path)


def complaint(log: str) -> str:
    """Return the line of PostgreSQL's words that says what is wrong."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    for mark in ("invalid value for", "unrecognized configuration", "FATAL:", "PANIC:", "error:", "could not"):
        for line in reversed(lines):
            if mark in line:
                return line[line.index(mark) :].removeprefix(mark if mark.endswith(":") else "").strip()
    return lines[-1] if lines else "PostgreSQL gave no reason."
