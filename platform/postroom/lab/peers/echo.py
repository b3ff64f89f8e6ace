"""The peer that answers: whatever reaches echo@ comes back to its sender, found through MX as on the Internet."""

from __future__ import annotations

import asyncio
import logging

from typing_extensions import override

from postroom.lab.config import Endpoint
from postroom.lab.network import LookupFailed, Network
from postroom.lab.peers.answer import Answer, compose_answer
from postroom.lab.peers.peer import Peer, ReceivedMessage, user_of
from postroom.lab.peers.sending import NotSent, send
from postroom.lab.sites import PeerSite

log = logging.getLogger(__name__)

# A platform that restarts, or that greylists us, gets the answer a little later.
SECONDS_BETWEEN_TRIES = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
MAX_ANSWERS_UNDER_WAY = 200


class EchoPeer(Peer):
    def __init__(self, site: PeerSite, endpoint: Endpoint, network: Network) -> None:
        super().__init__(site, endpoint, network)
        self._answers: set[asyncio.Task[None]] = set()

    @override
    async def stop(self) -> None:
        for answer in self._answers:
            answer.cancel()
        await asyncio.gather(*self._answers, return_exceptions=True)
        await super().stop()

    @override
    def act_on(self, message: ReceivedMessage) -> None:
        domains = [address.rpartition("@")[2].lower() for address in message.recipients if user_of(address) == "echo"]
        if not domains or len(self._answers) >= MAX_ANSWERS_UNDER_WAY:
            return
        answer = compose_answer(message.content, sender=message.sender, echo=f"echo@{domains[0]}")
        if answer is None or answer.recipient.rpartition("@")[2].lower() in self.site.domains:
            return  # RFC 3834 section 2: nothing that could go in circles
        task = asyncio.create_task(self._deliver(answer))
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    async def _deliver(self, answer: Answer) -> None:
        for pause in (*SECONDS_BETWEEN_TRIES, None):
            try:
                await self._try(answer)
                return
            except (NotSent, LookupFailed) as failure:
                if pause is None or (isinstance(failure, NotSent) and failure.is_permanent):
                    log.warning("%s gives up answering %s: %s", answer.sender, answer.recipient, failure)
                    return
                log.info("%s answers %s later: %s", answer.sender, answer.recipient, failure)
            await asyncio.sleep(pause)

    async def _try(self, answer: Answer) -> None:
        endpoints = await self.network.endpoints(answer.recipient.rpartition("@")[2])
        await send(
            endpoints,
            helo=self.site.host,
            source=self.endpoint[0],
            sender=answer.sender,
            recipient=answer.recipient,
            content=answer.content,
        )
