"""No change without its row: every action writes to the audit log, itself or by another action that it calls."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULES = sorted(path for folder in ("tenants", "transport") for path in (ROOT / folder / "actions").glob("*.py"))
WRITES = {"save", "create", "update", "delete", "bulk_create", "get_or_create", "update_or_create", "execute"}
# Functions of action modules that write and are no act of somebody's upon the configuration, and why.
NOT_AUDITED = {
    "audit": "it is the audit log",
    "keep_version": "it is the audit log's companion",
    "mark_seen": "people read their own mail",
    "discard_letter": "people tidy their own mail",
    "send_message": "the tracking log has each message",
    "hurry_queues_of": "a part of the connector's own action",
    "mark_suspended": "a part of each suspension, which saves and audits",
    "end_sessions": "a part of what locks a log-in, which audits",
    "preview_operation": "nothing is done before it is confirmed",
    "latest_ways": "it reads alone",
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions() -> dict[str, Function]:
    """Return every function of the action modules by name."""
    return {
        node.name: node
        for path in MODULES
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }


def calls(function: Function) -> Iterator[str]:
    for node in ast.walk(function):
        if isinstance(node, ast.Call):
            yield node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def auditing(known: dict[str, Function]) -> set[str]:
    """Return the functions that come to an `audit(…)`, also by way of others."""
    called = {name: set(calls(function)) for name, function in known.items()}
    found = {"audit", "restore"}  # `restore` of a kind that keeps versions is an action
    while more := {name for name, names in called.items() if names & found} - found:
        found |= more
    return found


def names_an_actor(function: Function) -> bool:
    return any(argument.arg == "actor" for argument in (*function.args.args, *function.args.kwonlyargs))


FUNCTIONS = functions()
AUDITING = auditing(FUNCTIONS)


@pytest.mark.parametrize(
    "name", [name for name, each in FUNCTIONS.items() if names_an_actor(each) and not name.startswith("_")]
)
def test_an_action_of_somebody_is_audited(name: str) -> None:
    assert name in AUDITING or name in NOT_AUDITED


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if not name.startswith("_")])
def test_what_writes_is_audited_or_has_a_reason(name: str) -> None:
    assert not (WRITES & set(calls(FUNCTIONS[name]))) or name in AUDITING or name in NOT_AUDITED
