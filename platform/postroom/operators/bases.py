"""How the operators' admin treats rows: configuration changes through the actions, machine-owned rows are read."""

from __future__ import annotations

from typing import Any, Generic, TypeVar

from django import forms
from django.contrib import admin
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Model
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.functional import cached_property
from typing_extensions import override

from postroom.explain import explain_problem
from tenants.actions.actor import Actor
from tenants.models import User
from tenants.problems import Problem

Row = TypeVar("Row", bound=Model)
FAR = 1_000_000


class UncountedPaginator(Paginator[Any]):
    """Pages without count(*): looks one page ahead instead, so that a table of millions opens at once."""

    @cached_property
    @override
    def count(self) -> int:
        ahead = self.per_page * 50
        return len(self.object_list.values_list("pk")[: ahead + 1])  # type: ignore[attr-defined]


class OperatorAdmin(admin.ModelAdmin[Row], Generic[Row]):
    show_full_result_count = False
    paginator = UncountedPaginator
    list_per_page = 50


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
