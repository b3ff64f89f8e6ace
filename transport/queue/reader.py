"""Who reads a notice: in which language, and whether the message's timeline is open to them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext
from psycopg import AsyncConnection

from tenants.permissions import Permission, may
from transport.dsn import japanese
from transport.dsn.text import Translate
from transport.message.header import iter_fields, read_header_block
from transport.queue.claim import ClaimedMessage
from transport.routing.reasons import REASONS
from transport.routing.result import Routing

HEADER_OCTETS: Final = 65_536
TIMELINE_PATH: Final = "/tracking/{}/"  # of the console, which this package does not know; a test compares them
_EXPLAINED: Final = {REASONS[code].explanation: text for code, text in japanese.EXPLANATIONS.items()}
_SENTENCES: Final = {"ja": japanese.SENTENCES | _EXPLAINED}
_TAG = re.compile(r"\s*([A-Za-z]{2,3})(?:-[A-Za-z0-9-]{1,30})?\s*(?:;[^,]*)?")

_READER: Final = """
SELECT t.language, coalesce(u.language, ''), coalesce(s.role, '')
FROM tenants_tenant t
LEFT JOIN tenants_mailbox b ON b.id = %s AND b.tenant_id = t.id
LEFT JOIN tenants_user u ON u.id = b.user_id
LEFT JOIN tenants_membership s ON s.tenant_id = t.id AND s.user_id = u.id
WHERE t.id = %s
"""


@dataclass(frozen=True, slots=True)
class Reader:
    language: str
    timeline_url: str | None = None


async def read_reader(
    connection: AsyncConnection[Any], message: ClaimedMessage, routing: Routing, asked_for: str
) -> Reader:
    """Return who a notice about this message reaches by this route.

    A person with a mailbox here reads the language that they chose, a stranger the one that their message asks for.
    Without either it is the organisation's. Another tenant's people get no link: its console would not know the id.
    """
    part = next((part for part in routing.messages if part.recipients and part.recipients[0].mailbox_id), None)
    mailbox_id = part.recipients[0].mailbox_id if part else None
    cursor = await connection.execute(_READER, [mailbox_id, part.tenant_id if part else message.tenant_id])
    row = await cursor.fetchone()
    organisations, chosen, role = row or (settings.LANGUAGE_CODE, "", "")
    if not mailbox_id:
        return Reader(asked_for or organisations)
    # What nobody chose is English, too; so there an organisation's other language is the better guess.
    language = chosen if chosen not in ("", settings.LANGUAGE_CODE) else organisations
    is_own = mailbox_id == message.mailbox_id and may(role, Permission.READ_OWN_MAIL)
    may_see = part is not None and part.tenant_id == message.tenant_id and (is_own or may(role, Permission.VIEW))
    url = f"{settings.POSTROOM_PUBLIC_URL}{TIMELINE_PATH.format(message.id)}"
    return Reader(language, url if may_see else None)


def language_asked_for(content: bytes) -> str:
    """Return the first of our languages that a message's own header names, as Exchange looks at it; '' if none."""
    ours = {code for code, _ in settings.LANGUAGES}
    header = read_header_block(content[:HEADER_OCTETS])
    fields = [field for field in iter_fields(header) if field.name.lower() in (b"accept-language", b"content-language")]
    # Sorted, so that what the reader accepts counts before what the message is written in.
    for field in sorted(fields, key=lambda field: field.name.lower()):
        for tag in field.value[:200].decode("ascii", "replace").split(","):
            match = _TAG.fullmatch(tag)
            if match and match[1].lower() in ours:
                return match[1].lower()
    return ""


@contextmanager
def translator(language: str) -> Iterator[Translate]:
    """Yield what turns the sentences of notices and reasons into a language; ours for notices come first."""
    sentences = _SENTENCES.get(language, {})
    with translation.override(language):
        yield lambda text: sentences.get(text) or gettext(text)
