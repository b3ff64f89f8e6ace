"""What a reason is: a stable code, words for a mail administrator, who has to act, and what would mend it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from transport.message.reply import Reply
from transport.routing.wording import gettext_noop as _


class Side(StrEnum):
    """Who has to act."""

    OURS = "ours"
    TENANT = "tenant"
    SENDER = "sender"
    PEER = "peer"
    NETWORK = "network"


class Action(StrEnum):
    """What a fix does; console and API map each to a link."""

    CREATE_SEND_CONNECTOR = "create_send_connector"
    ENABLE_SEND_CONNECTOR = "enable_send_connector"
    EDIT_SEND_CONNECTOR = "edit_send_connector"
    ADD_ACCEPTED_DOMAIN = "add_accepted_domain"
    VERIFY_ACCEPTED_DOMAIN = "verify_accepted_domain"
    SET_REPLY_ADDRESS = "set_reply_address"
    EDIT_MAILBOX = "edit_mailbox"
    ENABLE_MAILBOX = "enable_mailbox"
    RAISE_QUOTA = "raise_quota"
    RETRY_QUEUE = "retry_queue"
    RESUME_QUEUE = "resume_queue"
    UNDO_REDIRECT = "undo_redirect"
    EDIT_DNS = "edit_dns"
    CONTACT_PEER = "contact_peer"
    RELEASE_ADDRESS = "release_address"


@dataclass(frozen=True, slots=True)
class Fix:
    """Something that a person or a program can do about it; `params` may hold {named} fields as the texts do."""

    action: Action
    label: str
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reason:
    """One entry of the registry. `reply` is there where the reason shows in SMTP; its text may hold {named} fields."""

    code: str
    side: Side
    title: str
    explanation: str
    fixes: tuple[Fix, ...] = ()
    reply: Reply | None = None

    @property
    def fix(self) -> Fix | None:
        return self.fixes[0] if self.fixes else None


CREATE_CONNECTOR = Fix(
    Action.CREATE_SEND_CONNECTOR,
    _("Create a send connector for all domains"),
    {"name": "Internet", "pattern": "*", "cost": "1", "routing": "dns", "domain": "{domain}"},
)
ENABLE_CONNECTOR = Fix(
    Action.ENABLE_SEND_CONNECTOR, _("Enable the send connector “{connector}”"), {"connector_id": "{connector_id}"}
)
EDIT_CONNECTOR = Fix(
    Action.EDIT_SEND_CONNECTOR, _("Edit the send connector “{connector}”"), {"connector_id": "{connector_id}"}
)
ADD_DOMAIN = Fix(Action.ADD_ACCEPTED_DOMAIN, _("Add {domain} as an accepted domain"), {"domain": "{domain}"})
VERIFY_DOMAIN = Fix(
    Action.VERIFY_ACCEPTED_DOMAIN, _("Verify {domain}"), {"domain_id": "{domain_id}", "domain": "{domain}"}
)
SET_REPLY_ADDRESS = Fix(
    Action.SET_REPLY_ADDRESS,
    _("Set a reply address on a verified domain"),
    {"mailbox_id": "{mailbox_id}", "address": "{sender}"},
)
EDIT_MAILBOX = Fix(Action.EDIT_MAILBOX, _("Open the mailbox"), {"mailbox_id": "{mailbox_id}"})
ENABLE_MAILBOX = Fix(Action.ENABLE_MAILBOX, _("Enable the mailbox “{mailbox}”"), {"mailbox_id": "{mailbox_id}"})
RAISE_QUOTA = Fix(Action.RAISE_QUOTA, _("Raise the quota of “{mailbox}”"), {"mailbox_id": "{mailbox_id}"})
RETRY_QUEUE = Fix(Action.RETRY_QUEUE, _("Retry now"), {"queue_id": "{queue_id}"})
RESUME_QUEUE = Fix(Action.RESUME_QUEUE, _("Resume the queue"), {"queue_id": "{queue_id}"})
UNDO_REDIRECT = Fix(
    Action.UNDO_REDIRECT,
    _("Take the redirection back"),
    {"queue_id": "{queue_id}", "message_id": "{message_id}"},
)
EDIT_DNS = Fix(Action.EDIT_DNS, _("See which DNS records are wanted"), {"domain": "{sender_domain}"})
RELEASE_ADDRESS = Fix(Action.RELEASE_ADDRESS, _("Release {recipient}"), {"address": "{recipient}"})
CONTACT_PEER = Fix(
    Action.CONTACT_PEER,
    _("Write to the peer's postmaster"),
    {"address": "postmaster@{domain}", "endpoint": "{endpoint}"},
)
