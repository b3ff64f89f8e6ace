"""The system's own letters: invitations, notices to administrators, password resets (design §12.17).

They are mail like any other, queued and traced, and belong to no customer: a tenant of the platform's own carries
them. It has no domains, mailboxes or members, so its queues and its tracking log are the operators' alone. To the
outside its letters leave by its send connector "Notices": by MX at first, by what an operator makes of it afterwards.
"""

from __future__ import annotations

import logging
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from tenants.actions.actor import SYSTEM
from tenants.actions.tenants import create_tenant
from tenants.identifiers import uuid7
from tenants.models import Tenant
from tenants.problems import Problem
from tenants.scope import mail_flow
from transport.actions.send_connectors import SpaceInput, create_send_connector
from transport.message.address import InvalidAddress, parse_address
from transport.message.compose import ComposedMessage, compose
from transport.message.encode import InvalidHeader
from transport.message.mailbox import Mailbox
from transport.queue.submission import submit
from transport.routing.envelope import notice_client

logger = logging.getLogger(__name__)

NAME: Final = "Postroom"
SLUG: Final = "postroom-notices"


@transaction.atomic
def send_notice(*, recipient: str, subject: str, text: str) -> UUID | None:
    """Queue a letter of the system's to one address, in the caller's transaction and under any scope.

    Subject and text are in the reader's language already. Returns the message's id, or None where the address cannot
    be written to: nobody waits for the answer, and a stranger must not learn from it who exists. A mailbox here gets
    it locally; the envelope has no sender, so nothing comes back and no machine answers (RFC 3834 3.3).
    """
    try:
        content = _compose(recipient, subject, text)
    except (InvalidAddress, InvalidHeader) as error:
        logger.warning("A notice cannot be written: %s", error)
        return None
    with mail_flow():
        carrier = platform_tenant()
        submitted = submit(
            client=notice_client(carrier.pk), sender="", recipients=(recipient,), content=content, all_or_nothing=True
        )
    return submitted.message_ids[0] if submitted.message_ids else None


def platform_tenant() -> Tenant:
    """Return the tenant that carries the system's letters, made at the first one. Needs to see all tenants."""
    found = Tenant.objects.filter(is_platform=True).first()
    if found is not None:
        return found
    try:
        with transaction.atomic():
            return _make_platform_tenant()
    except (IntegrityError, Problem):  # somebody else made it meanwhile
        return Tenant.objects.get(is_platform=True)


def _make_platform_tenant() -> Tenant:
    taken = Tenant.objects.filter(slug=SLUG).exists()
    slug = f"{SLUG}-{uuid7().hex[-8:]}" if taken else SLUG
    tenant = create_tenant(actor=SYSTEM, slug=slug, name=NAME, is_platform=True)
    create_send_connector(actor=SYSTEM, tenant=tenant, name="Notices", address_spaces=[SpaceInput("*")])
    return tenant


def _compose(recipient: str, subject: str, text: str) -> bytes:
    message = ComposedMessage(
        from_=Mailbox(parse_address(settings.POSTROOM_NOTICE_ADDRESS), NAME),
        to=(Mailbox(parse_address(recipient)),),
        subject=subject,
        text=text,
        auto_submitted="auto-generated",
    )
    return compose(message, message_id=f"<{uuid7()}@{settings.POSTROOM_HOSTNAME}>", date=timezone.now())
