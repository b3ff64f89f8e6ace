"""“Preview the effect”: what a form's change would do to the latest mail, shown before it is saved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.http import HttpRequest
from django.utils.translation import gettext

from postroom.console.requests import ConsoleRequest
from transport.actions.change_preview import ChangePreview, Letter, preview_change


@dataclass(frozen=True, slots=True)
class Told:
    """A preview in the words of people."""

    preview: ChangePreview

    @property
    def ways(self) -> list[tuple[str, str, int]]:
        return [(before.text(gettext), after.text(gettext), number) for before, after, number in self.preview.groups]

    @property
    def turns(self) -> list[tuple[Letter, str, str]]:
        return [(turn.letter, turn.before.text(gettext), turn.after.text(gettext)) for turn in self.preview.turns]


def wants_preview(request: HttpRequest) -> bool:
    """Say whether the button “Preview the effect” was pressed instead of the one that saves."""
    return request.method == "POST" and "preview" in request.POST


def preview(request: ConsoleRequest, change: Callable[[], object]) -> Told:
    """Try a change and undo it; a Problem of it goes on to the caller."""
    return Told(preview_change(request.membership.tenant_id, change))
