"""`python -m bench operators`: fill a database with 10,000 tenants and 1,000,000 deliveries, and time every list.

A database of its own, nothing else running: what is measured is a request through Django's whole stack, in this
process, as the role that the web has. `--factor 0.01` tries it out with a hundredth.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from postroom.embedded.postgres import EmbeddedPostgres
from tenants.rls import MAKE_BROKER_ROLE, MAKE_ROLES

ROOT = Path(__file__).resolve().parents[1]
# As a machine of the platform's would have it, as far as this bench needs.
SETTINGS = {"shared_buffers": "512MB", "max_wal_size": "4GB", "work_mem": "16MB", "maintenance_work_mem": "256MB"}


def operators(factor: float = 1.0) -> int:
    """Run the bench in a process with settings of its own. Return its exit code."""
    with database() as url:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("POSTROOM_")}
        folder = tempfile.mkdtemp(prefix="postroom-bench-data-")
        environment |= {
            "DATABASE_URL": url,
            "POSTROOM_DATA_DIR": folder,
            "POSTROOM_LOG_LEVEL": "ERROR",
            "CELERY_BROKER_URL": "memory://",
            "DJANGO_SETTINGS_MODULE": "postroom.settings",
            "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}",
        }
        prepare = [sys.executable, "manage.py", "prepare", "--no-demo"]
        measure = [sys.executable, "-m", "bench.lists", str(factor)]
        try:
            subprocess.run(prepare, env=environment, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
            role = {"POSTROOM_DATABASE_ROLE": "web", "BENCH_OWNER_URL": url}
            return subprocess.run(measure, env=environment | role, cwd=ROOT, check=False).returncode
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def database() -> Iterator[str]:
    """Yield the address of a fresh server, as its owner; it is gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="postroom-bench-db-"))
    folder.chmod(0o711)
    server = EmbeddedPostgres(folder / "postgres", fsync=False, settings=SETTINGS)
    try:
        server.start()
        with psycopg.connect(server.owner_url, autocommit=True) as connection:
            connection.execute(MAKE_ROLES)
            connection.execute(MAKE_BROKER_ROLE)
        yield server.owner_url
    finally:
        server.destroy()
        shutil.rmtree(folder, ignore_errors=True)
