"""The one way to touch a tenant's rows: a transaction that names the tenant (design §12.2).

`SET LOCAL` lives as long as its transaction, so a query outside a scope sees nothing. No network call
belongs inside one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from django.db import connection, transaction
from psycopg.pq import TransactionStatus

from tenants.models import Tenant

WEB_ROLE = "postroom_web"
OPERATOR_ROLE = "postroom_operator"
FLOW_ROLE = "postroom_flow"


@contextmanager
def scope(tenant: Tenant | UUID) -> Iterator[None]:
    """Enter a transaction that sees the rows of this tenant and no others."""
    tenant_id = tenant.pk if isinstance(tenant, Tenant) else tenant
    with _settings_for(WEB_ROLE, str(tenant_id)):
        yield


@contextmanager
def operator_scope() -> Iterator[None]:
    """Enter a transaction that sees all tenants: for requests of operators, after their right was checked."""
    with _settings_for(OPERATOR_ROLE, None):
        yield


@contextmanager
def no_tenant() -> Iterator[None]:
    """Enter a transaction as `web` with no tenant: for sign-in, before anybody's tenant is known."""
    with _settings_for(WEB_ROLE, None):
        yield


@contextmanager
def mail_flow() -> Iterator[None]:
    """Lift the scope for the mail flow's own statements: mail goes from one tenant to another, or to a notice.

    `web` may become the operators' role and no other (tenants/rls.py), so that is what it steps up to. The caller
    has checked what the tenant may do, and runs nobody else's code inside.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('role'), coalesce(current_setting('postroom.tenant', true), '')")
        role, tenant = cursor.fetchone()
    if role == WEB_ROLE:
        with _settings_for(OPERATOR_ROLE, tenant):
            yield
    else:
        with transaction.atomic():
            yield


@contextmanager
def _settings_for(role: str, tenant: str | None) -> Iterator[None]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('role'), coalesce(current_setting('postroom.tenant', true), '')")
        before = cursor.fetchone()
        _apply(role, tenant or "")
        try:
            yield
        finally:
            # A failed transaction takes no more statements, and its rollback undoes the settings anyway.
            if not connection.needs_rollback and not _is_broken():
                _apply(*before)


def _apply(role: str, tenant: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('role', %s, true), set_config('postroom.tenant', %s, true)", [role, tenant])


def _is_broken() -> bool:
    inner = connection.connection
    return inner is None or inner.closed or inner.info.transaction_status == TransactionStatus.INERROR
