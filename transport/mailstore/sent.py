"""Keeping a copy of what a mailbox sent, in its Sent folder."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from tenants.models import Mailbox
from transport.mailstore.deliver import HEADER_OCTETS, to_header
from transport.message.header import digest
from transport.models import Folder, MailboxBody, MailboxMessage


@transaction.atomic
def keep_sent_copy(*, mailbox: Mailbox, message_id: UUID, content: bytes) -> MailboxMessage:
    """Put a copy into Sent, inside the caller's scope; the same message twice puts one copy in.

    A full mailbox keeps it too: what was sent is sent, and its writer has to see that.
    """
    row = Mailbox.objects.select_for_update(no_key=True).get(pk=mailbox.pk)
    known = MailboxMessage.objects.filter(mailbox=row, message_id=message_id, folder=Folder.SENT).first()
    if known:
        return known
    facts = digest(content)
    body = MailboxBody.objects.create(tenant_id=row.tenant_id, content=content)
    letter = MailboxMessage.objects.create(
        tenant_id=row.tenant_id,
        mailbox=row,
        body=body,
        folder=Folder.SENT,
        uid=row.uid_next,
        message_id=message_id,
        internet_message_id=facts.message_id or "",
        sender=str(row.primary_address or ""),
        from_header=facts.from_header,
        to_header=to_header(content[:HEADER_OCTETS]),
        subject=facts.subject,
        size=len(content),
        seen=True,
        received_at=timezone.now(),
    )
    Mailbox.objects.filter(pk=row.pk).update(uid_next=row.uid_next + 1, used_bytes=row.used_bytes + len(content))
    return letter
