"""The one table of who may do what in a tenant; views, API and templates ask it."""

from __future__ import annotations

from enum import StrEnum

from django.utils.translation import gettext as _

from tenants.models import Membership


class Permission(StrEnum):
    VIEW = "view"  # configuration, queues, tracking: read
    CONFIGURE = "configure"  # domains, mailboxes, connectors: change, and revert
    STEER_QUEUES = "steer_queues"  # retry, suspend, resume, remove, redirect
    EXPORT_MESSAGES = "export_messages"  # what waits, with its content: whoever has one reads it
    RESET_PASSWORDS = "reset_passwords"  # of mailboxes, and their app passwords
    GIVE_LOG_INS = "give_log_ins"  # to mailboxes: whoever has one reads the letters
    READ_OWN_MAIL = "read_own_mail"
    VIEW_AUDIT = "view_audit"
    MANAGE_KEYS = "manage_keys"
    MANAGE_MEMBERS = "manage_members"  # invite, change roles, remove; owners are made by owners alone
    MANAGE_TENANT = "manage_tenant"  # hand-over, export, deletion: what an owner answers for


# An operator's in a tenant's console (postroom/acting.py). Nothing here opens a letter, or outlasts the hour: no
# log-ins, passwords, keys or members.
ACTING_ADMIN = "acting_admin"
ACTING_AUDITOR = "acting_auditor"

_R = Membership.Role
_P = Permission
ROLES: dict[str, frozenset[Permission]] = {
    _R.OWNER: frozenset(Permission),
    _R.ADMIN: frozenset(Permission) - {_P.MANAGE_TENANT},
    _R.HELPDESK: frozenset({_P.VIEW, _P.RESET_PASSWORDS, _P.READ_OWN_MAIL}),
    _R.AUDITOR: frozenset({_P.VIEW, _P.VIEW_AUDIT}),
    _R.MAILBOX_USER: frozenset({_P.READ_OWN_MAIL}),
    ACTING_ADMIN: frozenset({_P.VIEW, _P.CONFIGURE, _P.STEER_QUEUES, _P.VIEW_AUDIT}),
    ACTING_AUDITOR: frozenset({_P.VIEW, _P.VIEW_AUDIT}),
}


def label_of(role: str) -> str:
    """Return a role as a person reads it."""
    acting = {ACTING_ADMIN: _("operator, as administrator"), ACTING_AUDITOR: _("operator, reading only")}
    return acting[role] if role in acting else str(Membership.Role(role).label)


def may(role: str | None, permission: Permission) -> bool:
    """Return whether a role allows something; no role allows nothing."""
    return role is not None and permission in ROLES.get(role, frozenset())


def permissions_of(role: str | None) -> dict[str, bool]:
    """Return what a role allows, by the permission's value, as templates ask it: `{% if may.configure %}`."""
    return {permission.value: may(role, permission) for permission in Permission}


def covers(role: str, other: str) -> bool:
    """Return whether a role may do all that another one may: nobody hands out more than they have."""
    return ROLES[other] <= ROLES[role]


def roles_with(*permissions: Permission) -> list[str]:
    """Return the roles that have all of these permissions, the most powerful first."""
    return [str(role) for role in ROLES if all(may(role, permission) for permission in permissions)]


def may_grant(role: str | None, other: str) -> bool:
    """Return whether a role may give, change or take away the role `other`: an owner's is the owners' matter alone."""
    needed = Permission.MANAGE_TENANT if other == Membership.Role.OWNER else Permission.MANAGE_MEMBERS
    return may(role, needed)
