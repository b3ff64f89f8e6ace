"""What a mail transaction holds between MAIL and the end of DATA (RFC 5321 3.3)."""

from __future__ import annotations

from dataclasses import dataclass, field

from transport.queue.intake import RecipientOptions
from transport.routing.envelope import Client, Origin
from transport.routing.result import MAILBOX_HOP, Routing
from transport.smtpd.connectors import Connector
from transport.smtpd.parameters import MailCommand, RcptCommand


@dataclass(slots=True)
class Transaction:
    client: Client
    sender: str
    command: MailCommand
    size_limit: int
    recipient_limit: int
    relay: Connector | None = None  # the tenant's permission that counts
    recipients: list[str] = field(default_factory=list)
    options: dict[str, RecipientOptions] = field(default_factory=dict)

    has_chunks: bool = False  # BDAT has begun

    # The decision at RCPT and the state of the configuration that it rests on, while there is one recipient.
    routing: Routing | None = None
    generation: int = -1

    def add(self, recipient: str, command: RcptCommand) -> None:
        self.recipients.append(recipient)
        if command.notify or command.orcpt:
            self.options[recipient] = RecipientOptions(command.notify, command.orcpt)

    def settled(self, generation: int) -> Routing | None:
        """Return the decision at RCPT where asking again could bring nothing else.

        That is one recipient with a mailbox, whom neither the message's size nor its header can lead elsewhere, and
        a configuration that has not changed since.
        """
        if self.routing is None or len(self.recipients) != 1 or self.generation != generation:
            return None
        is_mailbox = self.routing.messages[0].recipients[0].next_hop is MAILBOX_HOP
        return self.routing if is_mailbox and self.client.origin is not Origin.SUBMISSION else None
