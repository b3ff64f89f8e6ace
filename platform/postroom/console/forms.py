"""What all console forms share: Bootstrap's classes on the widgets, and problems shown at the field at fault."""

from __future__ import annotations

from typing import Any

from django import forms
from django.forms.boundfield import BoundField

from postroom.explain import explain_problem
from tenants.problems import Problem

CLASSES: tuple[tuple[type[forms.Widget], str], ...] = (
    (forms.CheckboxInput, "form-check-input"),
    (forms.RadioSelect, "form-check-input"),
    (forms.Select, "form-select"),
)


def dress(form: forms.BaseForm) -> None:
    """Give the widgets of a form the classes that the console's style sheet knows."""
    for field in form.fields.values():
        style = next((name for kind, name in CLASSES if isinstance(field.widget, kind)), "form-control")
        if style not in field.widget.attrs.get("class", "").split():
            field.widget.attrs["class"] = f"{style} {field.widget.attrs.get('class', '')}".strip()


class ConsoleForm(forms.Form):
    """A form that can also show why an action was refused."""

    # Fields of an action that are called otherwise in the form.
    problem_fields: dict[str, str] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("label_suffix", "")
        super().__init__(*args, **kwargs)
        self.problem: Problem | None = None
        dress(self)

    def add_problem(self, problem: Problem) -> None:
        """Show a refusal by its field, or above the form where it concerns none of them."""
        told = explain_problem(problem)
        field = self.problem_fields.get(problem.field, problem.field)
        if field in self.fields:
            self.add_error(field, told.text or told.title)
        else:
            self.problem = problem

    @property
    def explained_problem(self) -> Any:
        return explain_problem(self.problem) if self.problem else None


def mark_invalid(field: BoundField) -> BoundField:
    """Give a field with errors the class that shows it."""
    if field.errors:
        attrs = field.field.widget.attrs
        attrs["class"] = f"{attrs.get('class', '')} is-invalid"
        attrs["aria-describedby"] = f"{field.auto_id}-error"
    return field
