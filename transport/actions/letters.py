"""What a person does to letters in a mailbox: read marks, the trash, and out of it. Not audited: it is their mail."""

from __future__ import annotations

from django.db import transaction
from django.db.models import F

from tenants.models import Mailbox
from transport.models import Folder, MailboxBody, MailboxMessage


def mark_seen(*, letter: MailboxMessage, seen: bool = True) -> None:
    if letter.seen != seen:
        MailboxMessage.objects.filter(pk=letter.pk).update(seen=seen)
        letter.seen = seen


@transaction.atomic
def discard_letter(*, letter: MailboxMessage) -> Folder | None:
    """Move a letter to the trash, or delete it for good where it is there. Return the folder it is in now."""
    in_trash = MailboxMessage.objects.filter(
        mailbox_id=letter.mailbox_id, message_id=letter.message_id, folder=Folder.TRASH
    )
    # A copy sent to oneself is in two folders, but the trash takes one.
    if letter.folder == Folder.TRASH or in_trash.exists():
        _delete(letter)
        return None
    letter.folder = Folder.TRASH
    letter.save(update_fields=["folder"])
    return Folder.TRASH


def _delete(letter: MailboxMessage) -> None:
    body_id = letter.body_id
    letter.delete()
    if not MailboxMessage.objects.filter(body_id=body_id).exists():
        MailboxBody.objects.filter(pk=body_id).delete()
    Mailbox.objects.filter(pk=letter.mailbox_id).update(used_bytes=F("used_bytes") - letter.size)
