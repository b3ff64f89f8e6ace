"""The system account that PostgreSQL runs as: our own, or an unprivileged one when we are root."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from postroom.embedded.errors import StartError

UNPRIVILEGED = ("postgres", "nobody")  # existing accounts only: we never add one


@dataclass(frozen=True, slots=True)
class Account:
    uid: int
    gid: int
    name: str

    @property
    def is_ourselves(self) -> bool:
        return self.uid == os.geteuid()

    @property
    def popen_options(self) -> dict[str, Any]:
        """Return the options that make `subprocess` start a program as this account."""
        return {} if self.is_ourselves else {"user": self.uid, "group": self.gid, "extra_groups": []}

    def give(self, path: Path) -> None:
        """Hand over a folder that we have just made."""
        if not self.is_ourselves:
            os.chown(path, self.uid, self.gid)

    def can_enter(self, folder: Path) -> bool:
        """Say whether this account gets through every folder down to `folder`, asking the kernel."""
        if self.is_ourselves:
            return os.access(folder, os.X_OK)
        command = ["/bin/sh", "-c", 'test -x "$1"', "sh", str(folder)]
        try:
            return subprocess.run(command, cwd="/", stdin=subprocess.DEVNULL, **self.popen_options).returncode == 0
        except OSError as error:  # a container whose root may not change its user
            raise StartError(
                f"PostgreSQL does not run as root, and becoming the user {self.name} is refused here "
                f"({error.strerror}): start Postroom as an ordinary user or set DATABASE_URL."
            ) from None


def choose_account(cluster: Path) -> Account:
    """Return the account for a cluster: ours, the one that owns its files, or an unprivileged one."""
    if os.geteuid() != 0:
        return _ourselves(cluster)
    if cluster.exists() and (owner := cluster.stat()).st_uid != 0:
        return Account(owner.st_uid, owner.st_gid, _name_of(owner.st_uid))
    for name in UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid, name)
    raise StartError(
        f"PostgreSQL does not run as root, and neither of the users {' or '.join(UNPRIVILEGED)} exists: "
        "start Postroom as an ordinary user or set DATABASE_URL."
    )


def _ourselves(cluster: Path) -> Account:
    uid = os.geteuid()
    if cluster.exists() and (owner := cluster.stat().st_uid) != uid:
        raise StartError(
            f"The database in {cluster} belongs to the user {_name_of(owner)}: start Postroom as that user "
            "or as root, or set POSTROOM_DATA_DIR to a folder of yours."
        )
    return Account(uid, os.getegid(), _name_of(uid))


def _name_of(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
