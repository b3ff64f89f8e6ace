"""The system's own letters, as their readers get them."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from email.message import EmailMessage

from transport.models import Delivery, MessageBody


def letters_to(recipient: str) -> list[EmailMessage]:
    """Return what waits for an address and comes from the platform itself, oldest first."""
    rows = Delivery.objects.filter(recipient=recipient, message__sender="").order_by("message_id")
    bodies = [bytes(MessageBody.objects.get(pk=row.message_id).content) for row in rows]
    return [message_from_bytes(body, _class=EmailMessage, policy=policy.default) for body in bodies]


def link_in(letter: EmailMessage) -> str:
    """Return the path of the first link of ours in a letter."""
    found = re.search(r"https?://[^/\s]+(/\S+)", letter.get_content())
    assert found, letter.get_content()
    return found[1]
