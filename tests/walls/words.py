"""What a stranger writes into forms, bodies and queries: the names and ids of somebody else's things."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from django import forms
from drf_spectacular.generators import SchemaGenerator

from postroom.console.forms import ConsoleForm
from tests.walls.furnish import Furnished
from tests.walls.routes import Route

# Fields that name a thing of a tenant: by the names that `Furnished.names` knows.
RELATED: dict[str, str] = {
    "id": "{mailbox}",
    "pk": "{mailbox}",
    "tenant": "{tenant}",
    "tenant_id": "{tenant}",
    "organisation": "{tenant}",
    "slug": "{slug}",
    "user": "{user}",
    "user_id": "{user}",
    "member": "{membership}",
    "membership": "{membership}",
    "box": "{mailbox}",
    "mailbox": "{mailbox}",
    "mailbox_id": "{mailbox}",
    "domain_id": "{accepteddomain}",
    "accepted_domain": "{accepteddomain}",
    "connector": "{sendconnector}",
    "send_connector": "{sendconnector}",
    "connector_id": "{sendconnector}",
    "next_hop_connector": "{sendconnector}",
    "queue": "{queue}",
    "queue_id": "{queue}",
    "reply": "{mailboxmessage}",
    "in_reply_to": "{mailboxmessage}",
    "letter": "{mailboxmessage}",
    "message": "{message}",
    "network_message_id": "{message}",
    "api_key": "{apikey}",
    "object_id": "{mailbox}",
    "actor_id": "{user}",
    "domain": "{domain}",
    "sender_domain": "{domain}",
    "email": "{email}",
    "username": "{email}",
    "login": "{email}",
    "owner": "{email}",
    "from": "owner@{domain}",
    "sender": "owner@{domain}",
    "recipient": "owner@{domain}",
    "address": "owner@{domain}",
    "answer_from": "owner@{domain}",
    "next": "/mailboxes/{mailbox}/",
}
LISTS = {"to", "cc", "bcc", "recipients"}
PLAIN: dict[str, Any] = {
    "password": "nobody has this 1",
    "name": "Fresh",
    "display_name": "Fresh",
    "addresses": "fresh@{domain}",
    "subject": "Fresh",
    "text": "Fresh",
    "ranges": "192.0.2.77",
    "remote_ranges": ["192.0.2.77/32"],
    "pattern": "*.fresh.example",
    "spaces": "*.fresh.example",
    "client_ip": "192.0.2.77",
}


def word(name: str, of: Furnished) -> Any:
    """Return what a field of this name is filled with, or None where the name says nothing."""
    names = of.names
    if name in LISTS:
        return [f"owner@{of.domain}"]
    known = RELATED.get(name, PLAIN.get(name))
    return known.format_map(names) if isinstance(known, str) else known


# Forms ---------------------------------------------------------------------------------------------------


@lru_cache
def form_body(of: Furnished) -> dict[str, Any]:
    """Return one body that fills every form of the console; what a form does not know it leaves alone."""
    body: dict[str, Any] = {}
    for form in _subclasses(ConsoleForm):
        for name, entry in form.base_fields.items():
            body.setdefault(name, _form_word(name, entry, of))
    return body | {name: word(name, of) for name in (*RELATED, *LISTS)}


def _subclasses(kind: type[Any]) -> Iterator[Any]:
    for each in kind.__subclasses__():
        yield each
        yield from _subclasses(each)


def _form_word(name: str, entry: forms.Field, of: Furnished) -> Any:
    if (known := word(name, of)) is not None:
        return known
    if isinstance(entry, forms.ChoiceField):
        offered: Any = entry.choices
        return next((str(value) for value, _label in offered if value), "")
    if isinstance(entry, forms.IntegerField):
        return "3"
    return "on" if isinstance(entry, forms.BooleanField) else "fresh"


@lru_cache
def related_in_form(own: Furnished, foreign: Furnished) -> dict[str, Any]:
    """Return a body of the visitor's own in which all that names a thing by its id names another tenant's."""
    ids = {name: word(name, foreign) for name, text in RELATED.items() if "@" not in text and "domain" not in name}
    return form_body(own) | ids


# The API -----------------------------------------------------------------------------------------------------


class Schema:
    """What the API says of itself: which fields a body has, which filters a list."""

    def __init__(self) -> None:
        self._schema = SchemaGenerator().get_schema(request=None, public=True)  # type: ignore[no-untyped-call]

    def filters(self, route: Route) -> list[str]:
        """Return the names of the query parameters of a list."""
        parameters = self._operation(route, "get").get("parameters", [])
        return [each["name"] for each in parameters if each["in"] == "query"]

    def bodies(self, route: Route, method: str, own: Furnished, foreign: Furnished) -> Iterator[Any]:
        """Yield a body of another tenant's things, then the visitor's own with one foreign thing in it each."""
        content = self._operation(route, method).get("requestBody", {}).get("content", {})
        schema = content.get("application/json", {}).get("schema")
        if schema is None:
            yield {}
            return
        theirs, mine = self._filled(schema, foreign), self._filled(schema, own)
        yield theirs
        if isinstance(mine, dict):
            yield from ({**mine, name: theirs[name]} for name in mine if mine[name] != theirs[name])
            yield mine | {"tenant": str(foreign.tenant.pk)}

    def _operation(self, route: Route, method: str) -> Mapping[str, Any]:
        path = route.path(["{id}"] * route.parameters)
        paths = self._schema["paths"]
        found: Mapping[str, Any] = next((paths[each] for each in paths if _shape(each) == _shape(path)), {})
        operation: Mapping[str, Any] = found.get(method, {})
        return operation

    def _filled(self, schema: Mapping[str, Any], of: Furnished, name: str = "") -> Any:
        if "$ref" in schema:
            return self._filled(self._schema["components"]["schemas"][schema["$ref"].rpartition("/")[2]], of, name)
        for union in ("allOf", "oneOf", "anyOf"):
            if union in schema:
                return self._filled(schema[union][0], of, name)
        if "enum" in schema:
            return schema["enum"][0]
        kind = schema.get("type")
        if kind == "object":
            shown = {key: each for key, each in schema.get("properties", {}).items() if not each.get("readOnly")}
            return {key: self._filled(each, of, key) for key, each in shown.items()}
        if kind == "array":
            known = word(name, of)
            return known if isinstance(known, list) else [self._filled(schema["items"], of, name)]
        return _scalar(kind, word(name, of))


def _shape(path: str) -> str:
    return "/".join("*" if part.startswith("{") else part for part in path.split("/"))


def _scalar(kind: Any, known: Any) -> Any:
    if kind == "boolean":
        return True
    if kind in {"integer", "number"}:
        return 3
    return known if isinstance(known, str) else "fresh"
