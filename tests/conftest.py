"""What every test may ask for: Alice who owns contoso, Bob with a mailbox there, Charlie of another tenant."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.db import connection
from django.test import Client
from pytest_django import DjangoDbBlocker

from tenants.models import Mailbox, Membership, Tenant, User
from tests import factories
from tests.platform_process import PlatformProcess


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """End what is still connected when all is done: on a busy machine a daemon's last session outlives its client, and
    a database that somebody uses is not dropped."""
    yield
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@dataclass
class Contoso:
    tenant: Tenant
    alice: User
    bob: User
    alice_mailbox: Mailbox
    bob_mailbox: Mailbox


@pytest.fixture
def contoso(db: None) -> Contoso:
    """A tenant with a verified domain, an owner with a mailbox and a mailbox user; no send connector."""
    tenant = factories.make_tenant("contoso")
    domain = factories.make_domain(tenant, "contoso.example")
    alice, bob = factories.make_user("alice@contoso.example"), factories.make_user("bob@contoso.example")
    factories.make_membership(tenant, alice, Membership.Role.OWNER)
    factories.make_membership(tenant, bob, Membership.Role.MAILBOX_USER)
    return Contoso(
        tenant,
        alice,
        bob,
        factories.make_mailbox(domain, "alice", user=alice),
        factories.make_mailbox(domain, "bob", user=bob),
    )


@pytest.fixture
def charlie(db: None) -> User:
    """The owner of another tenant: a stranger to contoso."""
    tenant = factories.make_tenant("fabrikam")
    factories.make_domain(tenant, "fabrikam.example")
    user = factories.make_user("charlie@fabrikam.example")
    factories.make_membership(tenant, user, Membership.Role.OWNER)
    return user


@pytest.fixture
def operator(db: None) -> User:
    return factories.make_user("operator@postroom.example", is_operator=True)


@pytest.fixture
def as_alice(contoso: Contoso, client: Client) -> Client:
    client.force_login(contoso.alice)
    return client


@pytest.fixture
def as_charlie(charlie: User) -> Client:
    client = Client()
    client.force_login(charlie)
    return client


@pytest.fixture
def as_operator(operator: User) -> Client:
    client = Client()
    client.force_login(operator)
    return client


@pytest.fixture(scope="session")
def platform() -> Iterator[PlatformProcess]:
    """The whole platform, started as a person does, with lab and demo tenant; shared, so leave it as you find it."""
    with PlatformProcess() as process:
        yield process
