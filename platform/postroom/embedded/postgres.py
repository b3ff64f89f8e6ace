"""PostgreSQL of our own: one cluster in the data folder, reachable only through a private Unix socket.

It listens on no TCP port, so two copies never clash; it is a child that shuts down in order when we die.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self
from urllib.parse import quote

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from postroom.embedded.account import Account, choose_account
from postroom.embedded.binaries import find_binaries
from postroom.embedded.cluster import (
    ENVIRONMENT,
    NO_DURABILITY,
    SUPERUSER,
    cluster_version,
    complaint,
    make_cluster,
    write_configuration,
)
from postroom.embedded.errors import StartError
from postroom.embedded.folder_lock import FolderLock
from postroom.embedded.lifeline import dies_with_parent
from postroom.embedded.placement import ROOTS_HOME, ROOTS_SOCKETS, Placement, expected_placement, make_folder, place
from postroom.embedded.predecessor import wait_for_predecessor

PORT = 5432  # only a part of the socket's name
POLL_SECONDS = 0.02
LARGEST_LOG = 10_000_000
PREDECESSOR_SECONDS = 15.0


class EmbeddedPostgres:
    """A server on `data_dir`, which holds its log, its lock and (placement.py tells when not) its cluster.

    `start` makes what is missing and returns when the database answers. A caller with a loop of its own calls
    `launch`, waits for `is_ready` and then calls `ensure_database`. Start it from the main thread: the kernel ties
    the server's life to the thread that started it.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        fsync: bool = True,
        owner: str = "postroom",
        database: str = "postroom",
        settings: Mapping[str, str] | None = None,
        start_timeout: float = 120.0,
        stop_timeout: float = 30.0,
    ) -> None:
        self.data_dir = data_dir.absolute()
        self.owner = owner
        self.database = database
        self.start_timeout = start_timeout
        self.stop_timeout = stop_timeout
        self.process: subprocess.Popen[bytes] | None = None
        self._fsync = fsync
        self._settings = {**({} if fsync else NO_DURABILITY), **(settings or {})}
        self._log_start = 0
        self._lock = FolderLock(self.data_dir / "lock")

    @property
    def placement(self) -> Placement:
        return expected_placement(self.data_dir)

    @property
    def log_path(self) -> Path:
        return self.data_dir / "postgres.log"

    @property
    def owner_url(self) -> str:
        return self.url_for(self.owner, self.database)

    def url_for(self, role: str, database: str) -> str:
        """Return the URL of a database, which is the same before, while and after the server runs."""
        host = quote(self._host, safe="/")
        return f"postgresql://{quote(role, safe='')}@/{quote(database, safe='')}?host={host}&port={PORT}"

    @property
    def _host(self) -> str:
        return str(self.placement.socket_folder)

    # Starting -----------------------------------------------------------------------------------------

    def start(self) -> None:
        try:
            self.launch()
            self._wait_until_ready()
            self.ensure_database()
        except BaseException:
            self.stop()
            raise

    def launch(self) -> None:
        """Start the server without waiting for it; make the cluster first where there is none."""
        try:
            make_folder(self.data_dir, 0o711 if os.geteuid() == 0 else 0o700)
        except OSError as error:
            raise StartError(
                f"{error.filename} cannot be made: {error.strerror}. Set POSTROOM_DATA_DIR to a folder of yours."
            ) from None
        if not os.access(self.data_dir, os.W_OK):
            raise StartError(f"{self.data_dir} cannot be written. Set POSTROOM_DATA_DIR to a folder of yours.")
        self._lock.acquire()
        account = choose_account(self.placement.cluster)
        placement = place(self.data_dir, account)
        version = cluster_version(placement.cluster)
        binaries = find_binaries(account, placement.home, cluster_version=version)
        if version is None:
            make_cluster(placement, binaries, account, fsync=self._fsync)
        write_configuration(placement, self._settings)
        wait_for_predecessor(placement.cluster, PREDECESSOR_SECONDS)
        self._spawn(binaries.program("postgres"), placement, account)

    def _spawn(self, program: str, placement: Placement, account: Account) -> None:
        configuration = placement.home / "postgresql.conf"
        try:
            if self.log_path.exists() and self.log_path.stat().st_size > LARGEST_LOG:
                self.log_path.replace(self.log_path.with_suffix(".log.1"))
            with self.log_path.open("ab") as log:
                self._log_start = log.tell()
                self.process = subprocess.Popen(
                    [program, "-D", placement.cluster, "-c", f"config_file={configuration}"],
                    cwd="/",
                    env=ENVIRONMENT,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # a terminal's Ctrl-C is ours to answer, in our order
                    preexec_fn=dies_with_parent(signal.SIGINT if self._fsync else signal.SIGQUIT),
                    **account.popen_options,
                )
        except OSError as error:
            raise StartError(f"PostgreSQL cannot be started ({error.filename}): {error.strerror}.") from None

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + self.start_timeout
        while not self.is_ready():
            self.raise_if_ended()
            if time.monotonic() > deadline:
                raise StartError(f"PostgreSQL does not answer after {self.start_timeout:.0f} s: see {self.log_path}.")
            time.sleep(POLL_SECONDS)

    def raise_if_ended(self) -> None:
        """Raise what the server's log gives as the reason if the server is no more."""
        if self.process is not None and self.process.poll() is not None:
            raise StartError(f"PostgreSQL does not run: {complaint(self._log_tail())} (log: {self.log_path})")

    def _log_tail(self) -> str:
        with self.log_path.open("rb") as log:
            log.seek(max(self._log_start, log.seek(0, os.SEEK_END) - 4096))
            return log.read().decode(errors="replace")

    def is_ready(self) -> bool:
        """Say whether the server that we started answers a query."""
        if self.process is None or self.process.poll() is not None:
            return False
        try:
            with self._connect(connect_timeout=2) as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def _connect(self, *, connect_timeout: int = 10) -> psycopg.Connection[tuple[object, ...]]:
        # Through the keywords, so that no PG… variable of the caller's leads elsewhere.
        conninfo = make_conninfo(host=self._host, port=PORT, user=SUPERUSER, dbname="postgres")
        return psycopg.connect(conninfo, autocommit=True, connect_timeout=connect_timeout)

    def ensure_database(self) -> None:
        """Make the owner's log-in (no superuser, may make roles and databases) and its database."""
        owner = sql.Identifier(self.owner)
        with self._connect() as connection:
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [self.owner]).fetchone():
                connection.execute(
                    sql.SQL("CREATE ROLE {} LOGIN NOSUPERUSER NOBYPASSRLS CREATEROLE CREATEDB").format(owner)
                )
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [self.database]).fetchone():
                statement = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0")
                connection.execute(statement.format(sql.Identifier(self.database), owner))

    # Stopping -----------------------------------------------------------------------------------------

    def stop(self) -> None:
        """End the server: ordered, then without its checkpoint, then by force; harmless when none runs."""
        if self.process is not None:
            for stop_signal in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
                self.process.send_signal(stop_signal)
                try:
                    self.process.wait(self.stop_timeout)
                    break
                except subprocess.TimeoutExpired:
                    continue
            self.process = None
        self._lock.release()

    def destroy(self) -> None:
        """Stop a throw-away server at once and remove every file of it."""
        if self.process is not None:
            self.process.send_signal(signal.SIGQUIT)
        self.stop()
        placement = self.placement
        for folder in (self.data_dir, placement.home, placement.socket_folder):
            shutil.rmtree(folder, ignore_errors=True)
        for shared in (ROOTS_HOME, ROOTS_SOCKETS):
            if shared.is_dir() and not any(shared.iterdir()):
                shared.rmdir()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()
