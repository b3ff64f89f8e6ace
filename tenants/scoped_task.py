"""What every Celery task is made of: one that names a tenant works inside that tenant's scope (design §12.2)."""

from __future__ import annotations

import inspect
from functools import cached_property
from typing import Any
from uuid import UUID

from celery import Task
from typing_extensions import override

from tenants.scope import scope

PARAMETER = "tenant_id"


class ScopedTask(Task):  # type: ignore[type-arg]  # not generic at run time
    """A task with the parameter `tenant_id` sees that tenant's rows and no others.

    Tasks without one are the mail flow's own and see all. A task that names a tenant and yet moves mail between
    tenants says so: `base=CrossingTask`.
    """

    @cached_property
    def signature_of_run(self) -> inspect.Signature:
        return inspect.signature(self.run)

    @override
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if PARAMETER not in self.signature_of_run.parameters:
            return super().__call__(*args, **kwargs)
        named = self.signature_of_run.bind(*args, **kwargs).arguments[PARAMETER]
        with scope(UUID(str(named))):
            return super().__call__(*args, **kwargs)


class CrossingTask(Task):  # type: ignore[type-arg]
    """A task of the mail flow that starts at one tenant and may go on into another, or to a notice."""
