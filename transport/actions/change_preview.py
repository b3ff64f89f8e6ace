"""What a change of configuration would do to mail: the tenant's latest messages routed before it and after it.

Both decisions are those of the pure routing function, on the snapshots before and after the change. The change itself
is tried inside the caller's transaction and undone, so that what an action refuses is refused here, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from transport.actions.trying import trying
from transport.models import EventId, Source
from transport.queue.configuration import Configuration
from transport.queue.snapshots import decide_now
from transport.routing.envelope import USER_RIGHTS, Client, Envelope, Origin, Right, anonymous_client, notice_client
from transport.routing.reasons import explain
from transport.routing.result import DeliveryType, Routing
from transport.routing.route import route
from transport.routing.snapshot import Need, Snapshot, TenantSnapshot
from transport.routing.wording import Translate, fill, gettext_noop
from transport.routing.wording import gettext_noop as _

MOST: Final = 1_000  # messages, and recipients of them, that are routed
LISTED: Final = 20
GROUPS: Final = 10

# Newest first. The inner bound keeps a log full of retries from being read to its end for a thousand arrivals.
_LATEST: Final = """
SELECT at, message_id, sender, recipients, size, incoming, source FROM (
  SELECT id, at, event_id, message_id, sender, recipients, size, incoming, source
  FROM transport_trackingevent WHERE tenant_id = %s ORDER BY id DESC LIMIT 20000
) newest WHERE event_id = %s ORDER BY id DESC LIMIT %s
"""

_MAILBOX: Final = _("the mailbox of {address}")
_A_MAILBOX: Final = _("a mailbox here")
_DNS: Final = _("send connector “{connector}”, to the mail hosts of {hop}")
_ANY_DNS: Final = _("send connector “{connector}”, to the recipient's own mail hosts")
_SMART_HOSTS: Final = _("send connector “{connector}”, to {hop}")
_UNREACHABLE: Final = _("waits as unreachable: {why}")
_THE_DOMAIN: Final = _("the recipient's domain")
_REFUSED: Final = _("is refused: {reply}")
_ELSEWHERE: Final = _("another organisation here")
# Sender, recipient, size, incoming, a notice: what a route depends on.
Question = tuple[str, str, int, bool, bool]


@dataclass(frozen=True, slots=True)
class Letter:
    """One recipient of a message that came in lately."""

    at: datetime
    message_id: UUID
    sender: str
    recipient: str
    size: int
    incoming: bool
    is_notice: bool

    @property
    def question(self) -> Question:
        """Return what is routed: letters that ask the same are routed once."""
        return self.sender, self.recipient, self.size, self.incoming, self.is_notice


@dataclass(frozen=True, slots=True)
class Fate:
    """Where one recipient's mail goes, or why it goes nowhere."""

    kind: str  # mailbox, connector, unreachable, refused, elsewhere
    template: str
    hop: str = ""
    connector: str = ""
    address: str = ""
    reason_code: str = ""
    reply: str = ""
    facts: tuple[tuple[str, str], ...] = ()  # what the reason's words are filled with
    key: tuple[object, ...] = ()  # what makes it another way

    def text(self, translate: Translate = gettext_noop) -> str:
        """Return it for a person."""
        about = {"domain": translate(_THE_DOMAIN), **dict(self.facts)}
        why = explain(self.reason_code, translate=translate, **about).title if self.kind == "unreachable" else ""
        facts = {"hop": self.hop, "connector": self.connector, "address": self.address, "reply": self.reply}
        return fill(translate(self.template), {**facts, "why": why})

    def to_json(self, translate: Translate = gettext_noop) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "next_hop": self.hop,
            "connector": self.connector,
            "reason": self.reason_code,
            "text": self.text(translate),
        }


@dataclass(frozen=True, slots=True)
class Turn:
    """A recipient whose mail would go another way."""

    letter: Letter
    before: Fate
    after: Fate


