from __future__ import annotations

import psycopg
import pytest

from transport.queue.database import flow_conninfo


@pytest.mark.django_db(transaction=True)
def test_the_flow_connects_in_its_role_and_its_commits_wait_for_the_disk() -> None:
    with psycopg.connect(flow_conninfo("a test")) as connection:
        row = connection.execute(
            "SELECT current_user, current_setting('synchronous_commit'), current_setting('application_name')"
        ).fetchone()
    assert row == ("postroom_flow", "on", "a test")
