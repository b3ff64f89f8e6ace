from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from postroom.embedded.postgres import EmbeddedPostgres
from tests.postgres import make_folder


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder with a short path that everybody may pass through, as `tmp_path` of a root's is not."""
    folder = make_folder()
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def server(place: Path) -> Iterator[EmbeddedPostgres]:
    """A throw-away server, not started."""
    server = EmbeddedPostgres(place / "postgres", fsync=False)
    yield server
    server.destroy()
