"""The strict peer: as a careful Postfix, it wants a sender who can be answered and a client that is who it says."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from typing_extensions import override

from postroom.lab.network import LookupFailed
from postroom.lab.peers import replies
from postroom.lab.peers.peer import Attempt, Peer


class StrictPeer(Peer):
    @property
    @override
    def checks(self) -> Sequence[Callable[[Attempt], Awaitable[str | None]]]:
        # Postfix's order, all at RCPT (smtpd_delay_reject): client and HELO, sender, recipient.
        return (self.check_client, self.check_sender, *super().checks)

    async def check_client(self, attempt: Attempt) -> str | None:
        """Want a PTR for the client, equal to its HELO name, which leads back to the client."""
        try:
            addresses = await self.network.addresses(attempt.helo)
            pointers = await self.network.pointers(attempt.client)
        except LookupFailed as failure:
            return replies.LOOKUP_FAILED.format(name=failure)
        if not addresses:
            return replies.HELO_NOT_FOUND.format(helo=attempt.helo)
        if not pointers:
            return replies.CLIENT_WITHOUT_PTR.format(client=attempt.client)
        if attempt.helo.lower().rstrip(".") in pointers and attempt.client in addresses:
            return None
        return replies.HELO_NOT_PTR.format(helo=attempt.helo, pointer=pointers[0], client=attempt.client)

    async def check_sender(self, attempt: Attempt) -> str | None:
        if not attempt.sender:
            return None
        try:
            known = await self.network.exists(attempt.sender.rpartition("@")[2])
        except LookupFailed as failure:
            return replies.LOOKUP_FAILED.format(name=failure)
        return None if known else replies.SENDER_DOMAIN_NOT_FOUND.format(sender=attempt.sender)
