"""An audit event as a person reads it: a sentence, and what changed field by field, in the reader's language."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, Final, Protocol

from django.apps import apps
from django.db.models import Field, Model
from django.utils.dateparse import parse_datetime, parse_duration
from django.utils.functional import Promise
from django.utils.timezone import localtime
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from tenants.models import AuditEvent
from tenants.versioning import VERSIONED, Change, changes_between

# Whole sentences for what a composed one would say badly; {actor} and {object} stand in them.
SENTENCES: Final[dict[str, str | Promise]] = {
    "accepted_domain.dns": _("{actor} saw new DNS records of the accepted domain {object}"),
    "accepted_domain.verify": _("{actor} verified the accepted domain {object}"),
    "audit.export": _("{actor} exported the audit log"),
    "invitation.accept": _("{actor} accepted an invitation"),
    "mailbox.send_as": _("{actor} set who may send as the mailbox {object}"),
    "tenant.hand_over": _("{actor} handed the organisation {object} over to another owner"),
    "tenant.deletion_ask": _("{actor} asked for the deletion of the organisation {object}"),
    "tenant.deletion_begin": _("{actor} began to delete the organisation {object}, whose day had come"),
    "tenant.deletion_keep": _("{actor} undid the planned deletion of the organisation {object}"),
    "tenant.export": _("{actor} exported the data of the organisation {object}"),
    "user.authenticator_add": _("{actor} set up an authenticator app"),
    "user.authenticator_remove": _("{actor} removed an authenticator app"),
    "user.passkey_add": _("{actor} added a passkey"),
    "user.passkey_remove": _("{actor} removed a passkey"),
    "user.password_change": _("{actor} changed the password of {object}"),
    "user.password_reset": _("{actor} reset a forgotten password"),
    "user.recovery_codes_make": _("{actor} made new recovery codes"),
    "user.second_factors_remove": _("{actor} removed the second factors of {object}"),
    "user.session_end": _("{actor} ended a session of {object}"),
    "user.sessions_end": _("{actor} ended the other sessions of {object}"),
    "user.sign_in": _("{actor} signed in"),
    "user.sign_in_failed": _("Somebody could not sign in as {object}"),
    "mailbox.log_in_failed": _("A mail program could not log in to the mailbox {object}"),
    "configuration.found": _("{object} was there before versions were kept"),
    "membership.set": _("{actor} set the role of {object}"),
    "membership.delete": _("{actor} ended the membership of {object}"),
    "operator.step_in": _("{actor} came in from the operator of the platform"),
    "operator.step_out": _("{actor}, of the operator of the platform, left"),
    "queue.retry": _("{actor} had the queue {object} tried again"),
    "queue.resubmit": _("{actor} had the queue {object} routed again"),
    "queue.redirect": _("{actor} redirected the queue {object}"),
    "queue.undo_redirect": _("{actor} undid the redirection of the queue {object}"),
    "message.redirect": _("{actor} redirected the message {object}"),
    "message.undo_redirect": _("{actor} undid the redirection of the message {object}"),
    "messages.redirect": _("{actor} redirected messages"),
    "messages.undo_redirect": _("{actor} undid the redirection of messages"),
    "bulk_operation.begin": _("{actor} began what was previewed: {object}"),
    "bulk_operation.end": _("what {actor} began is done: {object}"),
    "message.export": _("{actor} downloaded the message {object}"),
    "queue.empty": _("{actor} removed the messages of the queue {object}"),
    "message.retry": _("{actor} had the message {object} tried again"),
    "message.resubmit": _("{actor} had the message {object} routed again"),
    "receive_connector.renew_password": _("{actor} gave the receive connector {object} a new password"),
    "receive_connector.withdraw_password": _("{actor} took the log-in of the receive connector {object} away"),
    "send_connector.validate": _("{actor} validated the send connector {object}"),
    "receive_connector.approve": _("{actor} approved the address ranges of the receive connector {object}"),
}
NOUNS: Final[dict[str, str | Promise]] = {
    "accepted_domain": _("accepted domain"),
    "api_key": _("API key"),
    "app_password": _("app password"),
    "invitation": _("invitation"),
    "mailbox": _("mailbox"),
    "membership": _("membership"),
    "message": _("message"),
    "plan": _("plan"),
    "queue": _("queue"),
    "receive_connector": _("receive connector"),
    "send_connector": _("send connector"),
    "suppressed_address": _("suppressed address"),
    "tenant": _("organisation"),
    "user": _("log-in"),
}
VERBS: Final[dict[str, str | Promise]] = {
    "accept": _("{actor} accepted the {noun} {object}"),
    "change": _("{actor} changed the {noun} {object}"),
    "create": _("{actor} added the {noun} {object}"),
    "delete": _("{actor} removed the {noun} {object}"),
    "release": _("{actor} released the {noun} {object}"),
    "remove": _("{actor} removed the {noun} {object}"),
    "renew": _("{actor} sent the {noun} {object} again"),
    "resend": _("{actor} sent the {noun} {object} again"),
    "resume": _("{actor} let the {noun} {object} go on"),
    "revoke": _("{actor} revoked the {noun} {object}"),
    "suspend": _("{actor} suspended the {noun} {object}"),
}
FIELDS: Final[dict[str, str | Promise]] = {
    "address_spaces": _("address spaces"),
    "addresses": _("addresses"),
    "email": _("e-mail address"),
    "failures": _("failed tries"),
    "has_password": _("has a password"),
    "mailbox": _("mailbox"),
    "owner": _("owner"),
    "password": _("password"),
    "queue": _("queue"),
    "recipient": _("recipient"),
    "resolvable": _("found in DNS"),
    "smart_hosts": _("smart hosts"),
    "test_message": _("test message sent"),
    "verified": _("verified"),
    "way": _("by"),
    "with_ndr": _("sender told"),
}
MOST_CHANGES: Final = 3
MOST_LETTERS: Final = 60
_NOTHING: Final = "–"


class Told(Protocol):
    """What a sentence is made of: an audit event, or a version of the configuration."""

    actor_name: str
    action: str
    object_name: str
    reverted_to: int | None


@dataclass(frozen=True, slots=True)
class ShownChange:
    """One field that differs, in words; `before` or `after` is empty where there is none."""

    label: str
    before: str
    after: str


def headline(event: Told) -> str:
    """Return who did what to which object, as “Ann changed the send connector Internet”."""
    noun, _dot, verb = event.action.partition(".")
    words = {"actor": event.actor_name, "object": event.object_name or gettext("(no name)")}
    words["noun"] = noun_label(noun)
    if event.reverted_to:
        text = gettext("{actor} took the {noun} {object} back to version {version}")
        return text.format(version=event.reverted_to, **words)
    sentence = SENTENCES.get(event.action) or VERBS.get(verb)
    if sentence is None:
        return gettext("{actor}: {action} {object}").format(action=event.action, **words)
    return str(sentence).format(**words)


def noun_label(noun: str) -> str:
    """Return what an action's noun, or a model's name, is called."""
    if noun in NOUNS:
        return str(NOUNS[noun])
    model = model_of(noun)
    return str(model._meta.verbose_name) if model else noun.replace("_", " ")


def sentence(event: AuditEvent) -> str:
    """Return the headline with the first things that changed: “…: smart hosts a → b”."""
    return ": ".join(filter(None, (headline(event), summary(event))))


def summary(event: AuditEvent) -> str:
    """Return the first things that an event changed in a line; empty where it made or removed an object."""
    if event.before is None or event.after is None:
        return ""
    changes = shown_changes(event.object_type, changes_between(event.before, event.after))
    told = [f"{one.label} {_short(one.before)} → {_short(one.after)}" for one in changes[:MOST_CHANGES]]
    if (more := len(changes) - MOST_CHANGES) > 0:
        told.append(ngettext("{n} field more", "{n} fields more", more).format(n=more))
    return ", ".join(told)


def _short(text: str) -> str:
    return text if len(text) <= MOST_LETTERS else f"{text[: MOST_LETTERS - 1]}…"


def changes_of(event: AuditEvent) -> list[ShownChange]:
    """Return what an event changed, field by field; of something new or gone, all that is known of it."""
    return shown_changes(event.object_type, changes_between(event.before, event.after))


def shown_changes(object_type: str, changes: Sequence[Change]) -> list[ShownChange]:
    """Return changes of an object of this type in words, in the order in which its settings are told."""
    kind = VERSIONED.get(object_type)
    order = {name: position for position, name in enumerate(kind.fields)} if kind else {}
    return [
        ShownChange(
            field_label(object_type, change.field),
            plain_value(object_type, change.field, change.before),
            plain_value(object_type, change.field, change.after),
        )
        for change in sorted(changes, key=lambda change: order.get(change.field, len(order)))
    ]


@cache
def model_of(object_type: str) -> type[Model] | None:
    """Return the model that an object's type names."""
    name = object_type.replace("_", "")
    return next((model for model in apps.get_models() if model._meta.model_name == name), None)


