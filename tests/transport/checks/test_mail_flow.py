from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from transport.access import RelayRefusals
from transport.checks.facts import ConnectorFacts, DomainFacts, HiddenSender, LiveFindings, MailFlowFacts
from transport.checks.mail_flow import CheckItem, judge
from transport.checks.sending_name import NameFinding, SendingName
from transport.checks.verdicts import DnsRecord, Purpose, Verdict

OURS = SendingName("mail.contoso.example")
GOOD = NameFinding(OURS.name, "192.0.2.1", ("192.0.2.1",), (OURS.name,), True)


def a_connector(*patterns: str, enabled: bool = True) -> ConnectorFacts:
    return ConnectorFacts("c1", "Internet", enabled, patterns, True, OURS)


def a_domain(**verdicts: Verdict) -> DomainFacts:
    records = {
        purpose: DnsRecord(Purpose(purpose), "TXT", "contoso.example", "", True, verdict=verdict)
        for purpose, verdict in verdicts.items()
    }
    return DomainFacts("d1", "contoso.example", True, True, records)


def a_refusal(domain: str) -> RelayRefusals:
    return RelayRefusals(domain, 17, datetime(2026, 1, 1, tzinfo=UTC), "a@peer.example", f"b@{domain}")


def the_item(code: str, facts: MailFlowFacts, live: LiveFindings | None = None) -> CheckItem:
    return next(item for item in judge(facts, live or LiveFindings()) if item.code == f"checks.{code}")


def test_everything_passes_where_all_is_in_order() -> None:
    facts = MailFlowFacts(domains=(a_domain(mx=Verdict.PASSED, spf=Verdict.PASSED),), connectors=(a_connector("*"),))
    items = judge(facts, LiveFindings({OURS: GOOD}))
    assert {item.status for item in items} == {Verdict.PASSED}
    assert not any(item.fixes for item in items)


@pytest.mark.parametrize(
    ("connectors", "status", "action"),
    [
        ((), Verdict.FAILED, "create_send_connector"),
        ((a_connector("*.peer.example"),), Verdict.FAILED, "create_send_connector"),
        ((a_connector("*", enabled=False),), Verdict.FAILED, "enable_send_connector"),
        ((a_connector("*"),), Verdict.PASSED, None),
    ],
)
def test_a_missing_route_to_the_internet_is_shown_with_its_fix(
    connectors: tuple[ConnectorFacts, ...], status: Verdict, action: str | None
) -> None:
    item = the_item("internet_route", MailFlowFacts(connectors=connectors))
    assert (item.status, item.fix.action.value if item.fix else None) == (status, action)


def test_a_reply_address_that_nobody_can_answer_names_the_mailbox_and_the_fix() -> None:
    hidden = HiddenSender("m1", "Ann", "ann@exchange.local", "exchange.local")
    item = the_item("reply_addresses", MailFlowFacts(hidden_senders=(hidden,), hidden_count=1))
    assert "ann@exchange.local" in item.summary
    assert item.fix is not None
    assert (item.fix.action, item.fix.params["mailbox_id"]) == ("set_reply_address", "m1")


@pytest.mark.parametrize(
    ("finding", "status", "words"),
    [
        (GOOD, Verdict.PASSED, "agree"),
        (NameFinding("mail.contoso.example", "192.0.2.1"), Verdict.FAILED, "does not exist in DNS"),
        (NameFinding("mail.contoso.example", "192.0.2.1", ("192.0.2.9",)), Verdict.FAILED, "leads to 192.0.2.9"),
        (NameFinding("mail.contoso.example", "192.0.2.1", ("192.0.2.1",)), Verdict.FAILED, "no PTR record"),
        (
            NameFinding("mail.contoso.example", "192.0.2.1", ("192.0.2.1",), ("x.example",), True),
            Verdict.WARNING,
            "names x.example",
        ),
        (NameFinding("mail.contoso.example", "192.0.2.1", error="time-out"), Verdict.UNKNOWN, "time-out"),
    ],
)
def test_the_sending_name_is_judged_as_a_strict_receiver_would(
    finding: NameFinding, status: Verdict, words: str
) -> None:
    facts = MailFlowFacts(connectors=(a_connector("*"),))
    item = the_item("sending_name", facts, LiveFindings({OURS: finding}))
    assert item.status is status
    assert words in item.summary


@pytest.mark.parametrize(
    ("here", "claimed", "status", "words", "action"),
    [
        (True, False, Verdict.FAILED, "whose MX leads here. Add it?", "add_accepted_domain"),
        (None, False, Verdict.FAILED, "Add it, if it is yours", "add_accepted_domain"),
        (False, False, Verdict.WARNING, "leads elsewhere", "add_accepted_domain"),
        (True, True, Verdict.FAILED, "not verified yet", "verify_accepted_domain"),
    ],
)
def test_a_domain_refused_at_the_door_is_counted_and_offered(
    here: bool | None, claimed: bool, status: Verdict, words: str, action: str
) -> None:
    domains: Any = (DomainFacts("d2", "xxxx.example", False, None),) if claimed else ()
    facts = MailFlowFacts(domains=domains, refusals=(a_refusal("xxxx.example"),))
    item = the_item("refused_domains", facts, LiveFindings({}, {"xxxx.example": here}))
    assert item.status is status
    assert "17 times for xxxx.example" in item.summary
    assert words in item.summary
    assert item.fix is not None
    assert item.fix.action == action
