"""Letters in mailboxes. Their bytes live apart from those of the queue: they stay when a day's partition goes."""

from __future__ import annotations

from uuid import UUID

from django.db import models
from django.utils.translation import gettext_lazy as _
from typing_extensions import override

from tenants.models import Mailbox, TenantOwned


class Folder(models.TextChoices):
    INBOX = "inbox", _("Inbox")
    SENT = "sent", _("Sent")
    TRASH = "trash", _("Trash")


class MailboxBody(TenantOwned):
    """The bytes of a letter, shared by the mailboxes of one tenant that got it."""

    content = models.BinaryField()

    class Meta:
        verbose_name = _("mailbox body")
        verbose_name_plural = _("mailbox bodies")


class MailboxMessage(TenantOwned):
    mailbox = models.ForeignKey(Mailbox, on_delete=models.CASCADE, related_name="messages")
    mailbox_id: UUID
    body = models.ForeignKey(MailboxBody, on_delete=models.PROTECT, related_name="messages")
    body_id: UUID
    folder = models.CharField(_("folder"), max_length=16, choices=Folder.choices, default=Folder.INBOX)
    uid = models.BigIntegerField()
    message_id = models.UUIDField()  # the network message id: leads to the timeline
    internet_message_id = models.TextField(blank=True)
    sender = models.TextField(_("envelope sender"))
    from_header = models.TextField(_("from"))
    to_header = models.TextField(_("to"), blank=True)
    subject = models.TextField(_("subject"))
    size = models.BigIntegerField(_("size, bytes"))
    seen = models.BooleanField(_("read"), default=False)
    received_at = models.DateTimeField(_("received"))

    class Meta:
        verbose_name = _("mailbox message")
        verbose_name_plural = _("mailbox messages")
        ordering = ["-uid"]
        constraints = [
            models.UniqueConstraint(fields=["mailbox", "uid"], name="uid_once_per_mailbox"),
            # Delivering twice puts one letter in: a lease may run out after the commit was sent.
            models.UniqueConstraint(fields=["mailbox", "message_id", "folder"], name="letter_once_per_mailbox"),
        ]
        indexes = [models.Index(fields=["mailbox", "folder", "-uid"], name="folder_list")]

    @override
    def __str__(self) -> str:
        return self.subject
