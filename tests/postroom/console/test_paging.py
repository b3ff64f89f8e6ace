"""Pages of lists: a key in an address that no list of ours gave out shows the first page, and never fails."""

from __future__ import annotations

import base64
import json
from uuid import uuid4

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db

KEY = str(uuid4())
LISTS = ("/suppressions/", "/queues/", "/queues/messages/", "/accepted-domains/", "/mailboxes/", "/members/", "/audit/")


@pytest.mark.parametrize(
    "key", [["x", KEY], [1, KEY], ["a\0b", KEY], [10**30, KEY], ["x", 2, KEY], [KEY], "x", {"a": KEY}]
)
@pytest.mark.parametrize("path", LISTS)
def test_a_key_that_nobody_gave_out(as_alice: Client, path: str, key: object) -> None:
    after = base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")
    assert as_alice.get(path, {"after": after}).status_code == 200
