"""`manage.py up`: the order in which the platform comes up on one machine."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path

import psycopg
from django.conf import settings

from postroom.embedded.banner import banner, keep_logins, read_logins
from postroom.embedded.binaries import OLDEST_VERSION
from postroom.embedded.errors import StartError
from postroom.embedded.folder_lock import FolderLock
from postroom.embedded.listeners import ProcessSockets, bind, check_free
from postroom.embedded.output import standard_console
from postroom.embedded.placement import make_folder
from postroom.embedded.postgres import EmbeddedPostgres
from postroom.embedded.programs import Options, Programs, reachable, smtp_endpoints, web_endpoint
from postroom.embedded.readiness import dns_answers, silent_parts, smtp_greets
from postroom.embedded.supervisor import Supervisor
from postroom.environment import env_secret
from postroom.lab.config import configured_lab

READY_SECONDS = 60.0
LAB_SECONDS = 30.0


def run_platform(options: Options) -> None:
    """Run everything until told to stop; raise StartError where it cannot."""
    if sys.platform != "linux":
        raise StartError(f"`up` runs on Linux only, not on {sys.platform}: use a Linux machine or container.")
    asyncio.run(_run(options))


async def _run(options: Options) -> None:
    await Supervisor(standard_console()).run(Launch(options).bring_up)


class Launch:
    def __init__(self, options: Options) -> None:
        self._options = options
        self._programs = Programs(options)
        self._started = time.monotonic()
        self._data_dir = Path(settings.POSTROOM_DATA_DIR)
        self._lock = FolderLock(self._data_dir / "up.lock")
        self._endpoints = smtp_endpoints()
        self._sockets: list[ProcessSockets] = []  # open as long as we run: their ports outlive each smtpd

    async def bring_up(self, supervisor: Supervisor) -> None:
        self._take_data_folder()
        check_free(web_endpoint())
        self._sockets = bind(self._endpoints, processes=settings.POSTROOM_SMTPD_PROCESSES)
        if self._options.lab:
            supervisor.keep(self._programs.lab())
        await self._start_database(supervisor)
        if self._options.lab:
            await self._wait_for_lab(supervisor)
        logins = read_logins(await supervisor.run_once(self._programs.prepare()))
        if logins:
            keep_logins(logins)
        programs = self._programs
        smtpd = [programs.smtpd(number, item) for number, item in enumerate(self._sockets, start=1)]
        for program in (*smtpd, programs.worker(), programs.sweeper(), programs.beat(), programs.web()):
            supervisor.keep(program)
        await self._wait_until_ready(supervisor)
        lab_dns = configured_lab().dns_server_text if self._options.lab else ""
        seconds = time.monotonic() - self._started
        supervisor.console.show(banner(self._endpoints, logins, lab_dns=lab_dns, seconds=seconds))

    def _take_data_folder(self) -> None:
        try:
            make_folder(self._data_dir, 0o755 if os.geteuid() == 0 else 0o700)
        except OSError as error:
            raise StartError(
                f"{error.filename} cannot be made: {error.strerror}. Set POSTROOM_DATA_DIR to a folder of yours."
            ) from None
        if not os.access(self._data_dir, os.W_OK):
            raise StartError(f"{self._data_dir} cannot be written. Set POSTROOM_DATA_DIR to a folder of yours.")
        self._lock.acquire()

    async def _start_database(self, supervisor: Supervisor) -> None:
        if url := env_secret("DATABASE_URL"):
            await asyncio.to_thread(check_database, url)
            return
        server = EmbeddedPostgres(self._data_dir / "postgres")
        await supervisor.keep_database(server)
        self._tell_database(server.owner_url)

    def _tell_database(self, url: str) -> None:
        """Write down the address for every other command; the settings read it."""
        draft = self._data_dir / "database-url.new"
        try:
            draft.write_text(f"{url}\n")
            draft.replace(self._data_dir / "database-url")
        except OSError as error:
            raise StartError(f"{draft} cannot be written: {error.strerror}.") from None

    async def _wait_for_lab(self, supervisor: Supervisor) -> None:
        host, port = configured_lab().dns_server

        async def answers() -> bool:
            return await dns_answers(host, port)

        if not await supervisor.wait_for(answers, timeout=LAB_SECONDS):
            raise StartError(f"The lab's DNS does not answer on {host}:{port}: set POSTROOM_LAB=0 or see its lines.")

    async def _wait_until_ready(self, supervisor: Supervisor) -> None:
        """Wait for every part; one that stays silent is named, and goes on being started."""
        relay, web = self._endpoints[0], web_endpoint()
        silent: list[str] | None = None

        async def all_answer() -> bool:
            nonlocal silent
            silent = await silent_parts(reachable(web.host), web.port)
            return silent == [] and await smtp_greets(reachable(relay.host), relay.port)

        if not await supervisor.wait_for(all_answer, timeout=READY_SECONDS, pause=0.25):
            missing = "web does not answer" if silent is None else "; ".join(silent) or "smtpd does not answer"
            supervisor.say(f"Not ready after {READY_SECONDS:.0f} s: {missing}.")


def check_database(url: str) -> None:
    """Refuse a DATABASE_URL that leads nowhere, in the server's own words and with the variable's name."""
    try:
        with psycopg.connect(url, connect_timeout=10) as connection:
            version = connection.info.server_version // 10000
            encoding = connection.info.parameter_status("server_encoding")
    except psycopg.Error as error:
        reason = str(error).strip().splitlines()[0]
        raise StartError(
            f"DATABASE_URL cannot be used: {reason}. Mend it, or unset it for the database that comes with Postroom."
        ) from None
    if version < OLDEST_VERSION:
        raise StartError(f"DATABASE_URL leads to PostgreSQL {version}; Postroom needs {OLDEST_VERSION} or later.")
    if encoding != "UTF8":
        raise StartError(f"DATABASE_URL leads to a database in {encoding}; Postroom needs one in UTF8.")
