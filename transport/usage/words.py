"""The limits in words: what each is called, and what happens where it is reached."""

from __future__ import annotations

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

LABELS: Final[dict[str, str | Promise]] = {
    "max_domains": _("Accepted domains"),
    "max_mailboxes": _("Mailboxes"),
    "max_storage": _("Storage in mailboxes"),
    "max_queued": _("Recipients waiting to leave"),
    "max_message_size": _("Size of a message"),
    "max_recipients_per_message": _("Recipients of a message"),
    "messages_per_hour": _("Messages sent per hour"),
    "messages_per_day": _("Messages sent per day"),
    "recipients_per_hour": _("Recipients written to per hour"),
    "recipients_per_day": _("Recipients written to per day"),
    "mailbox_messages_per_hour": _("Messages per hour from each mailbox"),
    "mailbox_messages_per_day": _("Messages per day from each mailbox"),
    "mailbox_recipients_per_hour": _("Recipients per hour from each mailbox"),
    "mailbox_recipients_per_day": _("Recipients per day from each mailbox"),
    "incoming_messages_per_hour": _("Messages received from outside per hour"),
    "incoming_messages_per_day": _("Messages received from outside per day"),
}
_PUT_OFF: Final = _(
    "What goes beyond is put off (450 4.7.1): mail programs and servers try again by themselves when the time is over."
)
_OF_MAILBOX: Final = _("Only this mailbox is put off (450 4.7.1) until the time is over; the others go on sending.")
_INCOMING: Final = _(
    "The sending servers are asked to come again later (450 4.2.1), and keep the mail so long. Your own sending goes "
    "on."
)
CONSEQUENCES: Final[dict[str, str | Promise]] = {
    "max_domains": _("No further domain can be added."),
    "max_mailboxes": _("No further mailbox can be made. Those that there are go on working."),
    "max_storage": _(
        "No mailbox takes more letters; the sending servers are asked to try again later (452 4.3.1). Make room by "
        "deleting letters. Sending goes on."
    ),
    "max_queued": _(
        "Mail to the outside is put off (452 4.3.1) until the queues are shorter. Mail that strangers send through you "
        "is put off at 80 % already, so that it cannot stop yours. Mail between your mailboxes goes on."
    ),
    "max_message_size": _("A larger message is refused (552 5.3.4)."),
    "max_recipients_per_message": _("Recipients beyond it are put off (452 4.5.3): send to them in a second message."),
    "messages_per_hour": _PUT_OFF,
    "messages_per_day": _PUT_OFF,
    "recipients_per_hour": _PUT_OFF,
    "recipients_per_day": _PUT_OFF,
    "mailbox_messages_per_hour": _OF_MAILBOX,
    "mailbox_messages_per_day": _OF_MAILBOX,
    "mailbox_recipients_per_hour": _OF_MAILBOX,
    "mailbox_recipients_per_day": _OF_MAILBOX,
    "incoming_messages_per_hour": _INCOMING,
    "incoming_messages_per_day": _INCOMING,
}
BYTES: Final = frozenset({"max_storage", "max_message_size"})
_UNITS: Final = ("bytes", "KB", "MB", "GB", "TB")


def label_of(limit_name: str) -> str:
    """Return a limit's name for people, in the language that is active."""
    return str(LABELS.get(limit_name, limit_name))


def consequence(limit_name: str) -> str:
    """Return what happens where a limit is reached."""
    return str(CONSEQUENCES.get(limit_name, ""))


def amount(limit_name: str, value: int) -> str:
    """Return a figure of a limit as people write it."""
    if limit_name not in BYTES:
        return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    number, unit = float(value), 0
    while number >= 1024 and unit < len(_UNITS) - 1:
        number, unit = number / 1024, unit + 1
    digits = 0 if unit == 0 or number >= 100 or number == int(number) else 1
    return gettext("{number} {unit}").format(number=f"{number:.{digits}f}", unit=_UNITS[unit])
