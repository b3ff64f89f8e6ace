from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from postroom.embedded.errors import StartError
from postroom.embedded.postgres import EmbeddedPostgres
from postroom.embedded.predecessor import servers_in, wait_for_predecessor

pytestmark = pytest.mark.slow


def answer(url: str, statement: str) -> object:
    with psycopg.connect(url) as connection:
        row = connection.execute(statement).fetchone()
    return row[0] if row else None


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(statement)


def kill(server: EmbeddedPostgres) -> None:
    """Kill the server and forget it, as a killed supervisor would."""
    assert server.process is not None
    server.process.kill()
    server.process.wait()
    server._lock.release()


def test_the_owner_gets_a_database_and_is_no_superuser(server: EmbeddedPostgres) -> None:
    server.start()
    assert answer(server.owner_url, "SELECT current_database()") == "postroom"
    assert answer(server.owner_url, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is False
    assert answer(server.owner_url, "SELECT rolcreaterole AND rolcreatedb FROM pg_roles WHERE rolname = current_user")


def test_text_is_utf_8_and_case_does_not_depend_on_the_system(server: EmbeddedPostgres) -> None:
    server.start()
    assert answer(server.owner_url, "SHOW server_encoding") == "UTF8"
    assert answer(server.owner_url, "SELECT lower('ÄÖÜ')") == "äöü"


def test_a_server_keeps_every_commit_unless_told_otherwise(place: Path) -> None:
    with EmbeddedPostgres(place / "postgres") as server:
        for setting in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums"):
            assert answer(server.owner_url, f"SHOW {setting}") == "on"


def test_it_listens_on_no_network_port(server: EmbeddedPostgres) -> None:
    server.start()
    assert answer(server.owner_url, "SHOW listen_addresses") == ""


def test_what_is_kept_outlives_a_stop_and_a_kill(server: EmbeddedPostgres) -> None:
    server.start()
    execute(server.owner_url, "CREATE TABLE kept AS SELECT 1 AS one")
    server.stop()
    server.start()
    kill(server)
    server.start()
    assert answer(server.owner_url, "SELECT one FROM kept") == 1


def test_a_second_copy_on_the_same_folder_is_told_who_is_there(server: EmbeddedPostgres) -> None:
    server.start()
    with pytest.raises(StartError, match=rf"already runs on .* \(process {os.getpid()}\).*POSTROOM_DATA_DIR"):
        EmbeddedPostgres(server.data_dir).start()
    assert server.is_ready()


def test_a_server_that_somebody_else_runs_on_the_cluster_is_named(server: EmbeddedPostgres) -> None:
    server.start()
    assert server.process is not None
    with pytest.raises(StartError, match=f"process {server.process.pid}"):
        wait_for_predecessor(server.placement.cluster, patience=0)


def test_a_stale_lock_whose_number_now_belongs_to_another_process_is_dropped(server: EmbeddedPostgres) -> None:
    server.start()
    kill(server)
    lock = server.placement.cluster / "postmaster.pid"
    lock.write_text(lock.read_text().replace(lock.read_text().split("\n", 1)[0], str(os.getpid()), 1))
    server.start()
    assert server.is_ready()


def test_an_interrupted_initdb_is_done_again(server: EmbeddedPostgres) -> None:
    half_made = server.data_dir / "cluster.new"
    half_made.mkdir(parents=True)
    server.data_dir.chmod(0o711)
    (half_made / "PG_VERSION").write_text("18\n")
    server.start()
    assert server.is_ready()


def test_a_deep_folder_gets_its_socket_elsewhere(place: Path) -> None:
    server = EmbeddedPostgres(place / ("deep" * 20) / "postgres", fsync=False)
    url_before = server.owner_url
    try:
        server.start()
        assert server.owner_url == url_before
        assert answer(server.owner_url, "SELECT 1") == 1
        assert server.placement.socket_folder.stat().st_mode & 0o077 == 0
    finally:
        server.destroy()
    assert not server.placement.socket_folder.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root starts a server as somebody else")
def test_a_folder_that_the_account_cannot_enter_gets_its_cluster_elsewhere(place: Path) -> None:
    place.chmod(0o700)
    server = EmbeddedPostgres(place / "postgres", fsync=False)
    try:
        server.start()
        assert server.placement.home.is_relative_to("/var/lib/postroom")
        assert place.stat().st_mode & 0o777 == 0o700
        server.stop()
        server.start()
        assert answer(server.owner_url, "SELECT 1") == 1
    finally:
        server.destroy()
    assert not server.placement.cluster.exists()


def test_a_file_where_the_folder_should_be_is_one_clear_line(place: Path) -> None:
    (place / "file").touch()
    with pytest.raises(StartError, match="POSTROOM_DATA_DIR"):
        EmbeddedPostgres(place / "file" / "postgres").start()


def test_a_setting_that_it_refuses_is_told_in_its_words(place: Path) -> None:
    server = EmbeddedPostgres(place / "postgres", fsync=False, settings={"shared_buffers": "lots"})
    with pytest.raises(StartError, match='invalid value for parameter "shared_buffers"'):
        server.start()
    assert server.process is None


def test_a_cluster_of_a_version_that_is_not_here_is_left_alone(server: EmbeddedPostgres) -> None:
    server.start()
    server.stop()
    (server.placement.cluster / "PG_VERSION").write_text("11\n")
    with pytest.raises(StartError, match="made by PostgreSQL 11"):
        server.start()


def test_it_ends_when_the_process_that_started_it_is_killed(place: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from postroom.embedded.postgres import EmbeddedPostgres\n"
        "server = EmbeddedPostgres(Path(sys.argv[1])); server.start(); print('up', flush=True); time.sleep(60)"
    )
    folder = place / "postgres"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    launcher = subprocess.Popen([sys.executable, "-c", program, folder], stdout=subprocess.PIPE, env=environment)
    assert launcher.stdout is not None
    with launcher.stdout as output:
        assert output.readline() == b"up\n"
    launcher.send_signal(signal.SIGKILL)
    launcher.wait()
    wait_for_predecessor(folder / "cluster", patience=10)
    assert servers_in(folder / "cluster") == []
