"""Views of the API run inside their tenant's scope, once the key has said which tenant that is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from functools import cached_property
from typing import Any, ClassVar
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from typing_extensions import override

from postroom.api.idempotency import digest_of, recall, remember
from postroom.api.parsing import BoundedJsonParser
from tenants.access import KeyEntry
from tenants.actions.actor import Actor
from tenants.models import Tenant
from tenants.permissions import Permission
from tenants.problems import Problem
from tenants.scope import operator_scope, scope

DRY_RUN = {"1", "true", "yes"}


class ScopedView(APIView):
    """An API view of one tenant. Views in `unscoped` enter `self.scope()` themselves: they use the network.

    Each says what reading and writing need, and which of its actions need something else. Where one forgets, its
    writes are the owners' alone; a test finds it.
    """

    needs_to_read: ClassVar[Permission] = Permission.VIEW
    needs_to_write: ClassVar[Permission] = Permission.MANAGE_TENANT
    needs_for_action: ClassVar[Mapping[str, Permission]] = {}
    is_in_scope = False
    unscoped: ClassVar[frozenset[str]] = frozenset()
    can_dry_run: ClassVar[bool] = True
    seals_answers: ClassVar[bool] = False
    parser_classes = (BoundedJsonParser,)

    @classmethod
    @override
    def as_view(cls, *args: Any, **initkwargs: Any) -> Callable[..., HttpResponseBase]:  # type: ignore[override]
        return transaction.non_atomic_requests(super().as_view(*args, **initkwargs))

    @override
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self._stack = ExitStack()
        with self._stack:
            return super().dispatch(request, *args, **kwargs)

    @override
    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if getattr(self, "action", None) not in self.unscoped:
            self._stack.enter_context(self.scope())
            self.is_in_scope = True

    def scope(self) -> AbstractContextManager[None]:
        return scope(self.tenant_id)

    @cached_property
    def key(self) -> KeyEntry:
        key = self.request.auth
        assert isinstance(key, KeyEntry)  # permission classes let nobody else in
        return key

    @cached_property
    def actor(self) -> Actor:
        return Actor.key(self.key, self.request.META.get("REMOTE_ADDR"))

    @property
    def role(self) -> str:
        """Return what the key may do in its tenant, as a member's role."""
        return self.key.role

    @property
    def permission_needed(self) -> Permission:
        """Return what a key's role has to allow for this request."""
        if special := self.needs_for_action.get(getattr(self, "action", None) or ""):
            return special
        return self.needs_to_read if self.request.method in SAFE_METHODS else self.needs_to_write

    @cached_property
    def tenant_id(self) -> UUID:
        """Return the tenant that the request is about: the key's own, or the one that an operator names."""
        if self.key.tenant_id is not None:
            return self.key.tenant_id
        slug = self.request.headers.get("X-Postroom-Tenant", "").strip()
        if not slug:
            raise Problem("api.tenant_required")
        with operator_scope():
            found = Tenant.objects.filter(slug=slug).values_list("pk", flat=True).first()
        if found is None:
            raise Problem("api.tenant_unknown", slug=slug[:63])
        return found

    @cached_property
    def tenant(self) -> Tenant:
        return Tenant.objects.get(pk=self.tenant_id)

    @property
    def is_dry_run(self) -> bool:
        return self.can_dry_run and self.request.query_params.get("dry_run", "").lower() in DRY_RUN

    def written(self, make: Callable[[], tuple[Any, int]]) -> Response:
        """Answer a write: once per Idempotency-Key, and undone after it was tried where it is a dry run."""
        token = self.request.headers.get("Idempotency-Key", "")
        repeatable = bool(token) and self.request.method == "POST" and not self.is_dry_run
        if repeatable:
            digest = digest_of("POST", self.request.path, self.request.data)
            earlier = recall(self.key, self.tenant_id_or_none, token, digest)
            if earlier is not None:
                return Response(earlier.body, status=earlier.status, headers={"Idempotent-Replay": "true"})
        body, status = make()
        if repeatable:
            remember(self.key, self.tenant_id_or_none, token, body, status, sealed=self.seals_answers)
        if self.is_dry_run:
            transaction.set_rollback(True)
        return Response(body, status=status, headers={"Dry-Run": "true"} if self.is_dry_run else None)

    @property
    def tenant_id_or_none(self) -> UUID | None:
        return self.tenant_id


class OperatorView(ScopedView):
    """An API view of the whole platform, for operators' keys only."""

    @override
    def scope(self) -> AbstractContextManager[None]:
        return operator_scope()

    @property
    @override
    def tenant_id_or_none(self) -> UUID | None:
        return None
