"""The audit log and the versions of the configuration, over all tenants."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from typing_extensions import override

from postroom.audit_words import ShownChange, changes_of, headline, sentence, shown_changes
from postroom.operators.bases import ReadOnlyAdmin, Row
from tenants.audit_search import GROUPS, Filters, matching
from tenants.models import AuditEvent, ConfigurationVersion, Tenant
from tenants.versioning import changes_between

EVENT_FIELDS = ("at", "tenant_of", "actor_name", "actor_kind", "client_address", "action", "object_of", "differences")
VERSION_FIELDS = ("at", "tenant_of", "words", "number", "config_version", "differences")


class GroupFilter(admin.SimpleListFilter):
    """What an event is about."""

    title = gettext_lazy("about")
    parameter_name = "group"

    @override
    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(key, label) for key, (label, _nouns) in GROUPS.items()]

    @override
    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return matching(queryset, Filters(group=self.value() or ""))


def tenant_link(row: Any) -> SafeString | str:
    """Return a link to a row's tenant; the platform's own rows have none."""
    if row.tenant is None:
        return _("the platform")
    return format_html('<a href="{}">{}</a>', reverse("admin:tenants_tenant_change", args=[row.tenant_id]), row.tenant)


def changes_table(changes: list[ShownChange]) -> SafeString | str:
    """Return changes as a table; the admin's own look suffices."""
    if not changes:
        return "–"
    rows = ((one.label, one.before, one.after) for one in changes)
    head = format_html("<tr><th>{}</th><th>{}</th><th>{}</th></tr>", _("Field"), _("Before"), _("After"))
    body = format_html_join("", "<tr><th>{}</th><td>{}</td><td>{}</td></tr>", rows)
    return format_html("<table><thead>{}</thead><tbody>{}</tbody></table>", head, body)


def by_tenant(rows: QuerySet[Row], text: str) -> QuerySet[Row] | None:
    """Return all rows for no text, a tenant's where the text is its slug, None for what has to be looked for."""
    if not text:
        return rows
    tenant = Tenant.objects.filter(slug=text.lower()).first()
    return rows.filter(tenant=tenant) if tenant is not None else None


@admin.register(AuditEvent)
class AuditEventAdmin(ReadOnlyAdmin[AuditEvent]):
    """Searched by how a name begins, a whole action, an address of a client or a tenant's slug: each by an index."""

    list_display = ["at", "tenant_of", "words", "client_address"]
    list_display_links = ["words"]
    list_filter = [GroupFilter, "actor_kind"]
    list_select_related = ["tenant"]
    search_fields = ["object_key"]  # what shows the box; get_search_results does the search
    search_help_text = gettext_lazy("How an object's or a person's name begins, a whole action, or a tenant's slug.")
    fields = EVENT_FIELDS
    readonly_fields = EVENT_FIELDS

    @override
    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[AuditEvent], search_term: str
    ) -> tuple[QuerySet[AuditEvent], bool]:
        text = search_term.strip()
        if (of_tenant := by_tenant(queryset, text)) is not None:
            return of_tenant, False
        if "." in text and AuditEvent.objects.filter(noun=text.partition(".")[0], action=text).exists():
            return matching(queryset, Filters(action=text)), False
        by_object, by_actor = matching(queryset, Filters(object=text)), matching(queryset, Filters(actor=text))
        return by_object | by_actor, False

    @admin.display(description=gettext_lazy("tenant"))
    def tenant_of(self, row: AuditEvent) -> SafeString | str:
        return tenant_link(row)

    @admin.display(description=gettext_lazy("what happened"))
    def words(self, row: AuditEvent) -> str:
        return sentence(row)

    @admin.display(description=gettext_lazy("object"))
    def object_of(self, row: AuditEvent) -> SafeString | str:
        if not row.object_id:
            return "–"
        asked = urlencode({"object_type__exact": row.object_type, "object_id__exact": row.object_id})
        everything = f"{reverse('admin:tenants_auditevent_changelist')}?{asked}"
        return format_html('{} · <a href="{}">{}</a>', row.object_name, everything, _("everything about it"))

    @admin.display(description=gettext_lazy("what changed"))
    def differences(self, row: AuditEvent) -> SafeString | str:
        return changes_table(changes_of(row))

    @override
    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        return lookup in {"object_type__exact", "object_id__exact"} or super().lookup_allowed(lookup, value, request)


@admin.register(ConfigurationVersion)
class ConfigurationVersionAdmin(ReadOnlyAdmin[ConfigurationVersion]):
    list_display = ["at", "tenant_of", "words", "number"]
    list_display_links = ["words"]
    list_filter = ["object_type"]
    list_select_related = ["tenant"]
    search_fields = ["tenant__slug__exact", "object_id__exact"]
    search_help_text = gettext_lazy("A tenant's slug, or an object's id.")
    fields = VERSION_FIELDS
    readonly_fields = VERSION_FIELDS

    @override
    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[ConfigurationVersion], search_term: str
    ) -> tuple[QuerySet[ConfigurationVersion], bool]:
        text = search_term.strip()
        if (of_tenant := by_tenant(queryset, text)) is not None:
            return of_tenant, False
        try:
            return queryset.filter(object_id=UUID(text)), False
        except ValueError:
            return queryset.none(), False

    @admin.display(description=gettext_lazy("tenant"))
    def tenant_of(self, row: ConfigurationVersion) -> SafeString | str:
        return tenant_link(row)

    @admin.display(description=gettext_lazy("what happened"))
    def words(self, row: ConfigurationVersion) -> str:
        return headline(row)

    @admin.display(description=gettext_lazy("what changed"))
    def differences(self, row: ConfigurationVersion) -> SafeString | str:
        same = {"tenant_id": row.tenant_id, "object_type": row.object_type, "object_id": row.object_id}
        before = ConfigurationVersion.objects.filter(**same, number=row.number - 1).first()
        found = changes_between(before.picture if before else None, row.picture)
        return changes_table(shown_changes(row.object_type, found))