@dataclass(frozen=True, slots=True)
class ChangePreview:
    """What a change would do to the latest messages. `groups` counts messages by the two ways, in words."""

    messages: int  # looked at
    recipients: int
    since: datetime | None  # the oldest of them
    changed: int  # messages of which some recipient's mail would go another way
    turns: tuple[Turn, ...]  # the first of them, newest first
    groups: tuple[tuple[Fate, Fate, int], ...]

    def to_json(self, translate: Translate = gettext_noop) -> dict[str, Any]:
        """Return it for programs."""
        return {
            "messages": self.messages,
            "recipients": self.recipients,
            "since": self.since.isoformat() if self.since else None,
            "changed": self.changed,
            "ways": [
                {"before": before.to_json(translate), "after": after.to_json(translate), "messages": number}
                for before, after, number in self.groups
            ],
            "examples": [
                {
                    "at": turn.letter.at.isoformat(),
                    "message_id": str(turn.letter.message_id),
                    "sender": turn.letter.sender,
                    "recipient": turn.letter.recipient,
                    "before": turn.before.to_json(translate),
                    "after": turn.after.to_json(translate),
                }
                for turn in self.turns
            ],
        }


def preview_change(tenant_id: UUID, change: Callable[[], object]) -> ChangePreview:
    """Try a change inside the caller's scope, compare the ways of the latest mail, and undo it.

    A Problem that the change raises goes on to the caller.
    """
    before = latest_ways(tenant_id)
    with transaction.atomic():
        with trying():
            change()
        found = before.compare()
        transaction.set_rollback(True)
    return found


class LatestWays:
    """The ways of a tenant's latest messages by the configuration as it is; compare once it was changed."""

    def __init__(self, tenant_id: UUID, letters: Sequence[Letter]) -> None:
        self._tenant_id = tenant_id
        self._letters = letters
        self._settled: set[Question] = set()
        self._known = Configuration()
        self._ways = self._decided(self._known)

    def compare(self) -> ChangePreview:
        """Route the same again by the configuration as it is now, still in the same transaction."""
        fresh = Configuration()
        # Of other tenants and of addresses nothing changes with this tenant's connectors and domains.
        fresh.tenants.update({key: one for key, one in self._known.tenants.items() if key != self._tenant_id})
        fresh.addresses.update(self._known.addresses)
        now = self._decided(fresh)
        turns = [
            Turn(letter, old, new)
            for letter in self._letters
            if (old := self._ways[letter.question]).key != (new := now[letter.question]).key
        ]
        return ChangePreview(
            messages=len({letter.message_id for letter in self._letters}),
            recipients=len(self._letters),
            since=self._letters[-1].at if self._letters else None,
            changed=len({turn.letter.message_id for turn in turns}),
            turns=tuple(turns[:LISTED]),
            groups=_grouped(turns),
        )

    def _decided(self, known: Configuration) -> dict[Question, Fate]:
        questions = {letter.question: letter for letter in self._letters}
        first = {key: self._envelope(letter) for key, letter in questions.items()}
        routings = _route_all(list(first.values()), known)
        by_question = dict(zip(first, routings, strict=True))
        if known is self._known:
            # It was taken, whatever the rules say of its sender now: then only its recipients are asked for.
            self._settled = {key for key, routing in by_question.items() if routing.sender_refusal is not None}
            again = [self._envelope(questions[key]) for key in self._settled]
            by_question |= dict(zip(self._settled, _route_all(again, known), strict=True))
        own = known.tenants.get(self._tenant_id)
        return {key: _fate(routing, self._tenant_id, own) for key, routing in by_question.items()}

    def _envelope(self, letter: Letter) -> Envelope:
        settled = letter.question in self._settled
        if letter.incoming:
            client = anonymous_client()
        elif letter.is_notice:
            client = notice_client(self._tenant_id)
        else:
            rights = frozenset(Right) if settled else USER_RIGHTS
            client = Client(Origin.SUBMISSION, self._tenant_id, None, rights=rights)
        return Envelope(letter.sender, (letter.recipient,), letter.size, client, rerouting=settled)