def _field_of(object_type: str, name: str) -> Field[Any, Any] | None:
    model = model_of(object_type)
    return next((field for field in model._meta.concrete_fields if field.name == name), None) if model else None


def field_label(object_type: str, name: str) -> str:
    field = _field_of(object_type, name)
    if name in FIELDS and field is None:
        return str(FIELDS[name])
    return str(field.verbose_name) if field else name.replace("_", " ")


def plain_value(object_type: str, name: str, value: Any) -> str:
    """Return a value of a picture as a person writes it; a choice by its label."""
    field = _field_of(object_type, name)
    labels = dict(field.flatchoices) if field is not None and field.choices else {}
    if isinstance(value, str) and value in labels:
        return str(labels[value])
    if field is not None and isinstance(value, str) and field.get_internal_type() == "DurationField":
        parsed = parse_duration(value)
        return duration(parsed) if parsed is not None else value
    if field is not None and isinstance(value, str) and field.get_internal_type() == "DateTimeField":
        at = parse_datetime(value)
        return localtime(at).strftime("%Y-%m-%d %H:%M:%S") if at is not None else value
    return plain(value)


def plain(value: object) -> str:
    """Return a value as a person writes it: no Python, no JSON."""
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if isinstance(value, list):
        return ", ".join(plain(one) for one in value) or _NOTHING
    if isinstance(value, dict):
        shape = next((show for keys, show in _SHAPES if keys == value.keys()), None)
        return shape(value) if shape else _pairs(value)
    return str(value) if value not in (None, "") else _NOTHING


def _pairs(value: dict[str, Any]) -> str:
    return " ".join(f"{name} {plain(one)}" for name, one in value.items()) or _NOTHING


def _host(value: dict[str, Any]) -> str:
    return f"{value['host']}:{value['port']}" if value["port"] else str(value["host"])


def _space(value: dict[str, Any]) -> str:
    return gettext("{pattern} (cost {cost})").format(**value)


def _address(value: dict[str, Any]) -> str:
    return gettext("{address} (reply address)").format(**value) if value["is_primary"] else str(value["address"])


_SHAPES: Final[tuple[tuple[set[str], Callable[[dict[str, Any]], str]], ...]] = (
    ({"host", "port"}, _host),
    ({"pattern", "cost"}, _space),
    ({"address", "is_primary"}, _address),
)


def duration(value: timedelta) -> str:
    """Return a length of time as “2 d 4 h”."""
    seconds = int(value.total_seconds())
    parts = []
    for name, size in ((gettext("d"), 86_400), (gettext("h"), 3600), (gettext("min"), 60), (gettext("s"), 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {name}")
    return " ".join(parts) or f"0 {gettext('s')}"
