"""Every address of the web process, walked by everybody, with another tenant's things in hand: nothing of that
tenant is ever seen or changed.

A new address belongs into TABLE. One with parameters says there what it is called with: `{mailbox}` is the id of the
visited tenant's mailbox, `{domain}` the name of its domain, any other word stands for itself; several ways to call it
are a list. All names are those of `Furnished.names`: each model's, in lower case, and some more.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.cookies import SimpleCookie
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tenants.actions.actor import SYSTEM
from tenants.actions.keys import create_api_key
from tenants.models import Mailbox, Tenant, User
from tests.walls.furnish import ROLES, Furnished, furnish, owned_models
from tests.walls.routes import Route, all_routes, fill, leads_to
from tests.walls.watch import Watch, undone
from tests.walls.words import RELATED, Schema, form_body, related_in_form, word

# A walk is thousands of requests: some 10 s each where nobody else is at work.
pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.timeout(600)]

TABLE: dict[str, str | list[str]] = {
    # The console: addresses without parameters
    "console:overview": "",
    "console:overview-check": "",
    "console:overview-echo": "",
    "console:sign-in": "",
    "console:sign-out": "",
    "console:switch": "",
    "console:accepted-domains": "",
    "console:accepted-domain-create": "",
    "console:accepted-domain-add": "",
    "console:mailboxes": "",
    "console:mailbox-create": "",
    "console:send-connectors": "",
    "console:send-connector-create": "",
    "console:send-connector-internet": "",
    "console:receive-connectors": "",
    "console:receive-connector-create": "",
    "console:receive-connector-test": "",
    "console:queues": "",
    "console:queue-messages": "",
    "console:tracking": "",
    "console:suppressions": "",
    "console:what-if": "",
    "console:mail": "",
    "console:mail-compose": "",
    "console:audit": "",
    "console:usage": "",
    "console:organisations": "",
    "console:invitation": "",
    "console:members": "",
    "console:api-keys": "",
    "console:audit-export": "",
    "console:history": "",
    "console:history-difference": "",
    "console:organisation": "",
    "console:organisation-delete": "",
    "console:organisation-retry-clock": "",
    "console:organisation-keep": "",
    "console:organisation-export": ["configuration", "everything"],
    # The console: addresses that name something
    "console:accepted-domain-named": "{domain}",
    "console:accepted-domain": "{accepteddomain}",
    "console:accepted-domain-edit": "{accepteddomain}",
    "console:accepted-domain-verify": "{accepteddomain}",
    "console:accepted-domain-publish": "{accepteddomain}",
    "console:accepted-domain-default": "{accepteddomain}",
    "console:accepted-domain-delete": "{accepteddomain}",
    "console:mailbox": "{mailbox}",
    "console:mailbox-reply-address": "{mailbox}",
    "console:mailbox-log-in": "{mailbox}",
    "console:mailbox-log-in-mine": "{mailbox}",
    "console:mailbox-log-in-remove": "{mailbox}",
    "console:mailbox-enable": "{mailbox}",
    "console:mailbox-delete": "{mailbox}",
    "console:mailbox-apps": "{mailbox}",
    "console:mailbox-app-revoke": "{mailbox} {apppassword}",
    "console:send-connector": "{sendconnector}",
    "console:send-connector-validate": "{sendconnector}",
    "console:send-connector-enable": "{sendconnector}",
    "console:send-connector-delete": "{sendconnector}",
    "console:receive-connector": "{receiveconnector}",
    "console:receive-connector-delete": "{receiveconnector}",
    "console:receive-connector-password": "{receiveconnector}",
    "console:protocol-log": "{protocolsession}",
    "console:queue": "{queue}",
    "console:queue-act": ["{queue} retry", "{queue} suspend", "{queue} resume", "{queue} undo-redirect"],
    "console:queue-bulk": "",
    "console:queue-operations": "",
    "console:queue-operation": "{bulkoperation}",
    "console:queue-operation-confirm": "{bulkoperation}",
    "console:queue-operation-undo": "{bulkoperation}",
    "console:queue-redirect": "{queue}",
    "console:queue-message-redirect": "{queue} {message}",
    "console:queue-message-export": "{queue} {message}",
    "console:queue-message-act": ["{queue} {message} retry", "{queue} {message} remove"],
    "console:tracking-timeline": "{message}",
    "console:suppression-release": "{suppressedaddress}",
    "console:mail-letter": "{mailboxmessage}",
    "console:mail-html": "{mailboxmessage}",
    "console:mail-source": "{mailboxmessage}",
    "console:mail-attachment": "{mailboxmessage} 0",
    "console:mail-delete": "{mailboxmessage}",
    "console:mail-apps": "",
    "console:mail-app-revoke": "{apppassword}",
    "console:organisation-leave": "{tenant}",
    "console:invitation-open": "no-such-invitation",
    "console:member": "{membership}",
    "console:member-remove": "{membership}",
    "console:member-suspend": "{membership}",
    "console:member-hand-over": "{membership}",
    "console:member-invitation-resend": "{invitation}",
    "console:member-invitation-revoke": "{invitation}",
    "console:mailbox-send-as": "{mailbox}",
    "console:audit-event": "{auditevent}",
    "console:history-object": ["mailbox {mailbox}", "sendconnector {sendconnector}"],
    "console:history-version": "{configurationversion}",
    "console:history-revert": "{configurationversion}",
    "console:api-key-revoke": "{apikey}",
    "console:member-second-factor": "",
    # Signing in and one's account
    "account_login": "",
    "account": "",
    "mfa_index": "",
    "account_change_password": "",
    "account_end_other_sessions": "",
    "account_end_session": "1",
    "account_reauthenticate": "",
    "mfa_reauthenticate": "",
    "mfa_reauthenticate_webauthn": "",
    "mfa_authenticate": "",
    "mfa_activate_totp": "",
    "mfa_deactivate_totp": "",
    "mfa_view_recovery_codes": "",
    "mfa_generate_recovery_codes": "",
    "mfa_add_webauthn": "",
    "mfa_remove_webauthn": "1",
    "mfa_login_webauthn": "",
    "account_reset_password": "",
    "account_reset_password_done": "",
    "account_reset_password_complete": "",
    "account_reset_password_from_key": "{uid} wrong-token",
    "openid_connect_login": "nobody",
    "openid_connect_callback": "nobody",
    # The API
    "api-schema": "",
    "api-docs": "",
    "api:route-simulations": "",
    "api:retry-clock": "",
    "api:mail-flow-checks": "",
    "api:usage": "",
    "api:tenant-list": "",
    "api:tenant-detail": "{tenant}",
    "api:tenant-suspend": "{tenant}",
    "api:tenant-resume": "{tenant}",
    "api:tenant-keep": "{tenant}",
    "api:export-list": "",
    "api:export-detail": "{export}",
    "api:accepted-domain-list": "",
    "api:accepted-domain-detail": "{accepteddomain}",
    "api:accepted-domain-dns": "{accepteddomain}",
    "api:accepted-domain-verify": "{accepteddomain}",
    "api:accepted-domain-suspend": "{accepteddomain}",
    "api:accepted-domain-resume": "{accepteddomain}",
    "api:mailbox-list": "",
    "api:mailbox-detail": "{mailbox}",
    "api:app-password-list": "{mailbox}",
    "api:app-password-detail": "{mailbox} {apppassword}",
    "api:send-connector-list": "",
    "api:send-connector-detail": "{sendconnector}",
    "api:send-connector-validate": "{sendconnector}",
    "api:receive-connector-list": "",
    "api:receive-connector-detail": "{receiveconnector}",
    "api:receive-connector-approve": "{receiveconnector}",
    "api:receive-connector-log-in": "{receiveconnector}",
    "api:receive-connector-tests": "",
    "api:bulk-operation-list": "",
    "api:bulk-operation-detail": "{bulkoperation}",
    "api:bulk-operation-confirm": "{bulkoperation}",
    "api:bulk-operation-undo": "{bulkoperation}",
    "api:queue-list": "",
    "api:queue-detail": "{queue}",
    "api:queue-redirect": "{queue}",
    "api:queue-resubmit": "{queue}",
    "api:queue-resume": "{queue}",
    "api:queue-retry": "{queue}",
    "api:queue-share": "",
    "api:queue-suspend": "{queue}",
    "api:queue-undo-redirect": "{queue}",
    "api:queued-message-list": "",
    "api:queued-message-detail": "{queued}",
    "api:queued-message-redirect": "{queued}",
    "api:queued-message-remove": "{queued}",
    "api:queued-message-resubmit": "{queued}",
    "api:queued-message-resume": "{queued}",
    "api:queued-message-retry": "{queued}",
    "api:queued-message-source": "{queued}",
    "api:queued-message-suspend": "{queued}",
    "api:queued-message-undo-redirect": "{queued}",
    "api:message-list": "",
    "api:message-timeline": "{message}",
    "api:tracking-event-list": "",
    "api:plan-list": "",
    "api:plan-detail": "{tenant}",
    "api:protocol-log-list": "",
    "api:protocol-log-detail": "{protocoltranscript}",
    "api:suppression-list": "",
    "api:suppression-detail": "{suppressedaddress}",
    "api:api-key-list": "",
    "api:api-key-detail": "{apikey}",
    "api:member-list": "",
    "api:member-detail": "{membership}",
    "api:invitation-list": "",
    "api:invitation-detail": "{invitation}",
    "api:invitation-resend": "{invitation}",
    "api:audit-event-list": "",
    "api:audit-event-detail": "{auditevent}",
    "api:configuration-version-list": "",
    "api:configuration-version-detail": "{configurationversion}",
    "api:configuration-version-difference": "",
    "api:configuration-version-revert": "{configurationversion}",
    # The operators' admin; the pages of each model are in the table by themselves
    "admin:index": "",
    "admin:platform-queues": "",
    "admin:platform-queue-messages": "",
    "admin:platform-queue-messages-act": "",
    "admin:platform-queue-preview": "",
    "admin:platform-queue-operation": "{queue}",
    "admin:platform-queue-confirm": "{queue}",
    "admin:platform-tracking": "",
    "admin:platform-timeline": "{message}",
    "admin:platform-settings": "",
    "admin:platform-client-test": "",
    "admin:platform-act-as": "{tenant}",
    "admin:login": "",
    "admin:logout": "",
    "admin:password_change": "",
    "admin:password_change_done": "",
    "admin:autocomplete": "",
    "admin:jsi18n": "",
    "admin:view_on_site": "1 {mailbox}",
    "admin:app_list": "tenants",
    "/admin/(?P<url>.*)$": "nowhere/{mailbox}",
    "acting-end": "",
    # The process
    "/healthz": "",
    "/readyz": "",
    "/metrics": "",
}
# What says the same to everybody, whatever is named: it must tell nothing, but need not turn anybody away.
SAY_THE_SAME = {"account_reset_password_from_key"}
METHODS = ("GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "POST")  # what may end the session comes last
SAFE = {"GET", "HEAD", "OPTIONS"}
# What an answer may be that names another tenant's thing: not for you, not there, not so.
TURNED_AWAY = {400, 401, 403, 404, 405, 410}
# What an operator's key does for all tenants, and not in one.
OF_THE_PLATFORM = {key for key in TABLE if key.startswith(("api:tenant-", "api:plan-"))}
FOR_OPERATORS = OF_THE_PLATFORM | {
    "api:accepted-domain-suspend",
    "api:accepted-domain-resume",
    "api:receive-connector-approve",
}
FACES = ("console", "api", "admin")


def arguments_of(route: Route) -> list[str] | None:
    """Return what a route is called with, or None where the table does not say."""
    if route.key in TABLE:
        entry = TABLE[route.key]
        return entry if isinstance(entry, list) else [entry]
    if route.face == "admin":
        return _arguments_in_admin(route)
    return None


def _arguments_in_admin(route: Route) -> list[str] | None:
    """Return the id of a row of the model whose page it is; a model without a tenant's rows has none to name."""
    parts = route.pattern.split("/")
    if len(parts) < 4 or route.parameters > 1:
        return None
    is_owned = parts[2] == "tenant" or parts[2] in {model._meta.model_name for model in owned_models()}
    return [("{" + parts[2] + "}" if is_owned else "1") if route.parameters else ""]


