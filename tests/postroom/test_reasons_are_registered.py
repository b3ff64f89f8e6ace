"""Every reason code that the source names is in the registry: nobody is told a code without an explanation."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from transport.routing.reasons import REASONS

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [path for folder in ("tenants", "transport", "platform") for path in (ROOT / folder).rglob("*.py")]


def codes_of_problems(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield the literal first argument of each call of Problem, explain and reply_for."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not node.args or not isinstance(node.args[0], ast.Constant):
            continue
        name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
        if name in {"Problem", "explain", "reply_for"} and isinstance(node.args[0].value, str):
            yield node.lineno, node.args[0].value


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_codes_in_a_source_file_are_registered(source: Path) -> None:
    unknown = [entry for entry in codes_of_problems(ast.parse(source.read_text())) if entry[1] not in REASONS]
    assert not unknown
