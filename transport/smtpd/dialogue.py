"""The protocol log of a session (reference §4): who said what when, without log-ins and without message content.

Lines are kept in memory while the session lasts, bounded, and handed to the ledger in pieces. Besides the operators'
copy each tenant whose mail came in gets its own transactions, without the recipients of others (design §12.4).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from tenants.identifiers import uuid7
from transport.message.reply import Reply
from transport.smtpd.connectors import Connector
from transport.smtpd.ledger import Ledger, Piece

MAX_LINES: Final = 5_000  # of one session, all pieces together
MAX_CHARACTERS: Final = 32 * 1024  # of one piece, which is what a session holds in memory
MAX_LENGTH: Final = 400
HIDDEN: Final = "****"
# Whose lines they are: everybody's who has a part of the transaction, or nobody's but the operators'.
_NOBODY: Final = UUID(int=0)
_MECHANISMS: Final = frozenset({"PLAIN", "LOGIN", "SCRAM-SHA-256", "XOAUTH2", "OAUTHBEARER"})
# What follows other verbs is no argument of theirs; lines of content that got out of step may begin like them.
_TAKES: Final = {"MAIL": "FROM:", "RCPT": "TO:", "EHLO": "", "HELO": "", "BDAT": ""}
_KNOWN: Final = frozenset(
    {*_TAKES, "XCLIENT", "AUTH", "DATA", "RSET", "NOOP", "QUIT", "STARTTLS", "VRFY", "EXPN", "HELP"}
)
_ATTRIBUTES: Final = frozenset({"NAME", "ADDR", "PORT", "PROTO", "HELO", "LOGIN", "DESTADDR", "DESTPORT"})


@dataclass(slots=True)
class _Line:
    at: int  # milliseconds since the connection began
    who: str
    text: str
    owner: UUID | None = None


class Dialogue:
    def __init__(self, ledger: Ledger, connector: Connector, client_address: str, listener: str, now: float) -> None:
        self._ledger, self._connector = ledger, connector
        self._address, self._listener = client_address, listener
        self._started, self._began = datetime.now(UTC), now
        self._id = uuid7()
        self._lines: list[_Line] = []
        self._count = self._characters = self._left_out = self._transaction = 0
        self._owner: UUID | None = None
        self._command: _Line | None = None  # the latest, unless it was left out
        self._carried: Mapping[UUID, UUID] = {}
        self._client_tenant: UUID | None = None

    def heard(self, line: bytes, now: float, *, in_transaction: bool) -> None:
        """Note a command of the client's."""
        text = _shown(line)
        if text.startswith("MAIL") and not in_transaction:
            self._transaction = len(self._lines)
        # A recipient is nobody's business until it is somebody's.
        self._owner = _NOBODY if text.startswith("RCPT") else None
        self._command = self._add("C", text, now)

    def belongs_to(self, tenant_id: UUID) -> None:
        """Say whose recipient the command named."""
        self._owner = tenant_id
        if self._command is not None:
            self._command.owner = tenant_id

    def said(self, reply: Reply, now: float) -> None:
        """Note a reply of ours; with the one to the end of content a transaction is complete."""
        lines = reply.wire().split("\r\n")
        self._add("S", lines[0] if len(lines) == 1 else "\n".join(lines), now)
        if self._carried and reply.code != 354:
            self._hand_over()

    def remark(self, text: str, now: float) -> None:
        """Note what is not shown, or what happened."""
        self._add("-", text, now)

    def hidden(self, who: str, now: float) -> None:
        """Note that something secret was said."""
        self._add(who, f"334 {HIDDEN}" if who == "S" else HIDDEN, now)

    def carried(self, messages: Mapping[UUID, UUID], client_tenant: UUID | None) -> None:
        """Say which message of which tenant came of the transaction, and whose client it was."""
        self._carried, self._client_tenant = messages, client_tenant

    def close(self, now: float) -> None:
        self._lines.append(_Line(round((now - self._began) * 1000), "-", "connection ended"))
        self._put(None, None, self._lines)
        self._lines = []

    def _add(self, who: str, text: str, now: float) -> _Line | None:
        text = text[: MAX_LENGTH * (1 + text.count("\n"))]
        if self._count >= MAX_LINES or self._characters + len(text) > MAX_CHARACTERS:
            self._left_out += 1
            return None
        self._count += 1
        self._characters += len(text)
        line = _Line(round((now - self._began) * 1000), who, text, self._owner)
        self._lines.append(line)
        return line

    def _hand_over(self) -> None:
        own, first = self._client_tenant, next(iter(self._carried.values()))
        for tenant_id, message_id in self._carried.items():
            if own not in (None, tenant_id):
                continue  # another tenant's client, which is nobody's business to know more about
            seen = {None, tenant_id}
            lines = [one for one in self._lines[self._transaction :] if own == tenant_id or one.owner in seen]
            self._put(tenant_id, message_id, lines, instead=(str(first), str(message_id)))
        self._put(None, first, self._lines)
        if self._lines:
            self._left_out = 0  # told with them; where there was no line to tell it with, it waits for the next
        self._lines, self._carried = [], {}
        self._characters = self._transaction = 0

    def _put(
        self, tenant_id: UUID | None, message_id: UUID | None, lines: list[_Line], instead: tuple[str, str] = ("", "")
    ) -> None:
        if not lines:
            return
        told = [[one.at, one.who, one.text.replace(*instead) if instead[0] else one.text] for one in lines]
        connector, left_out = self._connector, self._left_out
        self._ledger.add(
            Piece(
                *(uuid7(), tenant_id, self._id, self._started, connector.id, connector.name),
                *(self._address, self._listener, message_id, told, left_out),
            )
        )


def _shown(line: bytes) -> str:
    """Return a command as the log may show it."""
    text = line.rstrip(b"\r\n").decode("utf-8", "replace")
    verb, _, argument = text.partition(" ")
    verb, argument = verb.upper(), argument.strip()
    if verb not in _KNOWN or not text.isprintable():
        return f"(no command, {len(line)} octets)"
    if verb == "AUTH":
        mechanism = argument.partition(" ")[0].upper()
        return f"AUTH {mechanism if mechanism in _MECHANISMS else ''} {HIDDEN}".replace("  ", " ")
    if verb == "XCLIENT" and all(word.partition("=")[0].upper() in _ATTRIBUTES for word in argument.split()):
        return f"{verb} {argument}"
    start = _TAKES.get(verb)
    is_plain = start is not None and argument.upper().startswith(start) and (start or " " not in argument)
    if verb == "BDAT":
        is_plain = argument.replace(" ", "").upper().removesuffix("LAST").isdigit()
    if not argument:
        return verb
    return f"{verb} {argument}" if is_plain else f"{verb} {HIDDEN}"