@cache
def routes() -> dict[str, list[Route]]:
    found = all_routes()
    return {face: [route for route in found if route.face == face] for face in FACES}


def test_every_address_is_in_the_table() -> None:
    missing = [route for route in all_routes() if arguments_of(route) is None]
    lines = [f'    "{route.key}": "…",  # {route.pattern}' for route in missing]
    assert not missing, "Add to TABLE in tests/postroom/test_every_url.py:\n" + "\n".join(lines)


def test_the_table_names_no_address_that_is_gone() -> None:
    assert set(TABLE) - {route.key for route in all_routes()} == set()


@dataclass
class Visitor:
    """Somebody who calls: with a session, with a key, or with neither."""

    client: Client
    own: Furnished
    watch: Watch
    headers: dict[str, str] = field(default_factory=dict)
    methods: tuple[str, ...] = METHODS
    closed: set[tuple[str, str]] = field(default_factory=set)  # methods and paths that are not for this visitor

    def __post_init__(self) -> None:
        self._cookies = SimpleCookie(self.client.cookies)

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        """Call, and see that the answer shows no mark of the watched tenant."""
        self.client.cookies = SimpleCookie(self._cookies)
        try:
            answer = self._send(method, path, body, query)
        except Exception as error:
            error.add_note(f"{method} {path} {query or ''} {body or ''}")
            raise
        assert answer.status_code < 500 or path == "/readyz", f"{answer.status_code} for {method} {path} {body or ''}"
        marks = self.watch.marks_in(answer, (path, query, body))
        assert not marks, f"{method} {path} {query or ''} {body or ''} shows {marks}"
        return answer

    @contextmanager
    def leaving_no_trace(self, what: str) -> Iterator[None]:
        """See that nothing of the watched tenant changes inside, and undo whatever else does."""
        with undone():
            yield
            changes = self.watch.changes()
            assert not changes, f"{what} changed {changes}"

    def _send(self, method: str, path: str, body: Any, query: dict[str, Any]) -> Any:
        if self.headers:
            return self.client.generic(
                method, path, json.dumps(body or {}), "application/json", headers=self.headers, query_params=query
            )
        call = getattr(self.client, method.lower())
        if method in SAFE:
            return call(path, query)
        if method == "POST":
            return call(path, body or {}, query_params=query)
        return call(path, query_params=query)


