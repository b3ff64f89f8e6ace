"""The envelope of a message (RFC 5321 2.3.1), who hands it in, and what that client may do (Exchange's permissions)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from uuid import UUID

if TYPE_CHECKING:
    from transport.routing.trace import Considered


class Origin(StrEnum):
    """The door through which a message came in."""

    ANONYMOUS = "anonymous"
    SUBMISSION = "submission"
    RELAY = "relay"
    API = "api"
    CONSOLE = "console"
    NOTICE = "notice"


class Right(StrEnum):
    """What a session may do; the names are Exchange's `ms-Exch-SMTP-…` and `…-Bypass-…` permissions."""

    SUBMIT = "submit"
    ACCEPT_ANY_RECIPIENT = "accept_any_recipient"
    ACCEPT_ANY_SENDER = "accept_any_sender"
    ACCEPT_AUTHORITATIVE_DOMAIN_SENDER = "accept_authoritative_domain_sender"
    ACCEPT_AUTHENTICATION_FLAG = "accept_authentication_flag"
    ACCEPT_HEADERS_ROUTING = "accept_headers_routing"
    BYPASS_ANTI_SPAM = "bypass_anti_spam"
    BYPASS_MESSAGE_SIZE_LIMIT = "bypass_message_size_limit"


class PermissionGroup(StrEnum):
    """A fixed bundle of rights that a receive connector grants to a class of clients."""

    ANONYMOUS_USERS = "anonymous_users"
    EXCHANGE_USERS = "exchange_users"
    EXCHANGE_SERVERS = "exchange_servers"
    PARTNERS = "partners"


GROUP_RIGHTS: Final[dict[PermissionGroup, frozenset[Right]]] = {
    PermissionGroup.ANONYMOUS_USERS: frozenset(
        {
            Right.SUBMIT,
            Right.ACCEPT_ANY_SENDER,
            Right.ACCEPT_AUTHORITATIVE_DOMAIN_SENDER,
            Right.ACCEPT_HEADERS_ROUTING,
        }
    ),
    PermissionGroup.EXCHANGE_USERS: frozenset(
        {
            Right.SUBMIT,
            Right.ACCEPT_ANY_RECIPIENT,
            Right.ACCEPT_AUTHENTICATION_FLAG,
            Right.ACCEPT_HEADERS_ROUTING,
            Right.BYPASS_ANTI_SPAM,
        }
    ),
    PermissionGroup.EXCHANGE_SERVERS: frozenset(Right),
    PermissionGroup.PARTNERS: frozenset({Right.SUBMIT, Right.ACCEPT_HEADERS_ROUTING}),
}


def rights_of(groups: Iterable[str], further: Iterable[str] = ()) -> frozenset[Right]:
    """Return the union of the groups' rights and the further ones; an unknown name raises ValueError."""
    granted: set[Right] = {Right(name) for name in further}
    return frozenset(granted.union(*(GROUP_RIGHTS[PermissionGroup(name)] for name in groups)))


ANONYMOUS_RIGHTS: Final = GROUP_RIGHTS[PermissionGroup.ANONYMOUS_USERS]
USER_RIGHTS: Final = GROUP_RIGHTS[PermissionGroup.EXCHANGE_USERS]


@dataclass(frozen=True, slots=True, eq=False)
class Door:
    """The listener that took a connection, what was said of each on that port, and of tenants' relay permissions."""

    listener: str
    considered: tuple[Considered, ...] = ()
    relays: Mapping[UUID, tuple[Considered, ...]] = field(default_factory=dict)
    is_told: bool = False  # a listed host told whose connection it is (XCLIENT)


@dataclass(frozen=True, slots=True)
class Client:
    """Who hands the message in. `tenant_id` is None for a stranger.

    `connector` names the receive connector whose rights count: the listener, or a tenant's relay permission.
    """

    origin: Origin
    tenant_id: UUID | None = None
    mailbox_id: UUID | None = None
    connector: str = ""
    address: str | None = None
    rights: frozenset[Right] = frozenset()
    door: Door | None = field(default=None, compare=False, repr=False)
    relay_id: UUID | None = field(default=None, compare=False)  # the relay permission that counts


def anonymous_client(connector: str = "", address: str | None = None) -> Client:
    """Return a stranger from the Internet, with the rights of the anonymous group."""
    return Client(Origin.ANONYMOUS, None, None, connector, address, ANONYMOUS_RIGHTS)


def notice_client(tenant_id: UUID) -> Client:
    """Return the system itself, sending a notice (RFC 3464) on behalf of a tenant."""
    return Client(Origin.NOTICE, tenant_id, None, "", None, GROUP_RIGHTS[PermissionGroup.EXCHANGE_SERVERS])


@dataclass(frozen=True, slots=True)
class Envelope:
    """What is to be routed. `sender` is empty for the null path.

    `authors` are the addresses of the header From, where the caller wants them held to the sender's rules.
    `rerouting` marks mail that was accepted before: what the sender may do was settled then.
    """

    sender: str
    recipients: tuple[str, ...]
    size: int
    client: Client
    authors: tuple[str, ...] = ()
    rerouting: bool = False
