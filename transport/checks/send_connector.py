"""Validate of a send connector: its way walked step by step to a recipient, with what is wrong and what mends it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext

from tenants.access import one
from tenants.actions.actor import Actor
from tenants.identifiers import uuid7
from tenants.models import AcceptedDomain
from tenants.names import split_mailbox_address
from tenants.scope import scope
from transport.access import send_connectors
from transport.actions.validation import begin_validation
from transport.checks.domain_dns import make_resolver
from transport.delivery.mta_sts import NoPolicy
from transport.delivery.options import Endpoint
from transport.delivery.outcome import OutgoingMessage, OutgoingRecipient, Phase, TlsFacts
from transport.delivery.walk import TIMEOUTS, Step, Verdict, Walk, spoken, walk
from transport.dns.failures import DnsFailure
from transport.dns.resolver import Resolver
from transport.message.address import parse_address
from transport.message.compose import ComposedMessage, compose
from transport.message.mailbox import Mailbox
from transport.message.reply import Reply
from transport.models import SendConnector
from transport.queue.connector import Connector
from transport.queue.obstacle import chosen_connector
from transport.queue.tls_policy import Security, follows_sts, published, secured
from transport.routing.reasons import Explanation, explain
from transport.routing.spaces import matches

ROUTE: Final = "route"  # the step before the first of the dialogue's


@dataclass(frozen=True, slots=True)
class ShownStep:
    """A step for people and programs: `dialogue` holds (who, text, milliseconds)."""

    name: str
    verdict: str
    milliseconds: int
    host: str = ""
    endpoint: str = ""
    dialogue: tuple[tuple[str, str, int], ...] = ()
    reply: Reply | None = None
    explanation: Explanation | None = None

    @property
    def gist(self) -> str:
        """Return the last of what the peer said, or of what there is to say."""
        said = [text for who, text, _ in self.dialogue if who == "peer"]
        return (said or [text for _, text, _ in self.dialogue] or [""])[-1]

    def to_json(self) -> dict[str, Any]:
        reply = self.reply
        return {
            "name": self.name,
            "verdict": self.verdict,
            "milliseconds": self.milliseconds,
            "host": self.host,
            "endpoint": self.endpoint,
            "dialogue": [{"who": who, "text": text, "milliseconds": at} for who, text, at in self.dialogue],
            "reply": {"code": reply.code, "enhanced": reply.enhanced or "", "text": reply.text} if reply else None,
            "reason": self.explanation.to_json() if self.explanation else None,
        }


@dataclass(frozen=True, slots=True)
class Validation:
    """What came of it. `verdict` is passed, warning (it works, but) or failed."""

    verdict: str
    sender: str
    recipient: str
    milliseconds: int
    steps: tuple[ShownStep, ...]
    is_sent: bool  # the peer took the test message
    tls: TlsFacts | None

    def to_json(self) -> dict[str, Any]:
        tls = self.tls
        return {
            "verdict": self.verdict,
            "sender": self.sender,
            "recipient": self.recipient,
            "milliseconds": self.milliseconds,
            "test_message_sent": self.is_sent,
            "tls": {"version": tls.version, "cipher": tls.cipher, "verified": tls.verified} if tls else None,
            "steps": [step.to_json() for step in self.steps],
        }


@dataclass(frozen=True, slots=True)
class _Plan:
    """All that the walk needs of the database."""

    connector: Connector
    message: OutgoingMessage
    domain: str
    sends: bool
    routing: tuple[str, dict[str, Any]] | None  # what is wrong with the choice of this connector

    @property
    def recipient(self) -> str:
        return self.message.recipients[0].address


def validate_send_connector(
    *, actor: Actor, tenant_id: UUID, connector_id: UUID, recipient: str, send_test_message: bool = False
) -> Validation:
    """Walk a connector's way to a recipient; nothing is sent unless asked. Call it outside of any scope.

    Raises Http404 for a stranger's connector, Problem for an address that is none and for too many validations.
    """
    with scope(tenant_id):
        row = one(send_connectors(tenant_id), connector_id)
        local, domain = split_mailbox_address(recipient, field="recipient")
        plan = _plan(row, f"{local}@{domain}", domain, send_test_message)
        begin_validation(actor=actor, connector=row, recipient=plan.recipient, sends_test_message=send_test_message)
    return _told(plan, *walk_plan(plan))


def walk_plan(plan: _Plan) -> tuple[Walk, int]:
    """Talk to the network. Return the walk and how many milliseconds it took."""
    begun = time.monotonic()
    return asyncio.run(_walk(plan)), round((time.monotonic() - begun) * 1000)


async def _walk(plan: _Plan) -> Walk:
    begun, resolver = time.monotonic(), make_resolver()
    try:
        endpoints = await plan.connector.endpoints(plan.domain, resolver)
    except DnsFailure as failure:
        return Walk((Step(Phase.DNS, Verdict.FAILED, _since(begun), (), None, failure.reply, failure.reason_code),))
    found = _found(endpoints, _since(begun))
    security, demanded = await _security(plan, endpoints, resolver)
    options = replace(security.options(plan.connector.options(plan.domain)), timeouts=TIMEOUTS)
    walked = await walk(security.endpoints(endpoints), options, plan.message, deliver=plan.sends)
    steps = (replace(step, reason_code=security.reason(step.reason_code)) for step in walked.steps)
    return replace(walked, steps=(found, *demanded, *steps))


async def _security(plan: _Plan, endpoints: Sequence[Endpoint], resolver: Resolver) -> tuple[Security, list[Step]]:
    """Return what the recipient's domain publishes about encryption now, and the step that says so."""
    if not follows_sts(plan.connector, plan.domain):
        return Security(plan.connector, plan.domain), []
    begun = time.monotonic()
    try:
        policy = await published(plan.domain, resolver)
    except NoPolicy as error:
        step = Step(Phase.POLICY, Verdict.WARNING, _since(begun), reason_code="sts.no_policy", notes=(str(error),))
        return Security(plan.connector, plan.domain), [step]
    if policy is None:
        return Security(plan.connector, plan.domain), []
    security = secured(plan.connector, plan.domain, endpoints, policy)
    step = Step(Phase.POLICY, Verdict.PASSED, _since(begun), notes=(f"mode: {policy.mode}", *policy.mx))
    if security.unnamed:
        is_lost = security.is_enforced and not security.endpoints(endpoints)
        code = "sts.mx_mismatch" if security.is_enforced else "sts.testing"
        step = replace(step, verdict=Verdict.FAILED if is_lost else Verdict.WARNING, reason_code=code)
    return security, [step]


