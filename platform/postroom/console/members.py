"""Members: who may do what in the organisation, whom one invites, and to whom one hands it over."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from postroom.console.forms import ConsoleForm
from postroom.console.identity import OwnPasswordForm, check_who_it_is
from postroom.console.requests import ConsoleRequest, actor_of, allowed, forbidden, needs, tenant_of
from postroom.explain import explain_problem
from postroom.membership_letters import SentInvitation, hand_over_and_tell, invite, invite_again
from postroom.paging import paginate
from tenants.access import invitations, live_keys_of, members, members_with_second_factor, one
from tenants.actions.invitations import ROLES, revoke_invitation
from tenants.actions.memberships import change_role, remove_member
from tenants.actions.suspensions import resume_member, suspend_member
from tenants.actions.tenants import change_tenant
from tenants.models import Invitation, Membership
from tenants.permissions import Permission, may_grant
from tenants.problems import Problem

SHOWN_INVITATIONS = 200

ROLE_HELP = {
    Membership.Role.OWNER: gettext_lazy("everything, and answers for the organisation"),
    Membership.Role.ADMIN: gettext_lazy("domains, mailboxes, connectors, queues, members"),
    Membership.Role.HELPDESK: gettext_lazy("sees mail flow and queues, sets passwords of mailboxes"),
    Membership.Role.AUDITOR: gettext_lazy("sees everything with the audit log, changes nothing"),
    Membership.Role.MAILBOX_USER: gettext_lazy("reads and writes their own mail, and nothing else"),
}


def role_choices(by_role: str, roles: tuple[Membership.Role, ...]) -> list[tuple[str, str]]:
    """Return the roles that somebody may give, each with what it means."""
    return [(role.value, f"{role.label}: {ROLE_HELP[role]}") for role in roles if may_grant(by_role, role)]


class SuspendForm(ConsoleForm):
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=500,
        help_text=gettext_lazy("The member reads it when they try to come in, and it is in the audit log."),
    )


class InviteForm(ConsoleForm):
    email = forms.CharField(
        label=gettext_lazy("E-mail address"),
        max_length=320,
        widget=forms.EmailInput(attrs={"autocomplete": "off", "autocapitalize": "none"}),
    )
    role = forms.ChoiceField(label=gettext_lazy("Role"), widget=forms.RadioSelect)

    def __init__(self, data: Any = None, *, by_role: str) -> None:
        super().__init__(data, initial={"role": Membership.Role.ADMIN})
        self.fields["role"].choices = role_choices(by_role, ROLES)  # type: ignore[attr-defined]


class RoleForm(ConsoleForm):
    role = forms.ChoiceField(label=gettext_lazy("Role"), widget=forms.RadioSelect)

    def __init__(self, data: Any = None, *, by_role: str, row: Membership) -> None:
        super().__init__(data, initial={"role": row.role})
        self.fields["role"].choices = role_choices(by_role, tuple(Membership.Role))  # type: ignore[attr-defined]


class HandOverForm(OwnPasswordForm):
    problem_fields = {"member": ""}


@never_cache
@needs(Permission.VIEW_AUDIT)
def index(request: ConsoleRequest) -> HttpResponse:
    """Show the members and the invitations, and invite somebody. A link that was made is in this answer only."""
    if request.method == "POST" and not allowed(request, Permission.MANAGE_MEMBERS):
        return forbidden(request)
    form = InviteForm(request.POST or None, by_role=request.membership.role)
    sent = None
    if request.method == "POST" and form.is_valid():
        try:
            sent = invite(
                actor=actor_of(request),
                by_role=request.membership.role,
                tenant=tenant_of(request),
                invited_by=request.user,
                **form.cleaned_data,
            )
        except Problem as problem:
            form.add_problem(problem)
        else:
            form = InviteForm(by_role=request.membership.role)
    return _list_page(request, form, sent)


@require_POST
@needs(Permission.MANAGE_TENANT)
def require_second_factor(request: ConsoleRequest) -> HttpResponse:
    """Make a second factor a must for everybody here, or leave it to each."""
    wanted = request.POST.get("required") == "1"
    change_tenant(actor=actor_of(request), tenant=tenant_of(request), require_second_factor=wanted)
    told = _("Members without a second factor are now led to set one up.") if wanted else _("It is up to each member.")
    messages.success(request, told)
    return redirect("console:members")


@never_cache
@require_POST
@needs(Permission.MANAGE_MEMBERS)
def resend(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    row = one(invitations(request.membership.tenant_id), pk)
    form = InviteForm(by_role=request.membership.role)
    sent = None
    try:
        sent = invite_again(
            actor=actor_of(request), by_role=request.membership.role, tenant=tenant_of(request), invitation=row
        )
    except Problem as problem:
        form.problem = problem
    return _list_page(request, form, sent)


@require_POST
@needs(Permission.MANAGE_MEMBERS)
def revoke(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    row = one(invitations(request.membership.tenant_id), pk)
    try:
        revoke_invitation(actor=actor_of(request), by_role=request.membership.role, invitation=row)
    except Problem as problem:
        messages.error(request, explain_problem(problem).text)
    else:
        messages.success(request, _("The invitation of {email} is revoked.").format(email=row.email))
    return redirect("console:members")


@needs(Permission.VIEW_AUDIT)
def show(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    """Show one member, and give another role."""
    if request.method == "POST" and not allowed(request, Permission.MANAGE_MEMBERS):
        return forbidden(request)
    row = one(members(request.membership.tenant_id), pk)
    form = RoleForm(request.POST or None, by_role=request.membership.role, row=row)
    if request.method == "POST" and form.is_valid():
        try:
            change_role(
                actor=actor_of(request),
                by_role=request.membership.role,
                membership=row,
                role=form.cleaned_data["role"],
            )
        except Problem as problem:
            row.refresh_from_db()
            form.add_problem(problem)
        else:
            done = _("{user}: the role is “{role}” now.")
            messages.success(request, done.format(user=row.user, role=Membership.Role(form.cleaned_data["role"]).label))
            _tell_of_keys(request, row)
            return _back(request, row)
    return _member_page(request, row, form)


@require_POST
@needs(Permission.MANAGE_MEMBERS)
def remove(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    row = one(members(request.membership.tenant_id), pk)
    try:
        remove_member(actor=actor_of(request), by_role=request.membership.role, membership=row)
    except Problem as problem:
        form = RoleForm(by_role=request.membership.role, row=row)
        form.problem = problem
        return _member_page(request, row, form)
    messages.success(request, _("{user} is no member any more.").format(user=row.user))
    _tell_of_keys(request, row)
    return _back(request, row)


@require_POST
@needs(Permission.MANAGE_MEMBERS)
def suspend(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    """Keep a member out for a while, with a reason that they read; `resume` in the form lets them in again."""
    row = one(members(request.membership.tenant_id), pk)
    if not may_grant(request.membership.role, row.role):
        return forbidden(request)
    form = SuspendForm(request.POST)
    resumes = "resume" in request.POST
    if not resumes and not form.is_valid():
        return _member_page(request, row, RoleForm(by_role=request.membership.role, row=row), form)
    try:
        if resumes:
            resume_member(actor=actor_of(request), membership=row)
            done = _("{user} may come in again.")
        else:
            suspend_member(actor=actor_of(request), membership=row, reason=form.cleaned_data["reason"])
            done = _("{user} is kept out until you let them in again.")
    except Problem as problem:
        row.refresh_from_db()
        role = RoleForm(by_role=request.membership.role, row=row)
        role.problem = problem
        return _member_page(request, row, role)
    messages.success(request, done.format(user=row.user))
    return redirect("console:member", row.pk)


@sensitive_post_parameters("password")
@needs(Permission.MANAGE_TENANT)
def hand_over(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    """Hand the organisation over to a member, after one's own password was given again."""
    row = one(members(request.membership.tenant_id), pk)
    form = HandOverForm(request.POST or None, has_password=request.user.has_usable_password())
    if request.method == "POST" and form.is_valid():
        try:
            check_who_it_is(request, form.cleaned_data.get("password"))
            hand_over_and_tell(actor=actor_of(request), tenant=tenant_of(request), owner=request.user, to=row)
        except Problem as problem:
            form.add_problem(problem)
        else:
            messages.success(request, _("{user} is the owner now, and you are an administrator.").format(user=row.user))
            return redirect("console:members")
    status = 422 if form.errors or form.problem else 200
    return render(request, "console/members/hand_over.html", {"form": form, "row": row}, status=status)


