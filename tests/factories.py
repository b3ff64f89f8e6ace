"""The smallest valid rows. A test names only what it is about."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import count
from typing import Any

from django.db import transaction
from django.utils import timezone

from tenants.access import token_digest, verifier_beside
from tenants.identifiers import uuid7
from tenants.models import AcceptedDomain, AppPassword, EmailAddress, Invitation, Mailbox, Membership, Tenant, User
from transport.authentication.app_passwords import NewAppPassword
from transport.authentication.app_passwords import make_app_password as new_app_password
from transport.models import (
    AddressSpace,
    Destination,
    MailboxBody,
    MailboxMessage,
    ReceiveConnector,
    SendConnector,
    SmartHost,
    SuppressedAddress,
)

PASSWORD = "correct horse battery"
_numbers = count(1)


def make_tenant(slug: str = "", **fields: Any) -> Tenant:
    slug = slug or f"tenant-{next(_numbers)}"
    return Tenant.objects.create(slug=slug, name=fields.pop("name", slug.title()), **fields)


def make_domain(tenant: Tenant, domain: str = "", *, verified: bool = True, **fields: Any) -> AcceptedDomain:
    domain = domain or f"{tenant.slug}.example"
    fields.setdefault("name", domain)
    fields.setdefault("verification_token", f"token-{next(_numbers)}")
    fields.setdefault("verified_at", timezone.now() if verified else None)
    return AcceptedDomain.objects.create(tenant=tenant, domain=domain, **fields)


def make_mailbox(
    domain: AcceptedDomain, local: str = "ann", *, aliases: Sequence[str] = (), verifier: str = "", **fields: Any
) -> Mailbox:
    """Make a mailbox with its reply address and further ones in the same domain."""
    fields.setdefault("display_name", local.title())
    with transaction.atomic():
        mailbox = Mailbox.objects.create(tenant=domain.tenant, verifier=verifier, **fields)
        for at, name in enumerate((local, *aliases)):
            make_address(mailbox, domain, name, is_primary=at == 0)
    return mailbox


def make_address(mailbox: Mailbox, domain: AcceptedDomain, local: str, *, is_primary: bool = False) -> EmailAddress:
    return EmailAddress.objects.create(
        tenant_id=mailbox.tenant_id,
        mailbox=mailbox,
        accepted_domain=domain,
        domain=domain.domain,
        local_part=local,
        local_key=local.casefold(),
        is_primary=is_primary,
    )


def make_app_password(mailbox: Mailbox, name: str = "Phone") -> tuple[AppPassword, NewAppPassword]:
    """Make an app password of a mailbox; return its row and what was shown of it."""
    new = new_app_password(beside=verifier_beside(mailbox))
    fields = {"name": name, "prefix": new.prefix, "verifier": new.verifier}
    return AppPassword.objects.create(tenant_id=mailbox.tenant_id, mailbox=mailbox, **fields), new


def make_send_connector(
    tenant: Tenant,
    *patterns: str,
    name: str = "",
    cost: int = 1,
    smart_hosts: Sequence[tuple[str, int]] = (),
    **fields: Any,
) -> SendConnector:
    """Make a connector for the address spaces given, `*` where none is; by MX unless it has smart hosts."""
    fields.setdefault("routing", "smart_hosts" if smart_hosts else "dns")
    connector = SendConnector.objects.create(tenant=tenant, name=name or f"connector-{next(_numbers)}", **fields)
    for pattern in patterns or ("*",):
        AddressSpace.objects.create(tenant=tenant, connector=connector, pattern=pattern, cost=cost)
    for position, (host, port) in enumerate(smart_hosts):
        SmartHost.objects.create(tenant=tenant, connector=connector, position=position, host=host, port=port)
    return connector


def make_receive_connector(tenant: Tenant | None = None, **fields: Any) -> ReceiveConnector:
    fields.setdefault("name", f"receive-{next(_numbers)}")
    fields.setdefault("bindings", ["smtp"])
    return ReceiveConnector.objects.create(tenant=tenant, **fields)


def make_user(email: str = "", **fields: Any) -> User:
    return User.objects.create_user(email or f"user-{next(_numbers)}@contoso.example", PASSWORD, **fields)


def make_membership(tenant: Tenant, user: User, role: str = Membership.Role.OWNER) -> Membership:
    return Membership.objects.create(tenant=tenant, user=user, role=role)


def make_invitation(
    tenant: Tenant, email: str = "new@elsewhere.example", role: str = Membership.Role.ADMIN, **fields: Any
) -> tuple[Invitation, str]:
    """Make an invitation; return it and the secret of the link that was mailed. Its other link has “x” after it."""
    token = f"token-{next(_numbers)}"
    fields = {"expires_at": timezone.now() + timedelta(days=7), "email": email, "role": role, **fields}
    digests = {"mail_digest": token_digest(token), "link_digest": token_digest(f"{token}x")}
    return Invitation.objects.create(tenant=tenant, **digests, **fields), token


def make_letter(mailbox: Mailbox, content: bytes, **fields: Any) -> MailboxMessage:
    """Put a letter into a mailbox, as delivery would."""
    body = MailboxBody.objects.create(tenant_id=mailbox.tenant_id, content=content)
    fields = {"subject": "A letter", "from_header": "x@y.example", "sender": "x@y.example", **fields}
    return MailboxMessage.objects.create(
        tenant_id=mailbox.tenant_id,
        mailbox=mailbox,
        body=body,
        uid=next(_numbers),
        message_id=fields.pop("message_id", uuid7()),
        size=len(content),
        received_at=timezone.now(),
        **fields,
    )


def make_suppressed_address(tenant: Tenant, address: str, **fields: Any) -> SuppressedAddress:
    now = timezone.now()
    fields = {
        "reason": "peer.recipient_unknown",
        "status": "5.1.1",
        "reply": "550 5.1.1 No such user",
        "reporting_mta": "mx.elsewhere.example",
        "message_id": uuid7(),
        "first_seen_at": now,
        "last_seen_at": now,
        "expires_at": now + timedelta(days=30),
    } | fields
    return SuppressedAddress.objects.create(tenant=tenant, address=address, key=address.lower(), **fields)


def make_destination(endpoint: str, connections: int) -> Destination:
    now = timezone.now()
    return Destination.objects.create(endpoint=endpoint, host="mx.example", connections=connections, changed_at=now)
