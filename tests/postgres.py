"""A throw-away PostgreSQL for one test run, as a pytest plugin (`-p tests.postgres`).

It must be up before pytest-django reads the settings, so a conftest.py would come too late. The process that starts
the run starts the server and says where in DATABASE_URL, which the workers of pytest-xdist inherit; with a
DATABASE_URL of the caller's, that server serves.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

import psycopg
import pytest

from postroom.embedded.postgres import EmbeddedPostgres
from tenants.rls import MAKE_BROKER_ROLE, MAKE_ROLES

PREFIX = "postroom-test-"


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    if not os.environ.get("DATABASE_URL"):
        remove_leftovers()
        folder = make_folder()
        early_config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
        os.environ.setdefault("POSTROOM_DATA_DIR", str(folder / "data"))
        os.environ["DATABASE_URL"] = start_server(early_config, folder).owner_url
    yield


def start_server(config: pytest.Config, folder: Path) -> EmbeddedPostgres:
    """Start a server that gives durability away for speed, and ends with the run however the run ends."""
    server = EmbeddedPostgres(folder / "postgres", fsync=False, settings={"max_connections": "200"})
    config.add_cleanup(server.destroy)
    server.start()
    # Roles are the cluster's: made before the workers migrate their databases all at once.
    with psycopg.connect(server.owner_url, autocommit=True) as connection:
        connection.execute(MAKE_ROLES)
        connection.execute(MAKE_BROKER_ROLE)
    return server


def make_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-"))
    folder.chmod(0o711)  # a root's server runs as somebody else, who has to get through
    return folder


def remove_leftovers() -> None:
    """Remove the folders of runs that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        pid = folder.name.removeprefix(PREFIX).partition("-")[0]
        if not Path("/proc", pid).exists() and folder.stat().st_uid == os.geteuid():
            shutil.rmtree(folder, ignore_errors=True)