def visit(visitor: Visitor, face: str, *, but: Collection[str] = ()) -> None:
    """Call every address of a face in every way that might show or change something of the watched tenant."""
    foreign, own = visitor.watch.of, visitor.own
    for route in (route for route in routes()[face] if route.key not in but):
        for template in arguments_of(route) or []:
            knock(
                visitor,
                route,
                route.path(fill(template, foreign.names)),
                is_foreign="{" in template and route.key not in SAY_THE_SAME,
            )
            if face != "admin" or "{" not in template:
                speak(visitor, route, route.path(fill(template, own.names)))


def knock(visitor: Visitor, route: Route, path: str, *, is_foreign: bool) -> None:
    """Call by every method; where the path names another tenant's thing, nobody gets an answer to that."""
    assert leads_to(path, route), f"{path} does not lead to {route}: correct its line in TABLE"
    foreign = visitor.watch.of
    answers = {}
    with visitor.leaving_no_trace(path):
        for method in visitor.methods:
            body = {"tenant": str(foreign.tenant.pk)} if visitor.headers else form_body(foreign)
            answers[method] = visitor.call(method, path, None if method in SAFE else body)
    if is_foreign:
        let_in = {method: answer.status_code for method, answer in answers.items() if not is_turned_away(answer)}
        assert let_in.keys() <= {"OPTIONS"}, f"{path}: {let_in}"


