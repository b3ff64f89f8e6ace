"""The one table of who may do what in a tenant; views, API and templates ask it."""

from __future__ import annotations

from enum import StrEnum

from tenants.models import Membership


class Permission(StrEnum):
    CONFIGURE = "configure"  # domains, mailboxes, connectors: change
    VIEW = "view"  # the same, and queues and tracking: read
    STEER_QUEUES = "steer_queues"  # retry, suspend, resume, remove
    READ_OWN_MAIL = "read_own_mail"
    MANAGE_MEMBERS = "manage_members"


_R = Membership.Role
_P = Permission
ROLES: dict[str, frozenset[Permission]] = {
    _R.OWNER: frozenset(Permission),
    _R.ADMIN: frozenset({_P.CONFIGURE, _P.VIEW, _P.STEER_QUEUES, _P.READ_OWN_MAIL}),
    _R.HELPDESK: frozenset({_P.VIEW, _P.READ_OWN_MAIL}),
    _R.AUDITOR: frozenset({_P.VIEW}),
    _R.MAILBOX_USER: frozenset({_P.READ_OWN_MAIL}),
}


def may(role: str | None, permission: Permission) -> bool:
    """Return whether a role allows something; no role allows nothing."""
    return role is not None and permission in ROLES.get(role, frozenset())
