"""Plans, and tenants held against their limits: who is near one, who is over, and what counts for each."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from typing_extensions import override

from postroom.operators.bases import ActionAdmin, ActionForm, ReadOnlyAdmin
from tenants.actions.actor import Actor
from tenants.actions.plans import MAX_WEIGHT, change_plan, create_plan, delete_plan
from tenants.limits import Source
from tenants.models import Plan, Tenant
from transport.models import LimitNotice, TenantLoad
from transport.usage.meters import NEAR, OVER
from transport.usage.report import Line, usage_of
from transport.usage.words import amount, label_of


class PlanForm(ActionForm[Plan]):
    description = forms.CharField(required=False, widget=forms.Textarea(attrs={"rows": 2}))
    weight = forms.IntegerField(
        label=Plan._meta.get_field("weight").verbose_name,
        help_text=Plan._meta.get_field("weight").help_text,
        min_value=1,
        max_value=MAX_WEIGHT,
        initial=1,
        required=False,
    )

    def clean_weight(self) -> int:
        """Take an empty field for one, as every tenant has that nobody thought of."""
        return self.cleaned_data["weight"] or 1

    @override
    def act(self) -> Plan:
        data = self.changes()
        if self.is_new:
            return create_plan(actor=self.actor, **{"name": self.cleaned_data["name"]} | data)
        return change_plan(actor=self.actor, plan=Plan.objects.get(pk=self.instance.pk), **data)


@admin.register(Plan)
class PlanAdmin(ActionAdmin[Plan]):
    form = PlanForm
    list_display = [
        "name",
        "is_default",
        "weight",
        "max_domains",
        "max_mailboxes",
        "messages_per_day",
        "storage",
        "description",
    ]
    search_fields = ["name", "description"]

    @admin.display(description=gettext_lazy("storage"), ordering="max_storage")
    def storage(self, row: Plan) -> str:
        return amount("max_storage", row.max_storage)

    @override
    def remove(self, actor: Actor, obj: Plan) -> None:
        delete_plan(actor=actor, plan=obj)

    @override
    def has_delete_permission(self, request: HttpRequest, obj: Plan | None = None) -> bool:
        """Offer to remove a plan where the action would not refuse it; never in bulk."""
        return obj is not None and not obj.is_default and not Tenant.objects.filter(plan=obj).exists()


class StateFilter(admin.SimpleListFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    @override
    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("near", _("near a limit, or over")), ("over", _("over a limit"))]

    @override
    def queryset(self, request: HttpRequest, queryset: QuerySet[TenantLoad]) -> QuerySet[TenantLoad]:
        floor = {"near": NEAR, "over": OVER}.get(self.value() or "")
        return queryset if floor is None else queryset.filter(share__gte=floor)


@admin.register(TenantLoad)
class TenantLoadAdmin(ReadOnlyAdmin[TenantLoad]):
    """Tenants by how near they are to a limit, as of the last tally some seconds ago."""

    list_display = ["organisation", "share_used", "nearest_limit", "mailboxes", "domains", "stored", "queued"]
    list_display_links = None
    list_filter = [StateFilter]
    list_select_related = ["tenant"]
    search_fields = ["tenant__slug", "tenant__name"]
    ordering = ["-share", "tenant"]

    @admin.display(description=gettext_lazy("tenant"), ordering="tenant__slug")
    def organisation(self, row: TenantLoad) -> SafeString:
        url = reverse("admin:tenants_tenant_change", args=[row.tenant_id])
        return format_html('<a href="{}">{}</a>', url, row.tenant.slug)

    @admin.display(description=gettext_lazy("used"), ordering="share")
    def share_used(self, row: TenantLoad) -> str:
        return f"{row.share} %"

    @admin.display(description=gettext_lazy("nearest limit"), ordering="nearest")
    def nearest_limit(self, row: TenantLoad) -> str:
        return label_of(row.nearest) if row.nearest and row.share else ""

    @admin.display(description=gettext_lazy("storage"), ordering="storage")
    def stored(self, row: TenantLoad) -> str:
        return amount("max_storage", row.storage)


@admin.register(LimitNotice)
class LimitNoticeAdmin(ReadOnlyAdmin[LimitNotice]):
    list_display = ["limit", "tenant", "level", "figures", "began_at", "ended_at", "letter", "told_at"]
    list_filter = ["level", "letter"]
    list_select_related = ["tenant"]
    search_fields = ["tenant__slug", "limit_name"]

    @admin.display(description=gettext_lazy("limit"), ordering="limit_name")
    def limit(self, row: LimitNotice) -> str:
        return label_of(row.limit_name)

    @admin.display(description=gettext_lazy("used"))
    def figures(self, row: LimitNotice) -> str:
        return f"{amount(row.limit_name, row.used)} / {amount(row.limit_name, row.allowed)}"


def limits_table(tenant: Tenant) -> SafeString:
    """Return what counts for a tenant, where it comes from and what is used of it, as a table."""
    report = usage_of(tenant)
    rows = format_html_join(
        "", "<tr><th>{}</th><td>{}</td><td>{}</td><td>{}</td></tr>", (_row(line, report.plan) for line in report.lines)
    )
    heads = (_("Limit"), _("At most"), _("From"), _("Used"))
    return format_html(
        "<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>",
        format_html_join("", "<th>{}</th>", ((head,) for head in heads)),
        rows,
    )


def _row(line: Line, plan: str) -> tuple[str, str, str, str]:
    sources = {Source.TENANT: _("this tenant"), Source.PLAN: plan, Source.PLATFORM: _("the platform")}
    used = "" if line.used is None else f"{line.used_text} ({line.share} %)"
    return line.label, line.allowed_text, sources[Source(line.source)], used
