"""Every address of the web process, as the resolver knows them, and how to write one that names given things."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import URLResolver, get_resolver, resolve

PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>|\(\?P<\w+>(?:[^()\[\]]|\[[^\]]*\])*\)")


@dataclass(frozen=True, slots=True)
class Route:
    """One pattern of the resolver. It is known by its name, or by the pattern where it has none."""

    key: str
    pattern: str

    @property
    def parameters(self) -> int:
        return len(PARAMETER.findall(self.pattern))

    @property
    def face(self) -> str:
        """Return which part of the web process it belongs to."""
        first = self.pattern.partition("/")[0]
        return first if first in {"api", "admin"} else "console"

    def path(self, arguments: Sequence[str]) -> str:
        """Return the path with its parameters filled in, in order."""
        given = iter(arguments)
        path = "/" + PARAMETER.sub(lambda _: next(given), self.pattern)
        return path.replace("^", "").replace("$", "").replace("\\Z", "")


def all_routes() -> list[Route]:
    """Return every route, each once."""
    return list(dict.fromkeys(_walk(get_resolver().url_patterns, "", "")))


def _walk(patterns: Sequence[Any], namespace: str, prefix: str) -> Iterator[Route]:
    for entry in patterns:
        pattern = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            inner = f"{namespace}{entry.namespace}:" if entry.namespace else namespace
            yield from _walk(entry.url_patterns, inner, pattern)
        else:
            yield Route(f"{namespace}{entry.name}" if entry.name else f"/{pattern}", pattern)


def leads_to(path: str, route: Route) -> bool:
    """Return whether this path is served by this very route."""
    return resolve(path).route.replace("^", "") == route.pattern.replace("^", "")


def fill(template: str, names: Mapping[str, str]) -> list[str]:
    """Return the arguments that a template such as `{queue} retry` stands for."""
    return [part.format_map(names) for part in template.split()]
