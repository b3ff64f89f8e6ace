from __future__ import annotations

import os
from pathlib import Path

import pytest

from postroom.embedded.account import choose_account
from postroom.embedded.errors import StartError
from postroom.embedded.folder_lock import FolderLock
from postroom.embedded.placement import expected_placement, fits, make_folder, place


@pytest.mark.parametrize(
    ("folder", "good"),
    [("/srv/postroom/socket", True), ("/" + "a" * 92, True), ("/" + "a" * 93, False), ("/srv/a,b/socket", False)],
)
def test_a_socket_lies_where_its_path_is_an_address(folder: str, good: bool) -> None:
    assert fits(Path(folder)) is good


def test_folders_are_made_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        make_folder(tmp_path / "a" / "b", 0o711)
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o711


def test_two_deep_folders_have_two_sockets(tmp_path: Path) -> None:
    one, other = (expected_placement(tmp_path / ("deep" * 20) / name).socket_folder for name in "ab")
    assert one != other
    assert fits(one)


def test_a_socket_folder_that_others_can_enter_is_refused(tmp_path: Path) -> None:
    data_dir = tmp_path / "postgres"
    account = choose_account(data_dir / "cluster")
    (data_dir / "socket").mkdir(parents=True)
    (data_dir / "cluster").mkdir()
    with pytest.raises(StartError, match="not a private folder"):
        place(data_dir, account)


def test_the_lock_has_one_holder_and_names_it(tmp_path: Path) -> None:
    first, second = FolderLock(tmp_path / "lock"), FolderLock(tmp_path / "lock")
    first.acquire()
    with pytest.raises(StartError, match=str(os.getpid())):
        second.acquire(patience=0)
    first.release()
    second.acquire(patience=0)
    second.release()
