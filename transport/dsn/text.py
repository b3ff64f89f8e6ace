"""The human part of a notification: plain words, in the reader's language.

Each sentence is one message id with {named} fields; the caller's `translate` turns ids into the reader's language.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Final

from transport.dsn.facts import Action, FailedRecipient, Report, Side
from transport.message.header import HeaderDigest
from transport.message.received import rfc5322_date
from transport.message.words import display

Translate = Callable[[str], str]
MAX_LISTED: Final = 50
MAX_SUBJECT: Final = 200


class Kind(StrEnum):
    FAILURE = "failure"
    DELAY = "delay"
    SUCCESS = "success"


TITLES: Final = {
    Kind.FAILURE: "Undeliverable: {subject}",
    Kind.DELAY: "Delayed: {subject}",
    Kind.SUCCESS: "Delivered: {subject}",
}
OPENINGS: Final = {
    Kind.FAILURE: "Your message was not delivered to the people listed below. It will not be tried again.",
    Kind.DELAY: "Your message has not been delivered yet to the people listed below. You need not send it again.",
    Kind.SUCCESS: "Your message was delivered to the people listed below, or handed on to their mail server.",
}
SIDES: Final = {
    Side.OURS: "The cause lies on our side: the operators of this mail system have to mend it.",
    Side.TENANT: "The cause lies in your organisation's mail settings: your administrator can mend it.",
    Side.SENDER: "The cause lies in the message or the address it was sent from: you can mend it.",
    Side.PEER: "The cause lies on the recipient's side: their mail system or its operators decide about it.",
    Side.NETWORK: "The cause lies between the two mail systems: the name service or the network.",
}
NO_SUBJECT: Final = "(no subject)"
RETRYING: Final = "We go on trying until {time}. If that fails too, you get one more notice."
SUBJECT_LINE: Final = "Subject: {subject}"
SENT_LINE: Final = "Received by us: {time}"
EXPLANATION_LINE: Final = "Why: {text}"
FIX_LINE: Final = "What to do: {text}"
REMOTE_LINE: Final = "The server {host} said:"
OWN_LINE: Final = "Our server said:"
DELIVERED_LINE: Final = "Delivered to the mailbox."
RELAYED_LINE: Final = (
    "Handed on to {host}, which sends no reports: whether it arrived, we cannot tell. No more will follow."
)
MORE_LINE: Final = "… and {count} more, named in the technical part of this notice."
TIMELINE_LINE: Final = "The whole story of this message: {url}"
# All message ids, for whoever collects them for translation.
MESSAGE_IDS: Final = (
    *TITLES.values(),
    *OPENINGS.values(),
    *SIDES.values(),
    *(NO_SUBJECT, RETRYING, SUBJECT_LINE, SENT_LINE, EXPLANATION_LINE, FIX_LINE, REMOTE_LINE, OWN_LINE, MORE_LINE),
    *(DELIVERED_LINE, RELAYED_LINE, TIMELINE_LINE),
    "Mail delivery",
)


def title(kind: Kind, subject: str, translate: Translate) -> str:
    """Return the notice's own subject; the original's comes decoded from a digest and is made safe once more."""
    shown = display(subject)[:MAX_SUBJECT] or translate(NO_SUBJECT)
    return translate(TITLES[kind]).format(subject=shown)


def human_text(report: Report, kind: Kind, original: HeaderDigest, translate: Translate) -> str:
    """Return the text as lines; what came from strangers is indented and holds no control characters."""
    return "\n".join(_lines(report, kind, original, translate)) + "\n"


def _lines(report: Report, kind: Kind, original: HeaderDigest, translate: Translate) -> Iterator[str]:
    yield translate(OPENINGS[kind])
    if kind == Kind.DELAY and report.will_retry_until:
        yield translate(RETRYING).format(time=rfc5322_date(report.will_retry_until))
    yield ""
    subject = display(original.subject)[:MAX_SUBJECT] or translate(NO_SUBJECT)
    yield translate(SUBJECT_LINE).format(subject=subject)
    if report.arrival_date:
        yield translate(SENT_LINE).format(time=rfc5322_date(report.arrival_date))
    for recipient in report.recipients[:MAX_LISTED]:
        yield from ("", *_recipient_lines(recipient, kind, translate))
    if len(report.recipients) > MAX_LISTED:
        yield from ("", translate(MORE_LINE).format(count=len(report.recipients) - MAX_LISTED))
    if report.timeline_url:
        yield from ("", translate(TIMELINE_LINE).format(url=display(report.timeline_url)))


def _recipient_lines(recipient: FailedRecipient, kind: Kind, translate: Translate) -> Iterator[str]:
    yield display(recipient.address)
    if kind == Kind.SUCCESS:
        host = display(recipient.remote_mta or "")
        line = RELAYED_LINE if recipient.action is Action.RELAYED and host else DELIVERED_LINE
        yield "  " + translate(line).format(host=host)
        return
    if recipient.explanation:
        yield "  " + translate(EXPLANATION_LINE).format(text=display(recipient.explanation))
    if recipient.side:
        yield "  " + translate(SIDES[recipient.side])
    if recipient.fix:
        yield "  " + translate(FIX_LINE).format(text=display(recipient.fix))
    if recipient.reply.code or recipient.reply.text:
        yield "  " + _speaker(recipient, translate)
        yield f"    {display(str(recipient.reply) if recipient.reply.code else recipient.reply.text)[:2000]}"


def _speaker(recipient: FailedRecipient, translate: Translate) -> str:
    if recipient.remote_mta:
        return translate(REMOTE_LINE).format(host=display(recipient.remote_mta))
    return translate(OWN_LINE)
