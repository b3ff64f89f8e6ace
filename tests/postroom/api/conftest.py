"""A program that calls the API with a key."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tenants.actions.actor import SYSTEM
from tenants.actions.keys import create_api_key
from tenants.models import Tenant, User
from tests.conftest import Contoso


class Program:
    """Calls with a bearer key, speaks JSON; `answer.json()` is what came back."""

    def __init__(self, token: str, **headers: str) -> None:
        self.client = Client()
        self.headers = {"Authorization": f"Bearer {token}", **headers}

    def get(self, path: str, **query: Any) -> Any:
        return self.client.get(f"/api/v1/{path}", query, headers=self.headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return self._send("post", path, body, headers)

    def patch(self, path: str, body: Any, **headers: str) -> Any:
        return self._send("patch", path, body, headers)

    def delete(self, path: str) -> Any:
        return self._send("delete", path, None, {})

    def _send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Any:
        call = getattr(self.client, method)
        return call(f"/api/v1/{path}", body, "application/json", headers=self.headers | headers)


def program_of(tenant: Tenant | None, role: str = "owner", **headers: str) -> Program:
    return Program(create_api_key(actor=SYSTEM, name="test", tenant=tenant, role=role)[1], **headers)


@pytest.fixture
def api(contoso: Contoso) -> Program:
    return program_of(contoso.tenant)


@pytest.fixture
def strangers_api(charlie: User) -> Program:
    return program_of(Tenant.objects.get(slug="fabrikam"))


@pytest.fixture
def operators_api(db: None) -> Program:
    return program_of(None)
