"""Send As over the API: a field of the mailbox, read and written as a whole."""

from __future__ import annotations

import pytest

from tests.conftest import Contoso
from tests.postroom.api.conftest import Program

pytestmark = pytest.mark.django_db
ALICE, BOB = "alice@contoso.example", "bob@contoso.example"


def test_programs_read_and_write_it(contoso: Contoso, api: Program) -> None:
    path = f"mailboxes/{contoso.bob_mailbox.pk}/"
    assert api.get(path).json()["send_as"] == []
    assert api.patch(path, {"send_as": [ALICE]}).json()["send_as"] == [ALICE]
    assert api.patch(path, {"display_name": "Robert"}).json()["send_as"] == [ALICE]
    refused = api.patch(path, {"send_as": ["nobody@contoso.example"]})
    assert (refused.status_code, refused.json()["code"]) == (400, "send_as.no_mailbox")
    assert api.patch(path, {"send_as": []}).json()["send_as"] == []
    made = {"display_name": "Desk", "addresses": [{"address": "desk@contoso.example", "is_primary": True}]}
    assert api.post("mailboxes/", made | {"send_as": [ALICE, BOB]}).json()["send_as"] == [ALICE, BOB]
