"""A key may do what its role may: each view says what it needs, and the one table of permissions answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.urls import resolve

from postroom.api.permissions import IsOperator
from postroom.api.scoped import ScopedView
from tenants.actions.actor import SYSTEM
from tenants.actions.keys import create_api_key
from tenants.models import ApiKey, AuditEvent, Mailbox
from tenants.permissions import ACTING_ADMIN, ACTING_AUDITOR
from tests.conftest import Contoso
from tests.expect import refused
from tests.postroom.api.conftest import Program, program_of
from tests.walls.routes import all_routes

pytestmark = pytest.mark.django_db
WRITING = {"post", "put", "patch", "delete"}
ALL = {"read", "audit", "configure", "steer", "list keys", "keys", "list members", "members", "apps", "send"}


def views() -> Iterator[type[Any]]:
    """Yield the class behind each route of the API, each once."""
    found: dict[type[Any], None] = {}
    for route in all_routes():
        if route.key.startswith("api:"):
            view: Any = resolve(route.path(["x"] * route.parameters)).func
            found[getattr(view, "cls", None) or view.view_class] = None
    yield from found


def says(view: type[Any], name: str) -> bool:
    return any(name in vars(each) for each in view.__mro__[: view.__mro__.index(ScopedView)])


@pytest.mark.parametrize("view", list(views()), ids=lambda view: view.__name__)
def test_every_view_says_what_reading_and_writing_need(view: type[Any]) -> None:
    if IsOperator in view.permission_classes:
        return
    assert says(view, "needs_to_read"), "say needs_to_read"
    is_read_only = not any(
        hasattr(view, name) for name in (*WRITING, "create", "partial_update", "destroy", *extra_actions(view))
    )
    assert is_read_only or says(view, "needs_to_write"), "say needs_to_write"


def extra_actions(view: type[Any]) -> list[str]:
    """Return the names of the view's own actions that write."""
    actions = view.get_extra_actions() if hasattr(view, "get_extra_actions") else []
    return [action.__name__ for action in actions if WRITING & set(action.mapping)]


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("owner", ALL),
        ("admin", ALL),
        ("helpdesk", {"read", "apps"}),
        ("auditor", {"read", "audit", "list keys", "list members"}),
        ("mailbox_user", set()),
    ],
)
def test_a_keys_role_decides_what_it_reaches(contoso: Contoso, role: str, allowed: set[str]) -> None:
    api = program_of(contoso.tenant, role)
    answers = {
        "read": api.get("mailboxes/"),
        "audit": api.get("audit-events/"),
        "configure": api.post("accepted-domains/", {"domain": "new.example"}),
        "steer": api.post(f"queues/{contoso.tenant.pk}/retry/"),
        "list keys": api.get("api-keys/"),
        "keys": api.post("api-keys/", {"name": "x", "role": "auditor"}),
        "list members": api.get("members/"),
        "members": api.post("invitations/", {"email": "x@elsewhere.example", "role": "auditor"}),
        "apps": api.get(f"mailboxes/{contoso.bob_mailbox.pk}/app-passwords/"),
        "send": api.post("messages/", {}),
    }
    assert {what for what, answer in answers.items() if answer.status_code != 403} == allowed


def test_a_refusal_names_what_is_lacking_and_who_can_give_it(contoso: Contoso) -> None:
    answer = program_of(contoso.tenant, "helpdesk").delete(f"mailboxes/{contoso.bob_mailbox.pk}/")
    assert answer.status_code == 403
    told = answer.json()
    assert told["code"] == "api.permission_lacking"
    assert "“configure”" in told["detail"]
    assert "owner, admin" in told["detail"]
    assert Mailbox.objects.filter(pk=contoso.bob_mailbox.pk).exists()


def test_a_key_gives_no_key_that_may_more_than_itself(contoso: Contoso) -> None:
    admins = program_of(contoso.tenant, "admin")
    answer = admins.post("api-keys/", {"name": "more", "role": "owner"})
    assert (answer.status_code, answer.json()["code"]) == (403, "api_key.role_above")
    assert admins.post("api-keys/", {"name": "less", "role": "auditor"}).json()["role"] == "auditor"
    assert admins.post("api-keys/", {"name": "same"}).json()["role"] == "admin"
    assert set(ApiKey.objects.exclude(name="test").values_list("name", "role")) == {
        ("less", "auditor"),
        ("same", "admin"),
    }


def test_a_key_with_no_such_role_is_refused(api: Program) -> None:
    answer = api.post("api-keys/", {"name": "x", "role": "emperor"})
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["role"])


def test_the_command_makes_a_key_of_a_role(contoso: Contoso, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("create_api_key", "--tenant", "contoso", "--name", "audit", "--role", "auditor")
    auditor = Program(capsys.readouterr().out.strip())
    assert auditor.get("audit-events/").status_code == 200
    assert auditor.post("accepted-domains/", {"domain": "new.example"}).status_code == 403


def test_the_audit_log_says_with_which_role_a_key_was_made(api: Program) -> None:
    api.post("api-keys/", {"name": "reader", "role": "auditor"})
    event = AuditEvent.objects.get(action="api_key.create", actor_kind="api_key")
    assert event.after is not None
    assert event.after["role"] == "auditor"


@pytest.mark.parametrize("role", [ACTING_ADMIN, ACTING_AUDITOR])
def test_what_an_operator_is_in_a_tenants_console_no_key_is(contoso: Contoso, role: str) -> None:
    with refused("api_key.invalid_role"):
        create_api_key(actor=SYSTEM, name="acting", tenant=contoso.tenant, role=role)
    with pytest.raises(CommandError, match="invalid choice"):
        call_command("create_api_key", "--tenant", "contoso", "--name", "acting", "--role", role)
