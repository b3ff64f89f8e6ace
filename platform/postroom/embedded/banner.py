"""What the person who typed `make up` sees when all is ready, and where the log-ins are kept."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TypedDict

from django.conf import settings

from postroom.embedded.errors import StartError
from postroom.embedded.listeners import Endpoint

LABEL_WIDTH = 12


class Login(TypedDict):
    who: str
    address: str
    password: str


def logins_path() -> Path:
    return Path(settings.POSTROOM_DATA_DIR) / "log-ins.txt"


def read_logins(lines: Sequence[str]) -> list[Login]:
    """Return what `manage.py prepare --json` says on its last line."""
    try:
        found: list[Login] = json.loads(lines[-1])
        return [Login(who=item["who"], address=item["address"], password=item["password"]) for item in found]
    except (IndexError, ValueError, KeyError, TypeError):
        raise StartError(f"prepare gave no list of log-ins but {' '.join(lines[-1:])[:200]!r}.") from None


def keep_logins(logins: Sequence[Login]) -> None:
    """Add new log-ins to a file that only its owner reads: a password is printed once."""
    path = logins_path()
    path.touch(mode=0o600, exist_ok=True)
    with path.open("a") as file:
        file.writelines(f"{line}\n" for line in _login_lines(logins))


def banner(endpoints: Sequence[Endpoint], logins: Sequence[Login], *, lab_dns: str, seconds: float) -> str:
    url = settings.POSTROOM_PUBLIC_URL
    relay, submission, submissions = (str(endpoint) for endpoint in endpoints)
    lines = [
        _row("Console", f"{url}/"),
        _row("Admin", f"{url}/admin/"),
        _row("API docs", f"{url}/api/docs/"),
        _row("SMTP in", relay),
        _row("Submission", f"{submission} (STARTTLS), {submissions} (TLS)"),
        *([_row("Lab DNS", lab_dns)] if lab_dns else []),
        *_login_rows(logins),
    ]
    return "\n".join(["", f"Postroom is ready ({seconds:.1f} s). Ctrl-C stops it.", *lines, ""])


def _login_rows(logins: Sequence[Login]) -> list[str]:
    if logins:
        labels = ["Log-ins", *[""] * (len(logins) - 1)]
        return [_row(label, line) for label, line in zip(labels, _login_lines(logins), strict=True)]
    return [_row("Log-ins", str(logins_path()))] if logins_path().exists() else []


def _login_lines(logins: Sequence[Login]) -> list[str]:
    width = max((len(login["address"]) for login in logins), default=0)
    return [f"{login['address']:<{width}}  {login['password']}  ({login['who']})" for login in logins]


def _row(label: str, text: str) -> str:
    return f"  {label:<{LABEL_WIDTH}}{text}"
