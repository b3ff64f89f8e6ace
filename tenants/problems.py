"""Why an action was refused: a code of the registry of reasons, the field at fault, and the facts for its text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import IntegrityError, transaction


class Problem(Exception):
    """An action was refused. `code` is in the registry; the faces explain it in the reader's language."""

    def __init__(self, code: str, *, field: str = "", **facts: object) -> None:
        super().__init__(code)
        self.code = code
        self.field = field
        self.facts = facts


@contextmanager
def constraint_problems(table: dict[str, Problem], *, deferred: bool = False) -> Iterator[None]:
    """Turn the database's refusal by a named constraint into its problem; others pass through.

    With `deferred`, deferred constraints are checked here too, while the face can still say which field
    is at fault, and not at a commit that nobody catches.
    """
    try:
        with transaction.atomic():
            yield
            if deferred:
                _check_deferred()
    except IntegrityError as error:
        diagnostic = getattr(error.__cause__, "diag", None)
        problem = table.get(getattr(diagnostic, "constraint_name", None) or "")
        if problem is None:
            raise
        raise problem from error


def _check_deferred() -> None:
    with transaction.get_connection().cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
