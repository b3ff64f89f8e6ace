"""An established SMTP session to one peer: many messages, one after the other.

RFC 5321 with PIPELINING (RFC 2920) and CHUNKING (RFC 3030): where the peer takes chunks, content goes as one, with no
dots stuffed and no end to look for.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from contextlib import suppress
from types import TracebackType
from typing import Self

from transport.delivery.chunking import CHUNKING, UNKNOWN_COMMAND, avoid_chunks, may_chunk
from transport.delivery.classify import classify
from transport.delivery.commands import DATA, QUIT, RSET, Extensions
from transport.delivery.options import Endpoint, HopOptions, TlsVerify
from transport.delivery.outcome import Outcome, OutgoingMessage, Phase, RecipientOutcome, TlsFacts
from transport.delivery.transaction import END_OF_DATA, NO_FINAL_REPLY, Transaction
from transport.delivery.transcript import Stage, TranscriptLine
from transport.delivery.wire import CHUNK, Wire, WireTrouble
from transport.message.reply import Reply

NOT_USABLE = Reply(421, "4.4.2", "The connection to the next hop was lost before this message")


class SmtpConnection:
    """Made by `open_connection`. Whatever happens to a message, `send` returns an outcome for each recipient."""

    def __init__(
        self, wire: Wire, endpoint: Endpoint, options: HopOptions, extensions: Extensions, tls: TlsFacts | None
    ) -> None:
        self.endpoint = endpoint
        self.tls = tls
        self.extensions = extensions
        self._wire = wire
        self._options = options
        self._timeouts = options.timeouts
        self._pipelining = "PIPELINING" in extensions
        self._needs_reset = False
        self._is_usable = True
        self._envelope_deadline = 0.0

    @property
    def keeps_tls(self) -> bool:
        """Whether a message that requires TLS may go here (RFC 8689 4.2.1): a proven name, and the same promise."""
        is_proven = self.tls is not None and self._options.tls.verify is TlsVerify.DOMAIN
        return is_proven and "REQUIRETLS" in self.extensions

    @property
    def is_usable(self) -> bool:
        """False after a 421, a lost connection or a broken dialogue; then only `quit` or `abort` make sense."""
        return self._is_usable and self._wire.is_open and not self._wire.replies

    @property
    def transcript(self) -> tuple[TranscriptLine, ...]:
        return self._wire.transcript.lines()

    @property
    def stages(self) -> tuple[Stage, ...]:
        return self._wire.transcript.stages()

    async def send(self, message: OutgoingMessage) -> list[RecipientOutcome]:
        """Send one message and return one outcome per recipient, in order. Raises nothing but CancelledError."""
        transaction = self._begin(message)
        await self._run(transaction, None)
        return transaction.outcomes()

    async def send_all(
        self, messages: Iterable[OutgoingMessage]
    ) -> AsyncGenerator[tuple[OutgoingMessage, list[RecipientOutcome]], None]:
        """Send one after the other; the next envelope travels with the content before it, which saves a round trip.

        To stop, let `messages` end: it is asked for one message ahead. Leaving the loop early closes the connection.
        """
        transactions = (self._begin(message) for message in messages)
        current = next(transactions, None)
        try:
            while current is not None:
                following = next(transactions, None)
                await self._run(current, following)
                yield current.message, current.outcomes()
                current = following
        finally:
            if current is not None and current.is_sent:
                self.abort()

    async def rehearse(self, message: OutgoingMessage, *, deliver: bool) -> list[RecipientOutcome]:
        """Go through a transaction a command at a time, for somebody who watches.

        Unless `deliver` says so the peer gets no content: who was taken at RCPT is settled by that reply, and the
        transaction is taken back. Raises nothing but CancelledError.
        """
        self._pipelining = False
        transaction = self._begin(message)
        if deliver or not transaction.open:
            await self._run(transaction, None)
            return transaction.outcomes()
        try:
            self._require_silence()
            await self._announce(transaction)
            transaction.settle_accepted()
            self._needs_reset = False
            await self._reply_to(RSET, Phase.QUIT)
        except WireTrouble as trouble:
            self._is_usable = False
            transaction.settle_open(trouble.reply, transaction.phase, trouble.reason_code, Outcome.TRANSIENT)
        return transaction.outcomes()

    async def quit(self) -> None:
        """Say goodbye if the peer still listens, and close; takes at most the quit time limit twice."""
        if self.is_usable:
            self._wire.transcript.enter(Phase.QUIT)
            with suppress(WireTrouble):
                await self._wire.ask(QUIT, self._timeouts.quit)
        self._is_usable = False
        await self._wire.close(self._timeouts.quit)

    def abort(self) -> None:
        """Close at once, without a goodbye."""
        self._is_usable = False
        self._wire.abort()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.quit()

    def _begin(self, message: OutgoingMessage) -> Transaction:
        transaction = Transaction(message, self.endpoint, self.tls)
        transaction.refuse_unsendable(self.extensions, self._options.refuse_8bit_to_7bit, keeps_tls=self.keeps_tls)
        if transaction.open:
            may_have_chunks = self._options.chunking and not self._options.lmtp and may_chunk(str(self.endpoint))
            transaction.prepare(self.extensions, chunked=may_have_chunks and "CHUNKING" in self.extensions)
        return transaction

    async def _run(self, transaction: Transaction, following: Transaction | None) -> None:
        if not transaction.open:
            return
        finished = False
        try:
            await self._transact(transaction, following)
            finished = True
        finally:
            transaction.is_sent = False
            # A cancelled transaction leaves the peer in the middle of something.
            if not finished:
                self.abort()

    async def _transact(self, transaction: Transaction, following: Transaction | None) -> None:
        try:
            if not (transaction.is_sent and self._is_usable):
                self._require_silence()
            if await self._envelope(transaction):
                await self._content(transaction, following)
        except WireTrouble as trouble:
            self._is_usable = False
            reply = trouble.reply
            if transaction.chunked and transaction.phase in (Phase.DATA, Phase.FINAL):
                avoid_chunks(str(self.endpoint))
            if transaction.phase is Phase.FINAL and trouble.reason_code == "peer.dropped":
                reply = NO_FINAL_REPLY
            transaction.settle_open(reply, transaction.phase, trouble.reason_code, Outcome.TRANSIENT)

    def _require_silence(self) -> None:
        """A 421 between two messages says why the peer leaves; any other unasked reply puts us out of step."""
        if self.is_usable:
            return
        unasked = self._wire.replies.popleft() if self._wire.replies else None
        if unasked is None:
            raise WireTrouble(NOT_USABLE, "peer.dropped")
        raise WireTrouble(unasked, classify(Phase.MAIL, unasked) if unasked.code == 421 else "peer.protocol")

    async def _envelope(self, transaction: Transaction) -> bool:
        """Go through MAIL, RCPT and DATA; returns whether the peer waits for the content of somebody's message."""
        if not await self._announce(transaction):
            return False
        transaction.phase = Phase.DATA
        if transaction.chunked:
            return True
        return await self._is_go_ahead(transaction, await self._reply_to(DATA, Phase.DATA))

    async def _announce(self, transaction: Transaction) -> bool:
        """Go through MAIL and RCPT; returns whether content comes next: DATA has gone out in a group already."""
        recipients = list(transaction.open)
        self._envelope_deadline = self._wire.now() + self._envelope_limit(len(recipients))
        if self._pipelining:
            await self._send_group(transaction)
        if self._needs_reset:
            await self._reply_to(RSET, Phase.MAIL)
        mail = await self._reply_to(transaction.mail_line, Phase.MAIL)
        self._needs_reset = True
        if not mail.is_success:
            transaction.refuse_all(mail, Phase.MAIL)
            if not self._pipelining:
                return False
        for recipient, line in zip(recipients, transaction.rcpt_lines, strict=True):
            transaction.phase = Phase.RCPT
            transaction.judge_recipient(recipient, await self._reply_to(line, Phase.RCPT))
        return bool(transaction.accepted) or (self._pipelining and not transaction.chunked)

    def _envelope_limit(self, recipients: int) -> float:
        return self._timeouts.envelope + self._timeouts.recipient * recipients

    async def _send_group(self, transaction: Transaction) -> None:
        """Write a whole group at once and collect its replies (RFC 2920 3.1: DATA comes last in a group)."""
        count = len(transaction.rcpt_lines) + 1 + (not transaction.chunked) + self._needs_reset
        if not transaction.is_sent:
            self._wire.write(RSET + transaction.group() if self._needs_reset else transaction.group())
        # What came before a loss still counts: a refused recipient stays refused. The loss shows up at the first gap.
        with suppress(WireTrouble):
            await self._wire.wait_for(count, self._envelope_deadline - self._wire.now())

    async def _reply_to(self, command: bytes, phase: Phase) -> Reply:
        """Return the reply to a command, which a group has sent already. RFC 5321 3.8: a 421 ends everything."""
        wire = self._wire
        if not self._pipelining:
            wire.transcript.enter(phase)
            wire.write(command)
        if not wire.replies:
            await wire.wait_for(1, self._envelope_deadline - wire.now())
        reply = wire.replies.popleft()
        if reply.code == 421:
            raise WireTrouble(reply, classify(phase, reply))
        return reply

    async def _is_go_ahead(self, transaction: Transaction, data: Reply) -> bool:
        if data.code != 354:
            if data.code < 400:
                raise WireTrouble(data, "peer.protocol")
            transaction.refuse_all(data, Phase.DATA)
            return False
        if transaction.accepted:
            return True
        if self._options.lmtp:
            # RFC 2033 4.2 wants a 503 here; replies would follow the content for nobody, so never.
            self.abort()
            return False
        # RFC 2920 3.1: nobody was accepted and the peer wants content all the same: give it none.
        self._wire.write(END_OF_DATA)
        await self._wire.wait_for(1, self._timeouts.final)
        nobody = self._wire.replies.popleft()
        self._needs_reset = False
        self._is_usable = nobody.code != 421
        return False

    async def _content(self, transaction: Transaction, following: Transaction | None) -> None:
        wire = self._wire
        ahead = following if following is not None and self._may_send_ahead(transaction, following) else None
        # What answers content that the peer has not seen yet is no verdict on it.
        is_early = bool(wire.replies)
        if transaction.chunked:
            wire.transcript.enter(Phase.DATA)
            wire.transcript.sent(transaction.bdat_line)
        finished = await wire.write_content(transaction.block, self._timeouts.block, ahead.group() if ahead else b"")
        if ahead:
            ahead.is_sent = True
        if finished:
            transaction.phase = Phase.FINAL
            transaction.octets = len(transaction.block) - len(transaction.bdat_line)
        await wire.wait_for(1, self._timeouts.final)
        reply = wire.replies.popleft()
        self._needs_reset = False
        # A verdict before the end of the content leaves the peer reading the rest as commands.
        if not finished or reply.code == 421:
            self._is_usable = False
        if reply.code < 400 and (is_early or not (finished and reply.is_success)):
            raise WireTrouble(reply, "peer.protocol")
        if transaction.chunked and reply.code in UNKNOWN_COMMAND:
            # It takes the content for commands now; and the message has had no hearing.
            raise WireTrouble(reply, CHUNKING)
        if self._options.lmtp and finished:
            return await self._replies_by_recipient(transaction, reply)
        transaction.settle_open(reply, Phase.FINAL, status=Outcome.TRANSIENT if reply.code == 421 else None)

    async def _replies_by_recipient(self, transaction: Transaction, reply: Reply) -> None:
        """RFC 2033 4.2: each recipient that was taken gets a reply of its own, in the order of the RCPTs."""
        accepted = list(transaction.accepted)
        for at, recipient in enumerate(accepted):
            if at:
                await self._wire.wait_for(1, self._timeouts.final)
                reply = self._wire.replies.popleft()
            if reply.code < 400 and not reply.is_success:
                raise WireTrouble(reply, "peer.protocol")
            is_leaving = reply.code == 421
            transaction.settle([recipient], reply, Phase.FINAL, status=Outcome.TRANSIENT if is_leaving else None)
            self._is_usable = self._is_usable and not is_leaving
        transaction.open, transaction.accepted = [], []

    def _may_send_ahead(self, transaction: Transaction, following: Transaction) -> bool:
        """RFC 2920 3.1 lets content be followed by the next envelope; large content waits for its verdict alone."""
        return self._pipelining and bool(following.open) and len(transaction.block) <= CHUNK
