from __future__ import annotations

import pytest

from tenants.models import AppPassword, AuditEvent
from tests import factories
from tests.conftest import Contoso
from tests.postroom.api.conftest import Program
from transport.authentication.app_passwords import as_app_password
from transport.authentication.scram import verify

pytestmark = pytest.mark.django_db


def test_one_is_made_shown_once_listed_and_revoked(contoso: Contoso, api: Program) -> None:
    path = f"mailboxes/{contoso.bob_mailbox.pk}/app-passwords/"
    made = api.post(path, {"name": "Phone"}).json()
    row = AppPassword.objects.get()
    assert (row.mailbox, verify(as_app_password(made["password"]), row.verifier)) == (contoso.bob_mailbox, True)
    listed = api.get(path).json()["results"]
    assert [(one["id"], one["name"], one["last_used_at"]) for one in listed] == [(made["id"], "Phone", None)]
    assert "password" not in listed[0]
    assert api.get(f"{path}{made['id']}/").status_code == 200
    assert api.delete(f"{path}{made['id']}/").status_code == 204
    assert (api.get(path).json()["results"], api.delete(f"{path}{made['id']}/").status_code) == ([], 404)


def test_the_audit_log_tells_of_it_without_the_secret(contoso: Contoso, api: Program) -> None:
    path = f"mailboxes/{contoso.bob_mailbox.pk}/app-passwords/"
    made = api.post(path, {"name": "Phone"}).json()
    api.delete(f"{path}{made['id']}/")
    events = list(AuditEvent.objects.filter(action__startswith="app_password.").order_by("id").values())
    assert [event["action"] for event in events] == ["app_password.create", "app_password.revoke"]
    assert made["password"][6:] not in str(events)
    assert AppPassword.objects.get().verifier not in str(events)


def test_one_belongs_to_the_mailbox_in_the_path(contoso: Contoso, api: Program) -> None:
    row = factories.make_app_password(contoso.alice_mailbox)[0]
    assert api.delete(f"mailboxes/{contoso.bob_mailbox.pk}/app-passwords/{row.pk}/").status_code == 404
    assert api.post("mailboxes/nonsense/app-passwords/", {"name": "x"}).status_code == 404


@pytest.mark.parametrize("name", ["", "\u202ephone", "x" * 101])
def test_a_bad_name_is_refused(contoso: Contoso, api: Program, name: str) -> None:
    answer = api.post(f"mailboxes/{contoso.bob_mailbox.pk}/app-passwords/", {"name": name})
    assert (answer.status_code, [*answer.json()["errors"]]) == (400, ["name"])
