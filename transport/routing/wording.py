"""Marks English texts for the message catalogue; pure code keeps the originals and the faces translate them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

Translate = Callable[[str], str]


def gettext_noop(text: str) -> str:
    """Return the text as it is; the name is what Django's makemessages looks for."""
    return text


class Facts(dict[str, str]):
    """Named values for a template; one that is missing is shown as an ellipsis instead of raising."""

    MISSING: ClassVar = "…"

    def __missing__(self, key: str) -> str:
        return self.MISSING


def fill(template: str, facts: Mapping[str, Any]) -> str:
    """Put the facts into the template's {named} fields. Templates are ours; the values may be anybody's."""
    return template.format_map(Facts({name: str(value) for name, value in facts.items()}))