def latest_ways(tenant_id: UUID) -> LatestWays:
    """Read a tenant's latest messages from the tracking log and route them; inside its scope, before the change."""
    with connection.cursor() as cursor:
        cursor.execute(_LATEST, [tenant_id, EventId.RECEIVE.value, MOST])
        rows = cursor.fetchall()
    letters: list[Letter] = []
    for at, message_id, sender, recipients, size, incoming, source in rows:
        left = MOST - len(letters)
        is_notice = source == Source.DSN
        letters += [Letter(at, message_id, sender, one, size, incoming, is_notice) for one in recipients[:left]]
        if len(letters) >= MOST:
            break
    return LatestWays(tenant_id, letters)


def _route_all(envelopes: Sequence[Envelope], known: Configuration) -> list[Routing]:
    """Route all of them, looking up at once what they need together."""
    found: dict[int, Routing] = {}

    def decide(snapshot: Snapshot) -> bool | Need:
        needs = []
        for at, envelope in enumerate(envelopes):
            if at not in found:
                decision = route(envelope, snapshot)
                if isinstance(decision, Need):
                    needs.append(decision)
                else:
                    found[at] = decision
        return _together(needs) if needs else True

    decide_now(decide, known)
    return [found[at] for at in range(len(envelopes))]


def _together(needs: Sequence[Need]) -> Need:
    return Need(
        domains=frozenset[str]().union(*(need.domains for need in needs)),
        addresses=frozenset[tuple[UUID, str]]().union(*(need.addresses for need in needs)),
        tenants=frozenset[UUID]().union(*(need.tenants for need in needs)),
    )


def _fate(routing: Routing, tenant_id: UUID, own: TenantSnapshot | None) -> Fate:
    """Return the fate of the one recipient of a decision."""
    if routing.refused:
        refusal = routing.refused[0].refusal
        assert refusal is not None, "what is refused has a reason"
        code = refusal.reason_code
        return Fate("refused", _REFUSED, reason_code=code, reply=str(refusal.reply), key=("refused", code))
    message = routing.messages[0]
    if message.tenant_id != tenant_id:
        return Fate("elsewhere", _ELSEWHERE, key=("elsewhere",))
    one = message.recipients[0]
    hop = one.next_hop
    assert hop is not None, "what is not refused has a next hop"
    if hop.delivery_type is DeliveryType.MAILBOX:
        return Fate("mailbox", _MAILBOX, address=one.address, key=("mailbox", one.mailbox_id))
    if hop.delivery_type is DeliveryType.UNREACHABLE:
        code = one.reason_code or ""
        facts = tuple((name, str(one.facts[name])) for name in ("domain", "connector") if name in one.facts)
        return Fate("unreachable", _UNREACHABLE, reason_code=code, facts=facts, key=("unreachable", code))
    name = next((each.name for each in own.connectors if each.id == hop.connector_id), "") if own else ""
    template = _DNS if hop.delivery_type is DeliveryType.DNS_CONNECTOR else _SMART_HOSTS
    return Fate("connector", template, hop.domain, name, key=(hop.domain, hop.connector_id))


def _grouped(turns: Sequence[Turn]) -> tuple[tuple[Fate, Fate, int], ...]:
    """Count messages by how their way changes; what only the domain or the address tells apart is one way."""
    counts: Counter[tuple[Fate, Fate]] = Counter()
    seen: set[tuple[Fate, Fate, UUID]] = set()
    for turn in turns:
        before, after = _in_short(turn.before), _in_short(turn.after)
        if (before, after, turn.letter.message_id) not in seen:
            seen.add((before, after, turn.letter.message_id))
            counts[before, after] += 1
    return tuple((before, after, number) for (before, after), number in counts.most_common(GROUPS))


def _in_short(fate: Fate) -> Fate:
    short = {_MAILBOX: _A_MAILBOX, _DNS: _ANY_DNS}.get(fate.template, fate.template)
    hop = "" if short == _ANY_DNS else fate.hop
    facts = tuple(fact for fact in fate.facts if fact[0] != "domain")
    return replace(fate, template=short, hop=hop, address="", facts=facts, key=())