def _tell_of_keys(request: ConsoleRequest, row: Membership) -> None:
    """Say that keys which they made, and may know, still work: programs may live by them, so none ends by itself."""
    if (count := live_keys_of(row.tenant_id, row.user)) and row.user != request.user:
        text = ngettext(
            "{n} API key that {user} made still works. Look whether it is to be replaced.",
            "{n} API keys that {user} made still work. Look whether they are to be replaced.",
            count,
        )
        messages.warning(request, text.format(n=count, user=row.user))


def _back(request: ConsoleRequest, row: Membership) -> HttpResponse:
    """Go back to the list, which is no place any more for those who took it from themselves."""
    return redirect("console:overview" if row.user == request.user else "console:members")


def _list_page(request: ConsoleRequest, form: InviteForm, sent: SentInvitation | None) -> HttpResponse:
    tenant_id = request.membership.tenant_id
    search, kind = request.GET.get("q", "").strip(), request.GET.get("kind", "")
    rows = _search(members(tenant_id), search)
    if not search:
        mailbox_users = Q(role=Membership.Role.MAILBOX_USER)
        rows = rows.filter(mailbox_users if kind == "mailbox_user" else ~mailbox_users)
    page = paginate(request, rows, ["id"])
    waiting = [(row, may_grant(request.membership.role, row.role)) for row in _waiting(tenant_id)]
    context = {"page": page, "search": search, "kind": kind, "form": form, "sent": sent, "invitations": waiting}
    context |= {"guarded": members_with_second_factor(), "tenant": tenant_of(request)}
    return render(request, "console/members/index.html", context, status=_status(form))


def _waiting(tenant_id: UUID) -> QuerySet[Invitation]:
    return invitations(tenant_id).order_by("-id")[:SHOWN_INVITATIONS]


def _search(rows: QuerySet[Membership], text: str) -> QuerySet[Membership]:
    if not text:
        return rows
    return rows.filter(Q(user__email__startswith=text.lower()) | Q(user__name__istartswith=text))


def _member_page(
    request: ConsoleRequest, row: Membership, form: RoleForm, suspension: SuspendForm | None = None
) -> HttpResponse:
    may_change = may_grant(request.membership.role, row.role)
    may_hand_over = may_grant(request.membership.role, Membership.Role.OWNER) and row.role != Membership.Role.OWNER
    context: dict[str, Any] = {"row": row, "form": form, "may_change": may_change, "may_hand_over": may_hand_over}
    context |= {"may_suspend": may_change and row.user != request.user, "suspension": suspension or SuspendForm()}
    status = 422 if suspension and suspension.errors else _status(form)
    return render(request, "console/members/show.html", context, status=status)


def _status(form: ConsoleForm) -> int:
    return 422 if form.errors or form.problem else 200
