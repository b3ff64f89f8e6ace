"""What every console template knows: the tenant, what the role allows, where we are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from tenants.access import MembershipEntry
from tenants.permissions import Permission, may, permissions_of


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the navigation; `section` is what the view's URL name begins with."""

    section: str
    label: str | Promise
    icon: str
    permission: Permission
    url_name: str
    heading: str | Promise = ""  # stands above the entry where a group begins


NAVIGATION = (
    Entry("overview", _("Overview"), "layout-dashboard", Permission.VIEW, "console:overview"),
    Entry("mail", _("My mailbox"), "inbox", Permission.READ_OWN_MAIL, "console:mail"),
    Entry("queue", _("Queues"), "stack-2", Permission.VIEW, "console:queues", _("Mail flow")),
    Entry("tracking", _("Message tracking"), "history", Permission.VIEW, "console:tracking"),
    Entry("suppression", _("Suppression list"), "mail-off", Permission.VIEW, "console:suppressions"),
    Entry("what-if", _("What if"), "arrows-split", Permission.VIEW, "console:what-if"),
    Entry("accepted-domain", _("Accepted domains"), "world", Permission.VIEW, "console:accepted-domains", _("Set-up")),
    Entry("mailbox", _("Mailboxes"), "users", Permission.VIEW, "console:mailboxes"),
    Entry("send-connector", _("Send connectors"), "arrow-up-right", Permission.VIEW, "console:send-connectors"),
    Entry(
        "receive-connector", _("Receive connectors"), "arrow-down-left", Permission.VIEW, "console:receive-connectors"
    ),
    Entry("usage", _("Usage and limits"), "gauge", Permission.VIEW, "console:usage"),
    Entry("member", _("Members"), "user", Permission.VIEW_AUDIT, "console:members"),
    Entry("history", _("Changes"), "arrow-back-up", Permission.VIEW_AUDIT, "console:history"),
    Entry("api-key", _("API keys"), "key", Permission.VIEW_AUDIT, "console:api-keys"),
    Entry("organisation", _("Organisation"), "building", Permission.MANAGE_TENANT, "console:organisation"),
    Entry("audit", _("Audit log"), "file-text", Permission.VIEW_AUDIT, "console:audit"),
)


def console(request: HttpRequest) -> dict[str, Any]:
    membership: MembershipEntry | None = getattr(request, "membership", None)
    role = membership.role if membership else None
    return {
        "membership": membership,
        "acting": getattr(request, "acting", None),
        "memberships": getattr(request, "memberships", []),
        "navigation": [entry for entry in NAVIGATION if may(role, entry.permission)],
        "section": _section(request),
        "may": permissions_of(role),
        "may_view": may(role, Permission.VIEW),
        "may_configure": may(role, Permission.CONFIGURE),
        "may_steer_queues": may(role, Permission.STEER_QUEUES),
        "has_lab": settings.POSTROOM_LAB,
    }


def _section(request: HttpRequest) -> str:
    match = getattr(request, "resolver_match", None)
    name = (match.url_name or "") if match else ""
    found = [entry.section for entry in NAVIGATION if name.startswith(entry.section)]
    return max(found, key=len, default="")
