"""Where a cluster, its configuration and its socket lie, decided once and written down beside the data.

Normally all lie in the data folder. Two things can forbid that. A root's server runs as an unprivileged
account, which cannot enter a data folder below, say, /root: then the cluster lies under /var/lib/postroom, in a
folder named by a hash of the data folder's path. And a socket's path has at most 107 bytes (unix(7)): then the
socket lies in a private folder under /run/postroom (root) or the temporary directory (others), named likewise.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from postroom.embedded.account import Account
from postroom.embedded.errors import StartError

LONGEST_SOCKET_PATH = 107
SOCKET_NAME = ".s.PGSQL.5432"
ROOTS_HOME = Path("/var/lib/postroom")
ROOTS_SOCKETS = Path("/run/postroom")
RECORD = "placement.json"


@dataclass(frozen=True, slots=True)
class Placement:
    home: Path
    socket_folder: Path

    @property
    def cluster(self) -> Path:
        return self.home / "cluster"


def expected_placement(data_dir: Path) -> Placement:
    """Return what is written down, or where things would lie; touches nothing."""
    try:
        record = json.loads((data_dir / RECORD).read_text())
        return Placement(Path(record["home"]), Path(record["socket"]))
    except (OSError, ValueError, KeyError, TypeError):
        return Placement(data_dir, _socket_folder(data_dir, data_dir))


def place(data_dir: Path, account: Account) -> Placement:
    """Decide, make the folders, write the decision down."""
    home = expected_placement(data_dir).home
    if not (home / "cluster").exists() and not account.can_enter(data_dir):
        home = ROOTS_HOME / _name(data_dir)
    placement = Placement(home, _socket_folder(data_dir, home))
    try:
        make_folder(home, 0o711)
        _make_private(placement.socket_folder, account)
        draft = data_dir / f"{RECORD}.new"
        draft.write_text(json.dumps({"home": str(home), "socket": str(placement.socket_folder)}) + "\n")
        draft.replace(data_dir / RECORD)
    except OSError as error:
        raise StartError(f"{error.filename} cannot be written: {error.strerror}.") from None
    if not account.can_enter(home):
        raise StartError(
            f"PostgreSQL runs as the user {account.name}, who cannot enter {home}: "
            "set POSTROOM_DATA_DIR to a folder that this user can reach, or set DATABASE_URL."
        )
    return placement


def make_folder(folder: Path, mode: int) -> None:
    """Make a folder and its parents with this mode, whatever the umask; leave what exists as it is."""
    if folder.is_dir():
        return
    make_folder(folder.parent, mode)
    folder.mkdir(exist_ok=True)
    folder.chmod(mode)


def _socket_folder(data_dir: Path, home: Path) -> Path:
    near = home / "socket"
    if fits(near):
        return near
    name = _name(data_dir)
    candidates = [Path(folder) / f"postroom-{os.geteuid()}-{name}" for folder in (tempfile.gettempdir(), "/tmp")]  # noqa: S108 - made private by _make_private
    if os.geteuid() == 0 and os.access(ROOTS_SOCKETS.parent, os.W_OK):
        candidates.insert(0, ROOTS_SOCKETS / name)
    return next(folder for folder in candidates if fits(folder))


def fits(folder: Path) -> bool:
    """Say whether a socket in `folder` has an address; libpq reads a comma as a list of hosts."""
    path = os.fsencode(folder / SOCKET_NAME)
    return len(path) <= LONGEST_SOCKET_PATH and b"," not in path


def _name(data_dir: Path) -> str:
    return hashlib.sha256(os.fsencode(data_dir.resolve())).hexdigest()[:16]


def _make_private(folder: Path, account: Account) -> None:
    make_folder(folder.parent, 0o711)
    try:
        folder.mkdir(mode=0o700)
        account.give(folder)
    except FileExistsError:
        found = folder.lstat()
        # In a shared temporary directory the name may have been taken by somebody else.
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {account.uid, os.geteuid()} or found.st_mode & 0o077:
            raise StartError(f"{folder} is not a private folder of the user {account.name}: remove it.") from None
        account.give(folder)