def _since(begun: float) -> int:
    return round((time.monotonic() - begun) * 1000)


def _found(endpoints: Sequence[Endpoint], milliseconds: int) -> Step:
    if endpoints:
        return Step(Phase.DNS, Verdict.PASSED, milliseconds, found=tuple(endpoints))
    nowhere = Reply(451, "4.4.4", "The next hop has no address to connect to")
    return Step(Phase.DNS, Verdict.FAILED, milliseconds, reply=nowhere, reason_code="hop.no_endpoint")


# What is asked of the database ----------------------------------------------------------------------------


def _plan(row: SendConnector, recipient: str, domain: str, sends: bool) -> _Plan:
    sender = _sender(row)
    content = _test_message(sender, recipient, row.name) if sends else b""
    message = OutgoingMessage(
        key="validation",
        sender=sender,
        recipients=(OutgoingRecipient("recipient", recipient),),
        content=content,
        smtputf8=not recipient.isascii(),
    )
    return _Plan(connector_of(row), message, domain, sends, _routing(row, domain))


def connector_of(row: SendConnector) -> Connector:
    """Return a row with its smart hosts as the sending side takes it, enabled or not."""
    hosts = list(row.smart_hosts.all())
    return Connector(
        id=row.pk,
        name=row.name,
        routing=row.routing,
        port=row.port,
        fqdn=row.fqdn,
        source_address=row.source_address,
        tls=row.tls,
        auth=row.auth,
        username=row.username,
        password_encrypted=bytes(row.password_encrypted) if row.password_encrypted else None,
        max_messages_per_connection=row.max_messages_per_connection,
        config_version=0,
        protocol=row.protocol,
        tls_domain=row.tls_domain,
        connect_timeout=row.connect_timeout,
        inactivity_timeout=row.connection_inactivity_timeout,
        max_connections_per_host=row.max_connections_per_host,
        error_policies=list(row.error_policies),
        smart_hosts=[host.host for host in hosts],
        smart_host_ports=[host.port or row.port for host in hosts],
    )


