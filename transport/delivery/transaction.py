"""Keeps the accounts of one mail transaction: who is still open, who is settled, and by which words."""

from __future__ import annotations

from collections.abc import Iterable

from transport.delivery.classify import classify
from transport.delivery.commands import (
    DATA,
    Extensions,
    bdat_command,
    is_sendable_path,
    mail_command,
    needs_smtputf8,
    rcpt_command,
    without_u_label,
)
from transport.delivery.options import Endpoint
from transport.delivery.outcome import (
    Outcome,
    OutgoingMessage,
    OutgoingRecipient,
    Phase,
    RecipientOutcome,
    TlsFacts,
    status_of,
)
from transport.message.lines import data_block, whole_lines
from transport.message.reply import Reply

END_OF_DATA = b".\r\n"
NUL_IN_CONTENT = Reply(554, "5.6.0", "The message contains NUL characters, which may not be sent")
NO_8BIT = Reply(554, "5.6.3", "The message has 8-bit content and the next hop takes only 7-bit content")
NO_REQUIRETLS = Reply(550, "5.7.30", "REQUIRETLS support required, which the next hop does not have")
NO_SMTPUTF8 = Reply(553, "5.6.7", "The message needs SMTPUTF8, which the next hop does not offer")
BAD_SENDER = Reply(553, "5.1.7", "The sender address cannot be written as an SMTP path")
BAD_RECIPIENT = Reply(553, "5.1.3", "The recipient address cannot be written as an SMTP path")
NO_FINAL_REPLY = Reply(421, "4.4.2", "Connection dropped after the message was sent and before the peer answered")


class Transaction:
    """One message to one peer. Every recipient is settled exactly once."""

    def __init__(self, message: OutgoingMessage, endpoint: Endpoint, tls: TlsFacts | None) -> None:
        self.message = message
        self.open = list(message.recipients)
        self.accepted: list[OutgoingRecipient] = []
        self.phase = Phase.MAIL
        self.is_sent = False
        self.chunked = False
        self.bdat_line = b""
        self.octets = 0
        self.block = b""
        self.mail_line = b""
        self.rcpt_lines: list[bytes] = []
        self._host = endpoint.host
        self._endpoint = str(endpoint)
        self._tls = tls
        self._passes_dsn_on = False
        self._taken: dict[int, Reply] = {}
        self._settled: dict[int, RecipientOutcome] = {}

    def prepare(self, extensions: Extensions, *, chunked: bool = False) -> None:
        """Make the bytes once: as they go out, so that the size announced is theirs."""
        self._passes_dsn_on = "DSN" in extensions
        self.chunked = chunked
        if chunked:
            content = whole_lines(self.message.content)
            self.bdat_line = bdat_command(len(content))
            self.block = self.bdat_line + content
            size = len(content)
        else:
            self.block = data_block(self.message.content)
            size = len(self.block) - len(END_OF_DATA)
        self.mail_line = mail_command(self.message, size, extensions)
        self.rcpt_lines = [rcpt_command(recipient, extensions) for recipient in self.open]

    def group(self) -> bytes:
        """Return the whole envelope as one pipelined group; chunks follow once somebody is accepted."""
        return b"".join((self.mail_line, *self.rcpt_lines, b"" if self.chunked else DATA))

    def outcomes(self) -> list[RecipientOutcome]:
        """Return the outcomes in the order of the message's recipients."""
        return [self._settled[id(recipient)] for recipient in self.message.recipients]

    def settle(
        self,
        recipients: Iterable[OutgoingRecipient],
        reply: Reply,
        phase: Phase,
        reason_code: str | None = None,
        status: Outcome | None = None,
    ) -> None:
        status = status or status_of(reply, phase)
        reason_code = reason_code or classify(phase, reply)
        for recipient in recipients:
            self._settled[id(recipient)] = RecipientOutcome(
                recipient.key,
                status,
                reply,
                phase,
                reason_code,
                self._host,
                self._endpoint,
                self._tls,
                self.octets,
                self._passes_dsn_on,
            )

    def settle_open(
        self, reply: Reply, phase: Phase, reason_code: str | None = None, status: Outcome | None = None
    ) -> None:
        """Settle everybody who is left with the same words."""
        left = [recipient for recipient in self.message.recipients if id(recipient) not in self._settled]
        self.settle(left, reply, phase, reason_code, status)
        self.open, self.accepted = [], []

    def judge_recipient(self, recipient: OutgoingRecipient, reply: Reply) -> None:
        """Take in the reply to one RCPT; after a refused MAIL it says nothing new."""
        if id(recipient) in self._settled:
            return
        if reply.is_success:
            self.accepted.append(recipient)
            self._taken[id(recipient)] = reply
        else:
            self.settle([recipient], reply, Phase.RCPT)

    def settle_accepted(self) -> None:
        """Settle by their replies to RCPT those who would have got the message."""
        for recipient in self.accepted:
            self.settle([recipient], self._taken[id(recipient)], Phase.RCPT, "peer.accepted")

    def refuse_all(self, reply: Reply, phase: Phase) -> None:
        """Settle everybody who is left by a reply to MAIL or DATA that was not the one hoped for."""
        if reply.code < 400:
            self.settle_open(reply, phase, "peer.protocol", Outcome.TRANSIENT)
        else:
            self.settle_open(reply, phase)

    def refuse_unsendable(self, extensions: Extensions, refuse_8bit: bool, *, keeps_tls: bool = False) -> None:
        """Settle what this peer cannot take, before it is asked."""
        message = self.message
        size, limit = len(message.content), extensions.max_size
        if b"\0" in message.content:
            self.settle_open(NUL_IN_CONTENT, Phase.MAIL, "message.nul")
        elif limit is not None and size > limit:
            too_large = Reply(
                552, "5.3.4", f"Message size of {size} bytes exceeds the next hop's limit of {limit} bytes"
            )
            self.settle_open(too_large, Phase.MAIL, "peer.too_large")
        elif message.require_tls and not keeps_tls:
            self.settle_open(NO_REQUIRETLS, Phase.MAIL, "peer.no_requiretls")
        elif message.sender and not is_sendable_path(message.sender):
            self.settle_open(BAD_SENDER, Phase.MAIL, "message.bad_sender")
        elif "SMTPUTF8" not in extensions and needs_smtputf8(message):
            self.settle_open(NO_SMTPUTF8, Phase.MAIL, "peer.no_smtputf8")
        elif refuse_8bit and message.body_8bit and "8BITMIME" not in extensions:
            self.settle_open(NO_8BIT, Phase.MAIL, "peer.no_8bit")
        else:
            self._refuse_recipients(extensions)

    def _refuse_recipients(self, extensions: Extensions) -> None:
        takes_utf8 = "SMTPUTF8" in extensions
        kept = []
        for recipient in self.open:
            if not is_sendable_path(recipient.address):
                self.settle([recipient], BAD_RECIPIENT, Phase.RCPT, "message.bad_recipient")
            elif not takes_utf8 and not without_u_label(recipient.address).isascii():
                self.settle([recipient], NO_SMTPUTF8, Phase.RCPT, "peer.no_smtputf8")
            else:
                kept.append(recipient)
        self.open = kept
