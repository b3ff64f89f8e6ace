"""Plain psycopg connections for the daemon and the workers, from Django's settings, in the role of the mail flow."""

from __future__ import annotations

from typing import Any

import psycopg
from django.conf import settings
from django.db import connections
from psycopg.conninfo import make_conninfo

FLOW_ROLE = "postroom_flow"
CONNECT_TIMEOUT = 5
_OURS = frozenset({"pool", "assume_role", "server_side_binding", "isolation_level", "options", "connect_timeout"})


def flow_conninfo(application_name: str = "postroom") -> str:
    """Return the conninfo of the default database with the flow's role, and commits that wait for the disk."""
    database = connections["default"].settings_dict
    given: dict[str, Any] = database.get("OPTIONS") or {}
    info = {key: value for key, value in given.items() if key not in _OURS}
    names = {"NAME": "dbname", "USER": "user", "PASSWORD": "password", "HOST": "host", "PORT": "port"}
    info |= {ours: database[theirs] for theirs, ours in names.items() if database.get(theirs)}
    info |= {
        "options": " ".join(part for part in (given.get("options", ""), *_session_settings(given)) if part),
        "connect_timeout": CONNECT_TIMEOUT,
        "application_name": application_name,
    }
    return make_conninfo(**info)


def _session_settings(given: dict[str, Any]) -> list[str]:
    # Invariant 1: a 250 stands for what is on disk, whatever the server's default is.
    wanted = ["-c synchronous_commit=on"]
    has_own_login = settings.DATABASE_ROLE == "flow" and not given.get("assume_role")
    return wanted if has_own_login else [*wanted, f"-c role={FLOW_ROLE}"]


async def connect_flow(application_name: str = "postroom") -> psycopg.AsyncConnection[Any]:
    """Open an autocommitting connection: one statement is one transaction."""
    return await psycopg.AsyncConnection.connect(flow_conninfo(application_name), autocommit=True)


def is_away(error: psycopg.Error) -> bool:
    """Tell a server that is gone, going or not yet there from one that refuses a statement."""
    state = error.sqlstate
    return isinstance(error, psycopg.OperationalError) and (state is None or state.startswith(("08", "57P")))
