"""What a fresh platform is given: listeners, an operator, and the demo tenant that the first minute needs."""

from __future__ import annotations

import ipaddress
from dataclasses import asdict, dataclass

from django.conf import settings
from django.db import transaction

from tenants.actions.actor import SYSTEM
from tenants.actions.domains import create_accepted_domain
from tenants.actions.mailboxes import AddressInput, create_mailbox
from tenants.actions.tenants import create_tenant, make_user
from tenants.models import AcceptedDomain, Membership, Tenant, User
from tenants.secrets import random_password
from transport.actions.receive_connectors import ensure_default_receive_connectors
from transport.authentication.scram import make_verifier

DEMO_SLUG = "contoso"
DEMO_DOMAIN = "contoso.example"


@dataclass(frozen=True, slots=True)
class Login:
    who: str
    address: str
    password: str

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


@transaction.atomic
def first_run(*, demo: bool) -> list[Login]:
    """Make what is missing; return the log-ins made by this very run, with their passwords."""
    ensure_default_receive_connectors(actor=SYSTEM)
    logins = [*_make_operator()]
    if demo and not Tenant.objects.filter(is_platform=False).exists():
        logins += _make_demo_tenant()
    return logins


def _make_operator() -> list[Login]:
    if User.objects.filter(is_operator=True).exists():
        return []
    password = settings.POSTROOM_ADMIN_PASSWORD or _password("postroom-operator")
    user = make_user(
        actor=SYSTEM, email=settings.POSTROOM_ADMIN_EMAIL, password=password, name="Operator", is_operator=True
    )
    return [Login("operator", user.email, password)]


def _make_demo_tenant() -> list[Login]:
    """Make contoso: its domain, ann who owns it, bob who has a mailbox; no send connector yet (story A)."""
    tenant = create_tenant(actor=SYSTEM, slug=DEMO_SLUG, name="Contoso")
    create_accepted_domain(actor=SYSTEM, tenant=tenant, domain=DEMO_DOMAIN, name="Contoso")
    roles = {"ann": Membership.Role.OWNER, "bob": Membership.Role.MAILBOX_USER}
    return [_make_demo_person(tenant, name, role) for name, role in roles.items()]


def _make_demo_person(tenant: Tenant, name: str, role: str) -> Login:
    address, password = f"{name}@{DEMO_DOMAIN}", _password(f"postroom-{name}")
    user = make_user(actor=SYSTEM, email=address, password=password, name=name.capitalize())
    Membership.objects.create(tenant=tenant, user=user, role=role)
    create_mailbox(
        actor=SYSTEM,
        tenant=tenant,
        display_name=name.capitalize(),
        addresses=[AddressInput(address, is_primary=True)],
        verifier=make_verifier(password),
        user=user,
    )
    return Login(f"{tenant.name}, {role.replace('_', ' ')}", address, password)


def demo_domain() -> AcceptedDomain | None:
    """Return the demo tenant's domain while it waits for its verification through the lab's DNS."""
    return AcceptedDomain.objects.filter(tenant__slug=DEMO_SLUG, domain=DEMO_DOMAIN, verified_at=None).first()


def _password(plain: str) -> str:
    """Return an easy password on loopback, a random one where strangers can reach us (design §12.17)."""
    return plain if ipaddress.ip_address(settings.POSTROOM_BIND).is_loopback else random_password()
