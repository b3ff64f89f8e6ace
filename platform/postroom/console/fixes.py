"""From a fix of the registry to something to press: a page that is filled in already, or one click that does it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext

from tenants.permissions import Permission, may
from transport.routing.reasons import Action, Fix

Params = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Button:
    """What a fix looks like on a page. With `fields` it is a form to post, else a link."""

    label: str
    url: str
    fields: Params | None = None
    is_outside: bool = False
    returns: bool = False  # its page leads back to where the button was


@dataclass(frozen=True, slots=True)
class _Target:
    """How an action of the registry is reached. `wanted` are the parameters without which it leads nowhere."""

    make: Callable[[str, Params], Button]
    permission: Permission = Permission.CONFIGURE
    wanted: tuple[str, ...] = field(default=())


def buttons(fixes: Iterable[Fix], role: str | None) -> list[Button]:
    """Return what this role may press, in the registry's order."""
    found = [(fix, _TARGETS.get(fix.action)) for fix in fixes]
    return [
        target.make(fix.label, fix.params)
        for fix, target in found
        if target and may(role, target.permission) and all(name in fix.params for name in target.wanted)
    ]


def _link(name: str, *path: str, returns: bool = False) -> Callable[[str, Params], Button]:
    """Make a link to a page; `path` names the parameters that go into it."""

    def make(label: str, params: Params) -> Button:
        return Button(label, reverse(name, args=[params[key] for key in path]), returns=returns)

    return make


def _post(name: str, *path: str, **fields: str) -> Callable[[str, Params], Button]:
    """Make one click."""

    def make(label: str, params: Params) -> Button:
        url = reverse(name, args=[params[key] for key in path])
        return Button(label, url, {key: params[param] for key, param in fields.items() if param in params})

    return make


def _post_to_queue(verb: str) -> Callable[[str, Params], Button]:
    def make(label: str, params: Params) -> Button:
        return Button(label, reverse("console:queue-act", args=[params["queue_id"], verb]), {})

    return make


def _undo_redirect(label: str, params: Params) -> Button:
    path = [params["queue_id"], params["message_id"], "undo-redirect"]
    return Button(label, reverse("console:queue-message-act", args=path), {})


def _write_to(label: str, params: Params) -> Button:
    return Button(label, f"mailto:{params['address']}", is_outside=True)


def _release(label: str, params: Params) -> Button:
    query = urlencode({"address": params["address"]})
    return Button(label, f"{reverse('console:suppressions')}?{query}", returns=True)


def _add_domain(label: str, params: Params) -> Button:
    if "domain" in params:
        return _post("console:accepted-domain-add", domain="domain")(label, params)
    return Button(gettext("Add a domain"), reverse("console:accepted-domain-create"))


_TARGETS: Final[Mapping[Action, _Target]] = {
    Action.CREATE_SEND_CONNECTOR: _Target(_post("console:send-connector-internet")),
    Action.ENABLE_SEND_CONNECTOR: _Target(
        _post("console:send-connector-enable", "connector_id"), wanted=("connector_id",)
    ),
    Action.EDIT_SEND_CONNECTOR: _Target(_link("console:send-connector", "connector_id"), wanted=("connector_id",)),
    Action.ADD_ACCEPTED_DOMAIN: _Target(_add_domain),
    Action.VERIFY_ACCEPTED_DOMAIN: _Target(_post("console:accepted-domain-verify", "domain_id"), wanted=("domain_id",)),
    Action.SET_REPLY_ADDRESS: _Target(
        _link("console:mailbox-reply-address", "mailbox_id", returns=True), wanted=("mailbox_id",)
    ),
    Action.EDIT_MAILBOX: _Target(_link("console:mailbox", "mailbox_id"), wanted=("mailbox_id",)),
    Action.ENABLE_MAILBOX: _Target(_post("console:mailbox-enable", "mailbox_id"), wanted=("mailbox_id",)),
    Action.RAISE_QUOTA: _Target(_link("console:mailbox", "mailbox_id"), wanted=("mailbox_id",)),
    Action.RETRY_QUEUE: _Target(_post_to_queue("retry"), Permission.STEER_QUEUES, ("queue_id",)),
    Action.RESUME_QUEUE: _Target(_post_to_queue("resume"), Permission.STEER_QUEUES, ("queue_id",)),
    Action.UNDO_REDIRECT: _Target(_undo_redirect, Permission.STEER_QUEUES, ("queue_id", "message_id")),
    Action.EDIT_DNS: _Target(_link("console:accepted-domain-named", "domain"), Permission.VIEW, ("domain",)),
    Action.RELEASE_ADDRESS: _Target(_release, Permission.STEER_QUEUES, ("address",)),
    Action.CONTACT_PEER: _Target(_write_to, Permission.VIEW, ("address",)),
}
