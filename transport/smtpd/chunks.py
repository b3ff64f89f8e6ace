"""BDAT: content in chunks of a size said beforehand (RFC 3030 2). BINARYMIME is not offered, so lines it is.

Whatever the answer, the octets of a chunk are read as content and never as commands; where we cannot know how many
they are, or will not read so many, the connection ends.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from transport.message.reply import Reply
from transport.smtpd import replies
from transport.smtpd.content import PATIENCE, TooMuchData
from transport.smtpd.mail import take_in_whole
from transport.smtpd.transaction import Transaction

if TYPE_CHECKING:
    from transport.smtpd.session import Session

_ARGUMENT: Final = re.compile(r"([0-9]{1,20})(?:[ \t]+(LAST))?\Z", re.IGNORECASE | re.ASCII)


async def bdat(session: Session, argument: str) -> Reply:
    if not session.connector.chunking:
        session.end(replies.NO_CHUNKING_HERE)
    match = _ARGUMENT.match(argument)
    if match is None:
        session.end(replies.BDAT_SYNTAX)
    size, is_last = int(match[1]), match[2] is not None
    session.count_chunk(size)
    limit = session.connector.max_message_size
    if size > limit + PATIENCE:
        session.end(replies.MESSAGE_TOO_LARGE)
    transaction = session.transaction
    refusal = _refusal(transaction)
    if refusal is not None or transaction is None:
        await _received(session, size)
        return refusal or replies.MAIL_FIRST
    transaction.has_chunks = True
    try:
        await _received(session, size, transaction)
    except TooMuchData:
        session.end(replies.MESSAGE_TOO_LARGE)
    if not is_last:
        return replies.chunk_received(size)
    return await take_in_whole(session, transaction, session.inbox.take_chunks)


def _refusal(transaction: Transaction | None) -> Reply | None:
    if transaction is None:
        return replies.MAIL_FIRST
    return None if transaction.recipients else replies.RCPT_FIRST


async def _received(session: Session, size: int, transaction: Transaction | None = None) -> None:
    """Read the chunk: into the transaction, or to nowhere."""
    await session.flush()
    session.content_begins()
    try:
        if transaction is None:
            await session.inbox.skip(size)
        else:
            await session.inbox.take_chunk(size, transaction.size_limit)
    finally:
        session.content_ends()