def _sender(row: SendConnector) -> str:
    """Return whom peers see in MAIL: the postmaster of a domain that is proven to be the organisation's, or nobody."""
    domains = AcceptedDomain.objects.filter(tenant_id=row.tenant_id, verified_at__isnull=False)
    name = domains.order_by("-is_default", "domain").values_list("domain", flat=True).first()
    return f"postmaster@{name}" if name else ""


def _test_message(sender: str, recipient: str, connector: str) -> bytes:
    author = parse_address(sender or settings.POSTROOM_NOTICE_ADDRESS)
    text = gettext(
        "This message was sent to try out the send connector “{connector}”. Somebody asked for it; nobody has to "
        "answer it."
    )
    message = ComposedMessage(
        from_=Mailbox(author),
        to=(Mailbox(parse_address(recipient)),),
        subject=gettext("Test of the send connector “{connector}”").format(connector=connector),
        text=text.format(connector=connector) + "\n",
        auto_submitted="auto-generated",
    )
    return compose(message, message_id=f"<{uuid7()}@{settings.POSTROOM_HOSTNAME}>", date=timezone.now())


def _routing(row: SendConnector, domain: str) -> tuple[str, dict[str, Any]] | None:
    """Say why mail for the domain would not go by this connector, if so."""
    if not any(matches(space.pattern, domain) for space in row.address_spaces.all()):
        return "validate.not_covered", {}
    if not row.enabled:
        return "validate.disabled", {}
    chosen = chosen_connector(row.tenant_id, domain)
    if chosen is not None and chosen.id != row.pk:
        return "validate.other_connector", {"other": chosen.name}
    return None


# What is told ---------------------------------------------------------------------------------------------


def _told(plan: _Plan, walked: Walk, milliseconds: int) -> Validation:
    steps = [_route_step(plan), *(_shown(plan, step) for step in walked.steps)]
    worst = Verdict.PASSED
    if not walked.succeeded:
        worst = Verdict.FAILED
    elif any(step.verdict != Verdict.PASSED for step in steps):
        worst = Verdict.WARNING
    return Validation(
        verdict=worst.value,
        sender=plan.message.sender,
        recipient=plan.recipient,
        milliseconds=milliseconds,
        steps=tuple(steps),
        is_sent=plan.sends and walked.succeeded,
        tls=walked.tls,
    )


def _route_step(plan: _Plan) -> ShownStep:
    if plan.routing is None:
        return ShownStep(ROUTE, Verdict.PASSED.value, 0)
    code, facts = plan.routing
    return ShownStep(ROUTE, Verdict.WARNING.value, 0, explanation=_explained(plan, code, **facts))


def _shown(plan: _Plan, step: Step) -> ShownStep:
    endpoint = step.endpoint
    host, address = (endpoint.host, str(endpoint)) if endpoint else (plan.domain, "")
    facts = {"host": host, "endpoint": address, "phase": step.phase.value, "why": "; ".join(step.notes)}
    told = [("note", text, 0) for text in step.notes]
    told += [("note", f"{one.host} {one}" if one.host != one.address else str(one), 0) for one in step.found]
    return ShownStep(
        name=step.phase.value,
        verdict=step.verdict.value,
        milliseconds=step.milliseconds,
        host=endpoint.host if endpoint else "",
        endpoint=address,
        dialogue=tuple(told or spoken(step.said)),
        reply=step.reply,
        explanation=_explained(plan, step.reason_code, **facts) if step.reason_code else None,
    )


def _explained(plan: _Plan, code: str, **facts: Any) -> Explanation:
    sender = plan.message.sender
    known = {
        "connector": plan.connector.name,
        "connector_id": plan.connector.id,
        "domain": plan.domain,
        "recipient": plan.recipient,
        "sender": sender or "<>",
        "sender_domain": sender.rpartition("@")[2] or None,
    }
    return explain(code, translate=gettext, **(known | facts))