def is_turned_away(answer: Any) -> bool:
    return answer.status_code in TURNED_AWAY or (answer.status_code == 302 and is_to_sign_in(answer.url))


def is_to_sign_in(url: str) -> bool:
    return url.startswith((reverse("console:sign-in"), reverse("admin:login"), "/admin/"))


def speak(visitor: Visitor, route: Route, path: str) -> None:
    """Name another tenant's things in the query and in the body of a request that is about one's own.

    Who is turned away before anything was read is asked once.
    """
    say = speak_json if route.face == "api" else speak_forms
    for method, query, body in say(visitor, route):
        if (method, path) not in visitor.closed:
            with visitor.leaving_no_trace(f"{method} {path} {query} {body}"):
                answer = visitor.call(method, path, body, **query)
            if answer.status_code in {401, 403, 405} or (answer.status_code == 302 and is_to_sign_in(answer.url)):
                visitor.closed.add((method, path))


Call = tuple[str, dict[str, Any], Any]


def speak_json(visitor: Visitor, route: Route) -> Iterator[Call]:
    own, foreign = visitor.own, visitor.watch.of
    yield "GET", {}, None
    for name in schema().filters(route):
        yield "GET", {name: word(name, foreign) or foreign.secret}, None
    for method in ("POST", "PATCH", "PUT"):
        for body in schema().bodies(route, method.lower(), own, foreign):
            yield method, {}, body


def speak_forms(visitor: Visitor, route: Route) -> Iterator[Call]:
    own, foreign = visitor.own, visitor.watch.of
    everything = {name: word(name, foreign) for name in RELATED}
    yield "GET", everything | {"q": foreign.secret}, None
    for name in ("box", "reply", "recipient"):
        yield "GET", {name: everything[name]}, None
    yield "POST", everything, form_body(foreign)
    yield "POST", {}, related_in_form(own, foreign)


