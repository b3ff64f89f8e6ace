"""An operator in a tenant's console, for a reason that the tenant can read, and for an hour at most.

The session holds where the operator is and until when; the tenant's audit log holds the step in, each change and the
step out. People's letters stay closed: the two roles that an operator may take are in tenants/permissions.py.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from tenants.access import MembershipEntry
from tenants.actions.actor import Actor
from tenants.actions.audit import audit
from tenants.models import Tenant, User
from tenants.permissions import ACTING_ADMIN, ACTING_AUDITOR
from tenants.problems import Problem
from tenants.scope import scope

SESSION_ACTING: Final = "acting"
LONGEST: Final = timedelta(minutes=60)
ROLES: Final = {
    ACTING_AUDITOR: gettext_lazy("auditor: reads all, changes nothing"),
    ACTING_ADMIN: gettext_lazy("administrator: changes domains, mailboxes, connectors and queues"),
}
_WORDS: Final = {ACTING_AUDITOR: "auditor", ACTING_ADMIN: "administrator"}


@dataclass(frozen=True, slots=True)
class Acting:
    """Where an operator is, as what, until when, and why."""

    operator_id: str
    tenant_id: str
    slug: str
    name: str
    role: str
    until: str  # ISO 8601, as the session keeps it
    reason: str

    @property
    def ends_at(self) -> datetime:
        return datetime.fromisoformat(self.until)

    @property
    def is_over(self) -> bool:
        return timezone.now() >= self.ends_at

    @property
    def reads_only(self) -> bool:
        return self.role == ACTING_AUDITOR

    @property
    def membership(self) -> MembershipEntry:
        return MembershipEntry(UUID(self.tenant_id), self.slug, self.name, self.role)

    def actor(self, request: HttpRequest) -> Actor:
        """Return who acts, as the audit log names them."""
        assert isinstance(request.user, User)
        name = f"{request.user.email} acting as {_WORDS[self.role]}"
        address = request.META.get("REMOTE_ADDR") or None
        return Actor("operator", self.operator_id, name[:320], address, is_acting=True)


def begin(request: HttpRequest, *, tenant: Tenant, role: str, minutes: int, reason: str) -> Acting:
    """Step into a tenant's console. Its audit log says who, as what, until when and why."""
    assert isinstance(request.user, User)
    if not reason.strip():
        raise Problem("api.required", field="reason")
    if role not in ROLES or not 0 < minutes <= LONGEST.seconds // 60:
        raise Problem("api.unknown_field", field="role", name=role)
    until = timezone.now() + timedelta(minutes=minutes)
    acting = Acting(
        operator_id=str(request.user.pk),
        tenant_id=str(tenant.pk),
        slug=tenant.slug,
        name=tenant.name,
        role=role,
        until=until.isoformat(),
        reason=reason.strip(),
    )
    after = {"role": _WORDS[role], "until": acting.until, "reason": acting.reason}
    audit(actor=acting.actor(request), tenant=tenant, action="operator.step_in", obj=tenant, after=after)
    request.session[SESSION_ACTING] = asdict(acting)
    return acting


def acting_of(request: HttpRequest) -> Acting | None:
    """Return where this operator is, also where the time is over; None for everybody else."""
    kept: dict[str, Any] | None = request.session.get(SESSION_ACTING)
    user = request.user
    if not kept or not isinstance(user, User) or not user.is_operator or kept.get("operator_id") != str(user.pk):
        return None
    return Acting(**kept)


def finish(request: HttpRequest, acting: Acting, *, ended: str) -> None:
    """Step out, and say so in the tenant's audit log."""
    del request.session[SESSION_ACTING]
    with scope(UUID(acting.tenant_id)):
        tenant = Tenant.objects.filter(pk=acting.tenant_id).first()
        if tenant is not None:
            after = {"ended": ended}
            audit(actor=acting.actor(request), tenant=tenant, action="operator.step_out", obj=tenant, after=after)


def turn_out(request: HttpRequest, acting: Acting) -> HttpResponse:
    """Answer a request that came after the time was over: nothing of it is done."""
    finish(request, acting, ended="time over")
    text = _("Your time in {name} is over. What you asked for last was not done.")
    messages.warning(request, text.format(name=acting.name))
    return HttpResponseRedirect(reverse("admin:tenants_tenant_change", args=[acting.tenant_id]))


@require_POST
def end(request: HttpRequest) -> HttpResponse:
    """The button on the banner."""
    acting = acting_of(request) if request.user.is_authenticated else None
    if acting is None:
        return HttpResponseRedirect("/")
    finish(request, acting, ended="by the operator")
    messages.success(request, _("You have left {name}.").format(name=acting.name))
    return HttpResponseRedirect(reverse("admin:tenants_tenant_change", args=[acting.tenant_id]))
