"""What a mail transaction holds between MAIL and the end of DATA (RFC 5321 3.3)."""

from __future__ import annotations

from dataclasses import dataclass, field

from transport.queue.intake import RecipientOptions
from transport.routing.envelope import Client
from transport.smtpd.parameters import MailCommand


@dataclass(slots=True)
class Transaction:
    client: Client
    sender: str
    command: MailCommand
    size_limit: int
    recipient_limit: int
    recipients: list[str] = field(default_factory=list)
    options: dict[str, RecipientOptions] = field(default_factory=dict)

    def add(self, recipient: str, options: RecipientOptions) -> None:
        self.recipients.append(recipient)
        if options.notify or options.orcpt:
            self.options[recipient] = options
