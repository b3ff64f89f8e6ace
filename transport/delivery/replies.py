"""Cuts a peer's bytes into SMTP replies (RFC 5321 4.2) within hard limits, whatever the peer sends."""

from __future__ import annotations

import re
from functools import lru_cache

from transport.message.reply import MAX_LINE, MAX_LINES, Reply

MAX_REPLY = 65_536

_REPLY_LINE = re.compile(rb"[2-5][0-9]{2}(?:[ \r-]|$)")


class NotSmtp(Exception):
    """The peer's bytes are no reply, or one without end; there is no getting back into step."""

    def __init__(self, what: str, line: bytes) -> None:
        shown = Reply.parse([line[:200]]).text
        self.reply = Reply(451, "4.5.0", f"The peer's answer {what}: {shown}")
        super().__init__(self.reply.text)


class ReplyReader:
    """Feed it bytes, get replies. Keeps at most one reply's worth of bytes in memory."""

    def __init__(self) -> None:
        self._tail = b""
        self._lines: list[bytes] = []
        self._size = 0
        self.error: NotSmtp | None = None

    def feed(self, data: bytes) -> list[Reply]:
        """Return the replies that `data` completes; `error` is set where what follows them is no SMTP."""
        self._size += len(data)
        lines = (self._tail + data).split(b"\n") if self._tail else data.split(b"\n")
        # Only the beginning of an overlong line is kept; MAX_REPLY ends what would go on for ever.
        self._tail = lines.pop()[:MAX_LINE]
        replies: list[Reply] = []
        try:
            for line in lines:
                if reply := self._take(line):
                    replies.append(reply)
                    self._size = len(self._tail)
            if self._size > MAX_REPLY:
                raise NotSmtp("is too long", self._tail or self._lines[0])
        except NotSmtp as error:
            self.error = error
        return replies

    def clear(self) -> None:
        """Forget what has not been read yet, as RFC 3207 4.2 demands after STARTTLS."""
        self._tail, self._size = b"", 0
        self._lines.clear()

    def _take(self, line: bytes) -> Reply | None:
        line = line[:MAX_LINE]
        if not self._lines and (reply := _single(line)):
            return reply
        begun = self._lines
        begun.append(line)
        if not _REPLY_LINE.match(line):
            # Inside a reply a stray line is only odd; in place of a reply it means that this is not SMTP.
            if len(begun) == 1:
                raise NotSmtp("is no SMTP reply", line)
        elif line[:1] != begun[0][:1]:
            raise NotSmtp("contradicts itself", b" / ".join(text.rstrip() for text in begun[-2:]))
        elif line[3:4] != b"-":
            self._lines = []
            return Reply.parse(begun)
        if len(begun) > MAX_LINES:
            raise NotSmtp("has too many lines", begun[0])
        return None


@lru_cache(maxsize=1024)
def _single(line: bytes) -> Reply | None:
    """Return the reply if one line is all of it: most replies are the same few lines over and over."""
    return Reply.parse([line]) if line[3:4] != b"-" and _REPLY_LINE.match(line) else None
