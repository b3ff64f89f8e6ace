"""The mail-flow check: one list per tenant that shows the usual failures before they happen (design §9).

`judge` is pure; `check_mail_flow` reads the facts and judges; `refresh_mail_flow` asks DNS anew before that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from tenants.actions.actor import Actor
from tenants.models import AcceptedDomain, Tenant
from tenants.scope import scope
from transport.checks.domain_dns import verify_accepted_domain
from transport.checks.facts import (
    DomainFacts,
    LiveFindings,
    MailFlowFacts,
    known_findings,
    look_up_findings,
    read_facts,
)
from transport.checks.sending_name import NameFinding
from transport.checks.verdicts import Purpose, Verdict
from transport.routing.reasons import Fix, explain
from transport.routing.spaces import ANY
from transport.routing.wording import fill

MAX_REFRESHED = 50


@dataclass(frozen=True, slots=True)
class CheckItem:
    """One line of the checklist. `code` is stable; `summary` says how it stands now, the registry why it matters."""

    code: str
    status: Verdict
    template: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    subjects: tuple[str, ...] = ()  # what it concerns, named: domains, mailboxes

    @property
    def title(self) -> str:
        return explain(self.code, translate=gettext).title

    @property
    def why(self) -> str:
        return explain(self.code, translate=gettext).text

    @property
    def summary(self) -> str:
        return fill(gettext(self.template), self.facts)

    @property
    def fixes(self) -> tuple[Fix, ...]:
        """What mends it; nothing where nothing is broken."""
        if self.status in (Verdict.PASSED, Verdict.NOT_APPLICABLE, Verdict.UNKNOWN):
            return ()
        return explain(str(self.facts.get("fixed_as", self.code)), translate=gettext, **self.facts).fixes

    @property
    def fix(self) -> Fix | None:
        return next(iter(self.fixes), None)

    def to_json(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "status": self.status.value,
            "title": self.title,
            "summary": self.summary,
            "why": self.why,
            "subjects": list(self.subjects),
            "fixes": [
                {"action": fix.action.value, "label": fix.label, "params": dict(fix.params)} for fix in self.fixes
            ],
        }


def check_mail_flow(tenant: Tenant) -> list[CheckItem]:
    """Return the checklist from what is known now; asks nobody, so it is cheap enough for every page."""
    with scope(tenant):
        facts = read_facts(tenant)
    return judge(facts, known_findings(facts))


def refresh_mail_flow(*, actor: Actor, tenant: Tenant) -> list[CheckItem]:
    """Ask DNS anew for the tenant's domains and names, then return the checklist. No transaction may be open."""
    with scope(tenant):
        domains = list(AcceptedDomain.objects.filter(tenant=tenant).order_by("dns_checked_at")[:MAX_REFRESHED])
    for domain in domains:
        verify_accepted_domain(actor=actor, domain=domain)
    with scope(tenant):
        facts = read_facts(tenant)
    return judge(facts, look_up_findings(facts))


def judge(facts: MailFlowFacts, live: LiveFindings) -> list[CheckItem]:
    """Return the checklist, in the order in which a newcomer meets the failures."""
    return [
        _accepted_domains(facts.domains),
        _mx(facts.domains),
        _internet_route(facts),
        _reply_addresses(facts),
        _sending_name(facts, live),
        _spf(facts.domains),
        *_refused_domains(facts, live),
    ]


def _item(code: str, status: Verdict, template: str, subjects: Sequence[str] = (), /, **facts: object) -> CheckItem:
    return CheckItem(f"checks.{code}", status, template, facts, tuple(subjects))


def _accepted_domains(domains: Sequence[DomainFacts]) -> CheckItem:
    code = "accepted_domains"
    open_ones = [domain for domain in domains if not domain.is_verified]
    if not domains:
        template = _("There is no accepted domain yet.")
        return _item(code, Verdict.FAILED, template, fixed_as="checks.refused_domains")
    if not open_ones:
        names = [domain.domain for domain in domains]
        return _item(code, Verdict.PASSED, _("Verified: {domains}."), names, domains=_listed(names))
    status = Verdict.FAILED if len(open_ones) == len(domains) else Verdict.WARNING
    names = [domain.domain for domain in open_ones]
    template = _("Not verified yet, so not open to mail from outside: {domains}.")
    first = open_ones[0]
    return _item(code, status, template, names, domains=_listed(names), domain=first.domain, domain_id=first.id)


