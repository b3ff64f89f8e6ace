"""What all resources share: list, read, create, change, remove; each write through its action."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Generic, TypeVar, cast

from django.db.models import Model, QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer, Serializer
from rest_framework.viewsets import GenericViewSet
from typing_extensions import override

from postroom.api.scoped import ScopedView
from tenants.access import one
from tenants.problems import Problem
from transport.actions.change_preview import latest_ways
from transport.actions.trying import trying

Row = TypeVar("Row", bound=Model)
DRY_RUN = OpenApiParameter(
    "dry_run",
    bool,
    description="Check and show the outcome; change nothing. Of send connectors and accepted domains the answer, with "
    "200 also where something is removed, has `preview`: which of the latest 1,000 messages would go another way.",
)
TENANT = OpenApiParameter(
    "X-Postroom-Tenant", str, OpenApiParameter.HEADER, description="With an operator's key: the tenant's slug."
)
IDEMPOTENCY = OpenApiParameter(
    "Idempotency-Key", str, OpenApiParameter.HEADER, description="The same key and body act once."
)


class ReadViewSet(ScopedView, GenericViewSet[Row], Generic[Row]):  # type: ignore[misc]
    """List and read rows of the tenant; `rows()` says which."""

    lookup_value_regex = "[^/]+"

    def rows(self) -> QuerySet[Row]:
        raise NotImplementedError

    @override
    def get_queryset(self) -> QuerySet[Row]:
        if getattr(self, "swagger_fake_view", False):
            return cast(QuerySet[Row], type(self).__dict__["queryset"])
        return self.rows()

    @override
    def get_object(self) -> Row:
        return one(self.rows(), self.kwargs["pk"])

    @extend_schema(parameters=[TENANT])
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(parameters=[TENANT])
    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(self.get_serializer(self.get_object()).data)


@extend_schema_view(
    create=extend_schema(parameters=[TENANT, DRY_RUN, IDEMPOTENCY]),
    partial_update=extend_schema(parameters=[TENANT, DRY_RUN]),
    destroy=extend_schema(parameters=[TENANT, DRY_RUN]),
)
class ConfigurationViewSet(ReadViewSet[Row], Generic[Row]):
    """Adds create, change and remove; subclasses call the actions."""

    def perform_create(self, data: dict[str, Any]) -> Row:
        raise NotImplementedError

    def perform_change(self, row: Row, data: dict[str, Any]) -> Row:
        raise NotImplementedError

    def perform_remove(self, row: Row) -> None:
        raise NotImplementedError

    # What is written changes routes: a dry run tells, as `preview`, which of the latest mail would go another way.
    previews_routes: ClassVar[bool] = False

    def create(self, request: Request) -> Response:
        return self.written(self._previewing(self._create))

    def partial_update(self, request: Request, pk: str) -> Response:
        return self.written(self._previewing(self._change))

    def destroy(self, request: Request, pk: str) -> Response:
        return self.written(self._previewing(self._remove))

    def _previewing(self, make: Callable[[], tuple[Any, int]]) -> Callable[[], tuple[Any, int]]:
        if not (self.previews_routes and self.is_dry_run):
            return make

        def made() -> tuple[Any, int]:
            before = latest_ways(self.tenant_id)
            with trying():
                body, code = make()
            told = {"preview": before.compare().to_json()}
            return (told, status.HTTP_200_OK) if body is None else ({**body, **told}, code)

        return made

    def _create(self) -> tuple[Any, int]:
        serializer = self.get_serializer(data=self.request.data)
        self._refuse_unknown_fields(serializer)
        serializer.is_valid(raise_exception=True)
        return self._shown(self.perform_create(serializer.validated_data)), status.HTTP_201_CREATED

    def _change(self) -> tuple[Any, int]:
        row = self.get_object()
        serializer = self.get_serializer(row, data=self.request.data, partial=True)
        self._refuse_unknown_fields(serializer)
        serializer.is_valid(raise_exception=True)
        return self._shown(self.perform_change(row, serializer.validated_data)), status.HTTP_200_OK

    def _refuse_unknown_fields(self, serializer: BaseSerializer[Any]) -> None:
        """Tell of a misspelt field, which would pass for one left out. What is only read may come back."""
        assert isinstance(serializer, Serializer)
        if isinstance(self.request.data, dict):
            for name in sorted(self.request.data.keys() - serializer.fields.keys()):
                raise Problem("api.unknown_field", field=name[:64], name=name[:64])

    def _remove(self) -> tuple[Any, int]:
        self.perform_remove(self.get_object())
        return None, status.HTTP_204_NO_CONTENT

    def _shown(self, row: Row) -> Any:
        """Return the row as a reader gets it: read anew, with what hangs on it."""
        return self.get_serializer(one(self.rows(), row.pk)).data
