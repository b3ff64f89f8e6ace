from __future__ import annotations

import pytest

from tests.conftest import Contoso
from tests.postroom.api.conftest import Program
from tests.transport.workers import send
from transport.models import Delivery

pytestmark = pytest.mark.django_db


def test_much_is_done_at_once_and_undone(contoso: Contoso, api: Program, strangers_api: Program) -> None:
    for _ in range(2):
        send(contoso.alice_mailbox, "x@elsewhere.example")
    asked = {"over": "messages", "verb": "suspend", "filters": {"recipient": "@elsewhere.example"}}
    preview = api.post("bulk-operations/", asked)
    assert (preview.status_code, preview.json()["messages"], preview.json()["state"]) == (201, 2, "preview")
    path = f"bulk-operations/{preview.json()['id']}/"
    assert strangers_api.post(f"{path}confirm/").status_code == 404
    done = api.post(f"{path}confirm/").json()
    assert (done["state"], done["changed"], done["can_undo"]) == ("done", 2, True)
    assert not Delivery.objects.exclude(state="suspended").exists()
    back = api.post(f"{path}undo/").json()
    assert (back["verb"], back["changed"], back["undoes_id"]) == ("resume", 2, preview.json()["id"])
    assert [row["verb"] for row in api.get("bulk-operations/").json()["results"]] == ["resume", "suspend"]
    assert not Delivery.objects.filter(state="suspended").exists()
    assert api.post(f"{path}undo/").json()["code"] == "queue.cannot_undo"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"over": "queues", "verb": "redirect"}, "queue.redirect_target"),
        ({"over": "queues", "verb": "explode"}, "api.invalid"),
        ({"over": "queues", "verb": "retry", "filters": {"colour": "red"}}, "api.invalid"),
        ({"over": "messages", "verb": "retry", "filters": {"state": "lost"}}, "queue.bad_filter"),
    ],
)
def test_what_makes_no_sense_is_refused(api: Program, body: dict[str, object], code: str) -> None:
    answer = api.post("bulk-operations/", body)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