@cache
def schema() -> Schema:
    return Schema()


@pytest.fixture
def near(db: None) -> Furnished:
    return furnish("aegis", "tangerine")


@pytest.fixture
def far(db: None) -> Furnished:
    return furnish("bellerophon", "quicksilver")


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch, silent_dns: None) -> None:
    """Let nobody ask the Internet: look-ups find nothing."""


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def key_headers(tenant: Tenant | None, naming: Tenant, role: str = "owner") -> dict[str, str]:
    """Return what a program sends that has a key, and names a tenant that may not be its own."""
    token = create_api_key(actor=SYSTEM, name="walk", tenant=tenant, role=role)[1]
    return {"Authorization": f"Bearer {token}", "X-Postroom-Tenant": naming.slug}


@pytest.mark.parametrize("role", ROLES)
def test_a_member_meets_nothing_of_another_tenant(near: Furnished, far: Furnished, role: str) -> None:
    visit(Visitor(signed_in(near.people[role]), near, Watch(far)), "console")


@pytest.mark.parametrize("role", ROLES)
def test_a_member_does_not_get_into_the_admin(near: Furnished, far: Furnished, role: str) -> None:
    """The admin asks whether somebody is an operator and not for their role: one role tries all methods."""
    methods = METHODS if role == "owner" else ("GET", "POST")
    visit(Visitor(signed_in(near.people[role]), near, Watch(far), methods=methods), "admin")


def test_the_other_tenants_owner_meets_nothing_of_ours(near: Furnished, far: Furnished) -> None:
    visit(Visitor(signed_in(far.people["owner"]), far, Watch(near)), "console")


@pytest.mark.parametrize("role", ROLES)
def test_a_tenants_key_meets_nothing_of_another_tenant(near: Furnished, far: Furnished, role: str) -> None:
    visit(Visitor(Client(), near, Watch(far), key_headers(near.tenant, far.tenant, role)), "api")


def test_an_operators_key_that_names_one_tenant_meets_nothing_of_another(near: Furnished, far: Furnished) -> None:
    visitor = Visitor(Client(), near, Watch(far), key_headers(None, near.tenant))
    visit(visitor, "api", but=OF_THE_PLATFORM)


def test_the_other_tenants_key_meets_nothing_of_ours(near: Furnished, far: Furnished) -> None:
    visit(Visitor(Client(), far, Watch(near), key_headers(far.tenant, near.tenant)), "api")


def test_an_operator_who_belongs_to_no_tenant_meets_nothing_at_the_console(
    near: Furnished, far: Furnished, operator: User
) -> None:
    visit(Visitor(signed_in(operator), near, Watch(far)), "console")


@pytest.mark.parametrize("face", FACES)
def test_nobody_meets_anything(near: Furnished, far: Furnished, face: str) -> None:
    visit(Visitor(Client(), near, Watch(far)), face)


def test_an_owner_opens_every_page_that_names_their_own(far: Furnished) -> None:
    """What strangers are turned away from is really there: the table names things that exist."""
    client = signed_in(far.people["mailbox_user"])
    owner = signed_in(far.people["owner"])
    for route in routes()["console"]:
        for template in arguments_of(route) or []:
            if "{" in template:
                visitor = client if ":mail-" in route.key else owner
                answer = visitor.get(route.path(fill(template, far.names)))
                assert answer.status_code in {200, 302, 405}, (route.key, answer.status_code)


def test_a_key_opens_everything_that_names_its_own(far: Furnished) -> None:
    headers = key_headers(far.tenant, far.tenant)
    for route in routes()["api"]:
        for template in arguments_of(route) or []:
            if "{" in template and route.key not in FOR_OPERATORS:
                answer = Client().get(route.path(fill(template, far.names)), headers=headers)
                assert answer.status_code in {200, 405}, (route.key, answer.status_code)


def test_the_walk_would_see_a_leak_and_a_change(near: Furnished) -> None:
    """The control: whoever walks over what is their own is caught both reading it and changing it."""
    owner = Visitor(signed_in(near.people["owner"]), near, Watch(near))
    with pytest.raises(AssertionError, match="shows"):
        owner.call("GET", reverse("console:mailboxes"))
    with pytest.raises(AssertionError, match="changed"), owner.leaving_no_trace("renaming"):
        Mailbox.objects.filter(tenant=near.tenant).update(display_name="another")
