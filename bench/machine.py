"""One line on what the figures were taken with: they mean nothing on another machine."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from pathlib import Path

import psycopg


def describe(environment: Mapping[str, str], chosen: Mapping[str, str]) -> str:
    """Return cores, Python, PostgreSQL and what was set by hand."""
    url = (Path(environment["POSTROOM_DATA_DIR"]) / "database-url").read_text().strip()
    with psycopg.connect(url) as connection:
        version = connection.execute("SHOW server_version").fetchone()
        durable = connection.execute(
            "SELECT string_agg(name || ' ' || setting, ', ' ORDER BY name) FROM pg_settings"
            " WHERE name IN ('fsync', 'synchronous_commit')"
        ).fetchone()
    parts = [
        f"{len(os.sched_getaffinity(0))} cores",
        f"Python {platform.python_version()}",
        f"PostgreSQL {version[0] if version else '?'} ({durable[0] if durable else '?'})",
        *(f"{name}={value}" for name, value in chosen.items()),
    ]
    return ", ".join(parts)