def _mx(domains: Sequence[DomainFacts]) -> CheckItem:
    return _by_record(
        "mx",
        Purpose.MX,
        domains,
        passed=_("The MX of {domains} leads here."),
        bad=_("MX does not lead here, or not only here: {domains}."),
        unknown=_("The MX records have not been looked up yet."),
    )


def _spf(domains: Sequence[DomainFacts]) -> CheckItem:
    return _by_record(
        "spf",
        Purpose.SPF,
        domains,
        passed=_("Evaluated with our address: pass, for {domains}."),
        bad=_("Missing, or it does not name us: {domains}."),
        unknown=_("The SPF records could not be judged yet."),
    )


def _by_record(
    code: str, purpose: Purpose, domains: Sequence[DomainFacts], *, passed: str, bad: str, unknown: str
) -> CheckItem:
    """Sum one kind of record up over all verified domains: the worst counts."""
    verified = [domain for domain in domains if domain.is_verified]
    if not verified:
        return _item(code, Verdict.NOT_APPLICABLE, _("This is checked as soon as a domain is verified."))
    verdicts = {domain.domain: _verdict(domain, purpose) for domain in verified}
    for status in (Verdict.FAILED, Verdict.WARNING):
        concerned = [domain for domain in verified if verdicts[domain.domain] is status]
        if concerned:
            names = [domain.domain for domain in concerned]
            first = concerned[0]
            told = {"domain": first.domain, "domain_id": first.id, "sender_domain": first.domain}
            return _item(code, status, bad, names, domains=_listed(names), **told)
    if any(verdict is Verdict.UNKNOWN for verdict in verdicts.values()):
        return _item(code, Verdict.UNKNOWN, unknown)
    names = [domain.domain for domain in verified]
    return _item(code, Verdict.PASSED, passed, names, domains=_listed(names))


def _verdict(domain: DomainFacts, purpose: Purpose) -> Verdict:
    record = domain.records.get(purpose.value)
    return record.verdict if record is not None else Verdict.UNKNOWN


def _internet_route(facts: MailFlowFacts) -> CheckItem:
    code = "internet_route"
    covering = [connector for connector in facts.connectors if ANY in connector.patterns]
    enabled = [connector for connector in covering if connector.enabled]
    if enabled:
        template = _("Send connector “{connector}” covers every address.")
        return _item(code, Verdict.PASSED, template, connector=enabled[0].name)
    if covering:
        first = covering[0]
        named: dict[str, object] = {"connector": first.name, "connector_id": first.id}
        template = _("“{connector}” would cover the Internet, but it is disabled.")
        return _item(code, Verdict.FAILED, template, fixed_as="route.connector_disabled", **named)
    if facts.connectors:
        template = _("Your send connectors cover some domains only; mail to all others waits as unreachable.")
        return _item(code, Verdict.FAILED, template)
    return _item(code, Verdict.FAILED, _("There is no send connector: mail to the outside waits as unreachable."))


def _reply_addresses(facts: MailFlowFacts) -> CheckItem:
    code = "reply_addresses"
    if not facts.hidden_count:
        return _item(code, Verdict.PASSED, _("Every mailbox sends from a domain that the world can answer."))
    first = facts.hidden_senders[0]
    template = _("{count} mailboxes would send as {domain}, which nobody outside can answer: {mailboxes}.")
    if facts.hidden_count == 1:
        template = _("“{mailbox}” would send as {sender}, which nobody outside can answer.")
    names = [sender.address for sender in facts.hidden_senders]
    more = ["…"] if facts.hidden_count > len(names) else []
    return _item(
        code,
        Verdict.FAILED,
        template,
        names,
        count=facts.hidden_count,
        domain=first.domain,
        mailbox=first.mailbox,
        mailbox_id=first.mailbox_id,
        sender=first.address,
        mailboxes=", ".join([*names, *more]),
    )


