"""Tenants, users, memberships and keys."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop
from typing_extensions import override

from postroom.lifecycle_letters import keep_tenant_and_tell
from postroom.operators.bases import ActionForm, ReadOnlyAdmin, actor_of
from postroom.operators.limits import limits_table
from postroom.operators.suspensions import SuspendableAdmin
from postroom.operators.usage import UsageList
from postroom.sign_in.record import address_of, tell
from tenants.actions.keys import revoke_api_key
from tenants.actions.second_factors import remove_second_factors
from tenants.actions.suspensions import (
    resume_member,
    resume_tenant,
    resume_user,
    suspend_member,
    suspend_tenant,
    suspend_user,
)
from tenants.actions.tenants import change_tenant, create_tenant, make_user, set_membership, set_user
from tenants.limits import NAMES
from tenants.models import ApiKey, IdempotentRequest, Membership, Tenant, User
from tenants.problems import Problem
from transport.routing.retry import InvalidRetrySchedule, RetryClock
from transport.usage.words import LABELS

SETTINGS = ("retry_schedule", "message_expiration_timeout", "delay_notification_timeout", "require_second_factor")
WORTH_TELLING = 50  # per cent of a limit


class TenantForm(ActionForm[Tenant]):
    owner_email = forms.EmailField(required=False, help_text=gettext_lazy("Of the first owner; for a new tenant."))
    owner_password = forms.CharField(required=False, widget=forms.PasswordInput)

    @override
    def act(self) -> Tenant:
        data = self.changes()
        if "retry_schedule" in data:
            data["retry_schedule"] = _schedule(data["retry_schedule"])
        owner = {"owner_email": data.pop("owner_email", ""), "owner_password": data.pop("owner_password", None)}
        if self.is_new:
            return create_tenant(actor=self.actor, **{"slug": self.cleaned_data["slug"]} | data | owner)
        return change_tenant(actor=self.actor, tenant=Tenant.objects.get(pk=self.instance.pk), **data)


def _schedule(text: str) -> str:
    try:
        return str(RetryClock.parse(text))
    except InvalidRetrySchedule as error:
        raise Problem(error.reason_code, field="retry_schedule", schedule=text, why=str(error)) from None


@admin.register(Tenant)
class TenantAdmin(SuspendableAdmin[Tenant]):
    form = TenantForm
    list_display = ["slug", "name", "status", "domains", "mailboxes", "stored", "queued", "today", "nearest"]
    list_filter = ["status", "plan"]
    list_select_related = ["plan"]
    change_form_template = "admin/operators/tenant.html"
    search_fields = ["slug__contains", "name__icontains"]
    ordering = ["slug"]
    exclude = ["suspended_by", "suspension_reason", "suspension_mode"]
    suspension_effect = gettext_lazy(
        "These organisations can neither send nor get mail, their members cannot sign in and their keys are refused. "
        "What waits is held, does not expire meanwhile, and is released on resuming."
    )
    sortable_by = ["slug", "name", "status", "created_at"]
    actions = ["suspend", "resume", "keep"]

    @admin.action(description=gettext_lazy("Undo the planned deletion of the selected"))
    def keep(self, request: HttpRequest, queryset: QuerySet[Tenant]) -> None:
        self._each(request, queryset, lambda row: keep_tenant_and_tell(actor=actor_of(request), tenant=row))

    @override
    def get_readonly_fields(self, request: HttpRequest, obj: Tenant | None = None) -> list[str]:
        return ["slug", "status", "limits_and_usage"] if obj else []

    @override
    def get_fieldsets(self, request: HttpRequest, obj: Tenant | None = None) -> Any:
        of_one = ["limits_and_usage"] if obj else []
        first_owner = {"fields": ["owner_email", "owner_password"]}
        return [
            (None, {"fields": ["slug", "name", "language", "time_zone", *(["status"] if obj else [])]}),
            *([] if obj else [(_("First owner"), first_owner)]),
            (_("Plan"), {"fields": ["plan", *of_one]}),
            (_("Its own limits"), {"fields": [*NAMES], "description": _("Empty: the figure of the plan.")}),
            (_("Mail and signing in"), {"fields": [*SETTINGS]}),
        ]

    @admin.display(description=gettext_lazy("limits and usage"))
    def limits_and_usage(self, row: Tenant) -> str:
        return limits_table(row)

    @override
    def suspend_row(self, request: HttpRequest, row: Tenant, data: dict[str, Any]) -> None:
        suspend_tenant(actor=actor_of(request), tenant=row, **data)

    @override
    def resume_row(self, request: HttpRequest, row: Tenant) -> None:
        resume_tenant(actor=actor_of(request), tenant=row)

    @override
    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[UsageList]:
        return UsageList

    @admin.display(description=gettext_lazy("domains"))
    def domains(self, row: Any) -> str:
        return f"{row.load.domains} / {row.limits.max_domains}"

    @admin.display(description=gettext_lazy("mailboxes"))
    def mailboxes(self, row: Any) -> str:
        return f"{row.load.mailboxes} / {row.limits.max_mailboxes}"

    @admin.display(description=gettext_lazy("stored"))
    def stored(self, row: Any) -> str:
        return filesizeformat(row.load.storage)

    @admin.display(description=gettext_lazy("waiting"))
    def queued(self, row: Any) -> int:
        return int(row.load.queued)

    @admin.display(description=gettext_lazy("messages today"))
    def today(self, row: Any) -> int:
        return int(row.today)

    @admin.display(description=gettext_lazy("nearest limit"))
    def nearest(self, row: Any) -> str:
        if row.load.share < WORTH_TELLING:
            return "–"
        return f"{LABELS.get(row.load.nearest, row.load.nearest)}: {row.load.share} %"

    @override
    def has_delete_permission(self, request: HttpRequest, obj: Tenant | None = None) -> bool:
        return False  # a tenant goes by a scheduled deletion, never by a click


class UserForm(ActionForm[User]):
    password = forms.CharField(
        required=False, widget=forms.PasswordInput, help_text=gettext_lazy("Empty: stays as it is.")
    )

    @override
    def act(self) -> User:
        data = self.cleaned_data
        if self.is_new:
            return make_user(
                actor=self.actor,
                email=data["email"],
                password=data["password"] or None,
                name=data["name"],
                is_operator=data["is_operator"],
            )
        changes = {name: value for name, value in self.changes().items() if name != "password" or value}
        return set_user(actor=self.actor, user=User.objects.get(pk=self.instance.pk), **changes)


FACTORS_REMOVED = gettext_noop("Your second factors were removed")
FACTORS_TEXT = gettext_noop("An operator removed the second factors of your account. Your password alone opens it now.")


@admin.register(User)
class UserAdmin(SuspendableAdmin[User]):
    form = UserForm
    fields = ["email", "name", "password", "language", "is_active", "is_operator"]
    list_display = ["email", "name", "is_active", "is_operator", "last_login"]
    list_filter = ["is_operator", "is_active"]
    actions = ["suspend", "resume", "remove_second_factors"]
    has_mode = False
    suspension_effect = gettext_lazy(
        "They are signed out everywhere and cannot sign in. Their mailboxes go on taking mail in and send none; what "
        "they sent and still waits is held, and released on resuming."
    )
    search_fields = ["email", "email__startswith"]

    @override
    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        return ["email", "is_active"] if obj else ["is_active"]

    @admin.action(description=gettext_lazy("Remove the second factors of the selected users"))
    def remove_second_factors(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        for user in queryset:
            if remove_second_factors(actor=actor_of(request), user=user):
                tell(user=user, subject=FACTORS_REMOVED, text=FACTORS_TEXT, address=address_of(request))
        self.message_user(
            request, _("Their passwords alone open their accounts now. They were told."), messages.SUCCESS
        )

    @override
    def suspend_row(self, request: HttpRequest, row: User, data: dict[str, Any]) -> None:
        suspend_user(actor=actor_of(request), user=row, **data)

    @override
    def resume_row(self, request: HttpRequest, row: User) -> None:
        resume_user(actor=actor_of(request), user=row)

    @override
    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return False  # deactivated instead: the audit log names them


class MembershipForm(ActionForm[Membership]):
    @override
    def act(self) -> Membership:
        row = None if self.is_new else self.instance
        tenant = row.tenant if row else self.cleaned_data["tenant"]
        user = row.user if row else self.cleaned_data["user"]
        role = self.cleaned_data["role"]
        return set_membership(actor=self.actor, tenant=tenant, user=user, role=role) or self.instance


@admin.register(Membership)
class MembershipAdmin(SuspendableAdmin[Membership]):
    form = MembershipForm
    exclude = ["suspended_by", "suspension_reason", "suspension_mode"]
    has_mode = False
    suspension_effect = gettext_lazy("They cannot enter this organisation; others that they belong to, they can.")
    list_display = ["user", "tenant", "role", "created_at"]
    list_filter = ["role"]
    list_select_related = ["user", "tenant"]
    search_fields = ["user__email"]
    autocomplete_fields = ["user", "tenant"]

    @override
    def get_readonly_fields(self, request: HttpRequest, obj: Membership | None = None) -> list[str]:
        return ["user", "tenant"] if obj else []

    @override
    def suspend_row(self, request: HttpRequest, row: Membership, data: dict[str, Any]) -> None:
        suspend_member(actor=actor_of(request), membership=row, **data)

    @override
    def resume_row(self, request: HttpRequest, row: Membership) -> None:
        resume_member(actor=actor_of(request), membership=row)

    @override
    def remove(self, actor: Any, obj: Membership) -> None:
        set_membership(actor=actor, tenant=obj.tenant, user=obj.user, role=None)


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin[ApiKey]):
    list_display = ["name", "prefix", "tenant", "role", "is_operator", "created_at", "last_used_at", "revoked_at"]
    list_filter = ["is_operator"]
    list_select_related = ["tenant"]
    search_fields = ["name__icontains", "prefix"]
    exclude = ["digest"]
    actions = ["revoke"]

    @admin.action(description=gettext_lazy("Revoke the selected keys"))
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiKey]) -> None:
        for key in queryset:
            revoke_api_key(actor=actor_of(request), key=key)
        self.message_user(request, _("The keys are revoked."), messages.SUCCESS)


@admin.register(IdempotentRequest)
class IdempotentRequestAdmin(ReadOnlyAdmin[IdempotentRequest]):
    list_display = ["token", "tenant", "api_key", "status", "created_at"]
    exclude = ["body", "digest"]  # what was answered is between the key's holder and us
    list_select_related = ["tenant", "api_key"]
