"""A task that names a tenant sees that tenant's rows only, whatever its statements forget."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from celery import current_app

from tenants.models import Mailbox
from tenants.scoped_task import CrossingTask
from tests import factories
from tests.conftest import Contoso

pytestmark = pytest.mark.django_db


@pytest.fixture
def register() -> Iterator[Any]:
    """Make tasks of the application, and forget them afterwards."""
    made = []

    def task(**options: Any) -> Any:
        made.append(options["name"])
        return current_app.task(**options)

    yield task
    for name in made:
        current_app.tasks.unregister(name)


def count_all(tenant_id: str) -> int:
    return Mailbox.objects.count()


def test_a_task_that_names_a_tenant_works_in_its_scope(contoso: Contoso, register: Any) -> None:
    other = factories.make_tenant("fabrikam")
    task = register(name="test.count")(count_all)
    assert task.apply([str(contoso.tenant.pk)]).get() == 2
    assert task.apply(kwargs={"tenant_id": str(other.pk)}).get() == 0


def test_a_task_that_moves_mail_between_tenants_says_so(contoso: Contoso, register: Any) -> None:
    other = factories.make_tenant("fabrikam")
    task = register(name="test.count-all", base=CrossingTask)(count_all)
    assert task.apply([str(other.pk)]).get() == 2