def _sending_name(facts: MailFlowFacts, live: LiveFindings) -> CheckItem:
    code = "sending_name"
    connectors = {connector.sending: connector for connector in facts.connectors if connector.enabled}
    found = [(sending, live.names.get(sending)) for sending in facts.sending_names]
    judged = [(sending, _judge_name(finding), finding) for sending, finding in found if finding is not None]
    order = [Verdict.FAILED, Verdict.WARNING, Verdict.UNKNOWN, Verdict.PASSED]
    if not judged:
        template = _("{name} has not been looked up yet.")
        return _item(code, Verdict.UNKNOWN, template, name=facts.sending_names[0].name)
    sending, (status, template), finding = min(judged, key=lambda one: order.index(one[1][0]))
    connector = connectors.get(sending)
    named = {"connector": connector.name, "connector_id": connector.id} if connector else {}
    fixed_as = {} if connector else {"fixed_as": "checks.internet_route"}
    return _item(code, status, template, [sending.name], **_told(finding), **named, **fixed_as)


def _judge_name(finding: NameFinding) -> tuple[Verdict, str]:
    if finding.error:
        return Verdict.UNKNOWN, _("{name} could not be looked up: {error}")
    if not finding.resolves:
        return Verdict.FAILED, _("We greet peers as {name}, which does not exist in DNS.")
    if finding.agrees:
        return Verdict.PASSED, _("We greet peers as {name}; it and the PTR of {address} agree.")
    if finding.address not in finding.name_addresses:
        return Verdict.FAILED, _(
            "We greet peers as {name}, which leads to {name_addresses}, but we send from {address}."
        )
    if not finding.ptr_names:
        return Verdict.FAILED, _("The address we send from, {address}, has no PTR record; it should name {name}.")
    if finding.ptr_confirmed:
        return Verdict.WARNING, _("We greet peers as {name}, but the PTR of {address} names {ptr_names}.")
    return Verdict.FAILED, _("The PTR of {address} names {ptr_names}, which does not lead back to it.")


def _told(finding: NameFinding) -> dict[str, object]:
    return {
        "name": finding.name,
        "address": finding.address,
        "name_addresses": ", ".join(finding.name_addresses),
        "ptr_names": ", ".join(finding.ptr_names),
        "error": finding.error,
    }


def _refused_domains(facts: MailFlowFacts, live: LiveFindings) -> list[CheckItem]:
    code = "refused_domains"
    if not facts.refusals:
        return [_item(code, Verdict.PASSED, _("No mail from outside was refused for want of an accepted domain."))]
    claimed = {domain.domain: domain.id for domain in facts.domains}
    items = []
    for refusal in facts.refusals:
        here = live.leads_here.get(refusal.domain)
        named: dict[str, object] = {"domain": refusal.domain, "count": refusal.refused, "sender": refusal.sender}
        named |= {"last_at": refusal.last_at.isoformat(timespec="seconds")}
        if refusal.domain in claimed:
            template = _("Refused {count} times for {domain}, which is yours but not verified yet.")
            named |= {"domain_id": claimed[refusal.domain], "fixed_as": "checks.accepted_domains"}
        elif here is False:
            template = _(
                "Refused {count} times for {domain}. Its MX leads elsewhere: perhaps a mistake of the sender's."
            )
        elif here:
            template = _("Refused {count} times for {domain}, whose MX leads here. Add it?")
        else:
            template = _("Refused {count} times for {domain}. Add it, if it is yours.")
        status = Verdict.WARNING if here is False else Verdict.FAILED
        items.append(_item(code, status, template, [refusal.domain], **named))
    return items


def _listed(names: Sequence[str]) -> str:
    shown = list(names[:5])
    return ", ".join([*shown, "…"] if len(names) > len(shown) else shown)
