"""How the operators' admin treats rows: configuration changes through the actions, machine-owned rows are read."""

from __future__ import annotations

from typing import Any, Final, Generic, TypeVar

from django import forms
from django.contrib import admin
from django.contrib.admin.views.main import PAGE_VAR
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Model, Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.functional import cached_property
from typing_extensions import override

from postroom.explain import explain_problem
from tenants.actions.actor import Actor
from tenants.models import Tenant, User
from tenants.problems import Problem

Row = TypeVar("Row", bound=Model)
MOST_PAGES: Final = 100_000
MOST_FOUND: Final = 500  # rows that one look-up of a search may contribute


class UncountedPaginator(Paginator[Any]):
    """Pages without count(*): looks one row behind the page asked for, so that a table of millions opens at once."""

    asked_for = 1

    @cached_property
    @override
    def count(self) -> int:
        before = (self.asked_for - 1) * self.per_page
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]
        return before + len(rows.values_list("pk")[before : before + self.per_page + 1])


class OperatorAdmin(admin.ModelAdmin[Row], Generic[Row]):
    """A list that opens at once however long it is.

    It goes by the key, and is searched by exact values of indexed columns only: `search_fields`, each a Django
    look-up, and a tenant's slug where the rows have a tenant.
    """

    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER  # a count of each filter's rows
    list_per_page = 50
    list_max_show_all = 0
    sortable_by = []
    ordering = ["-pk"]
    search_fields = []

    @override
    def get_paginator(self, request: HttpRequest, queryset: Any, per_page: int, *args: Any, **kwargs: Any) -> Any:
        pages = UncountedPaginator(queryset, per_page, *args, **kwargs)
        asked_for = request.GET.get(PAGE_VAR) or request.GET.get("page") or "1"
        pages.asked_for = max(1, min(int(asked_for), MOST_PAGES)) if asked_for.isdecimal() else 1
        return pages

    @override
    def get_search_fields(self, request: HttpRequest) -> list[str]:
        return [*self.search_fields, *(["tenant__slug"] if self._has_tenant else [])]

    @property
    def _has_tenant(self) -> bool:
        return any(field.name == "tenant" for field in self.model._meta.concrete_fields)

    @override
    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Row], search_term: str
    ) -> tuple[QuerySet[Row], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        found = Q(pk__in=self.found_by(term))
        if self._has_tenant:
            tenants = list(Tenant.objects.filter(slug=term).values_list("pk", flat=True))
            found |= Q(tenant_id__in=tenants) if tenants else Q()
        return queryset.filter(found), False

    def found_by(self, term: str) -> set[Any]:
        """Return the keys of the rows that a search finds; each look-up by its own index, none beside another's."""
        keys: set[Any] = set()
        for look_up in self.search_fields:
            keys.update(self._keys(look_up, term))
        return keys

    def _keys(self, look_up: str, term: str) -> list[Any]:
        try:
            rows = self.model._default_manager.filter(**{look_up: term}).order_by()
            return list(rows.values_list("pk", flat=True)[:MOST_FOUND])
        except (ValidationError, ValueError):
            return []  # no UUID, for one


class ReadOnlyAdmin(OperatorAdmin[Row], Generic[Row]):
    """Rows that the machine owns: looked at, never edited (STYLE 27)."""

    actions: Any = None

    @override
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @override
    def has_change_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:
        return False

    @override
    def has_delete_permission(self, request: HttpRequest, obj: Row | None = None) -> bool:
        return False


class ActionForm(ModelForm[Row], Generic[Row]):
    """A form that is valid only once its action went through; the action's refusal stands at its field.

    The action runs inside the validation, in a savepoint, so that a refusal keeps what was typed.
    """

    actor: Actor
    saved: Row

    def act(self) -> Row:
        """Call the action with `self.cleaned_data` and return the row that it wrote."""
        raise NotImplementedError

    @property
    def is_new(self) -> bool:
        return self.instance._state.adding

    @override
    def is_valid(self) -> bool:
        return super().is_valid() and self._acts()

    def _acts(self) -> bool:
        if hasattr(self, "saved"):
            return True
        try:
            with transaction.atomic():
                self.saved = self.act()
        except Problem as problem:
            explanation = explain_problem(problem)
            field = problem.field if problem.field in self.fields else None
            self.add_error(field, f"{explanation.title}. {explanation.text}")
            return False
        return True

    def _post_clean(self) -> None:
        """Leave the instance alone: the action writes the row, and checks what the model would."""

    def changes(self) -> dict[str, Any]:
        """Return what was changed by hand."""
        return {name: self.cleaned_data[name] for name in self.changed_data if name in self.cleaned_data}


class ActionAdmin(OperatorAdmin[Row], Generic[Row]):
    """Configuration: every write is an action's, called by the form or by `remove`."""

    @override
    def get_form(self, request: HttpRequest, obj: Row | None = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        form.actor = actor_of(request)  # type: ignore[attr-defined]  # the class is made anew for each request
        return form

    @override
    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        return form.saved

    @override
    def save_model(self, request: HttpRequest, obj: Row, form: Any, change: bool) -> None:
        """Written by the form's action."""

    @override
    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Written by the form's action."""

    def remove(self, actor: Actor, obj: Row) -> None:
        raise NotImplementedError

    @override
    def delete_model(self, request: HttpRequest, obj: Row) -> None:
        self.remove(actor_of(request), obj)

    @override
    def delete_queryset(self, request: HttpRequest, queryset: Any) -> None:
        for obj in queryset:
            self.remove(actor_of(request), obj)


def actor_of(request: HttpRequest) -> Actor:
    assert isinstance(request.user, User)  # the admin lets nobody else in
    return Actor.operator(request.user, request.META.get("REMOTE_ADDR"))


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


class LinesField(forms.CharField):
    """Several values, one a line."""

    widget = forms.Textarea(attrs={"rows": 4})

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(strip=True, **kwargs)

    @override
    def clean(self, value: Any) -> list[str]:
        return lines(super().clean(value))
