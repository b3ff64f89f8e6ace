"""A connector's own judgement of errors: which policies there are, and which reply each of them is about."""

from __future__ import annotations

import pytest

from transport.delivery.error_policies import ErrorPolicy, InvalidErrorPolicy, parse_policies, rejudged, waits_for_dns
from transport.delivery.outcome import Outcome, Phase, RecipientOutcome, status_of
from transport.dns.failures import DnsFailure, DnsTemporary, MailLoop, NoSuchDomain, NullMx, TemporaryKind
from transport.message.reply import Reply


@pytest.mark.parametrize(
    ("policy", "reply", "wanted"),
    [
        ("550 5.7.1 transient", Reply(550, "5.7.1", "No"), Outcome.TRANSIENT),
        ("550 5.7.1 transient", Reply(550, "5.1.1", "No"), Outcome.PERMANENT),
        ("550 5.7.1 transient", Reply(550, None, "No"), Outcome.PERMANENT),
        ("550 5.7.1 transient", Reply(554, "5.7.1", "No"), Outcome.PERMANENT),
        ("55x transient", Reply(554, None, "No"), Outcome.TRANSIENT),
        ("5xx 5.7.x transient", Reply(550, "5.7.26", "No"), Outcome.TRANSIENT),
        ("4xx 4.2.x permanent", Reply(452, "4.2.2", "Full"), Outcome.PERMANENT),
        ("4xx 4.2.x permanent", Reply(451, "4.3.2", "Busy"), Outcome.TRANSIENT),
        ("4xx x.2.2 permanent", Reply(452, "4.2.2", "Full"), Outcome.PERMANENT),
        ("450 permanent", Reply(250, "2.0.0", "Ok"), Outcome.DELIVERED),
        ("dns transient", Reply(550, "5.1.1", "No"), Outcome.PERMANENT),
    ],
)
def test_a_policy_judges_the_replies_that_it_is_about(policy: str, reply: Reply, wanted: Outcome) -> None:
    outcome = RecipientOutcome("r", status_of(reply, Phase.RCPT), reply, Phase.RCPT, "peer.policy")
    judged, text = rejudged(parse_policies((policy,)), outcome)
    assert judged.status is wanted
    assert text == (policy if wanted is not outcome.status else "")


def test_the_first_policy_that_fits_decides_and_what_we_say_ourselves_stands() -> None:
    policies = parse_policies(("550 5.7.1 permanent", "5xx transient"))
    refused = RecipientOutcome("r", Outcome.PERMANENT, Reply(550, "5.7.1", "No"), Phase.RCPT, "peer.policy")
    assert rejudged(policies, refused) == (refused, "")
    ours = RecipientOutcome("r", Outcome.PERMANENT, Reply(554, "5.6.0", "NUL"), Phase.MAIL, "message.nul")
    assert rejudged(policies, ours) == (ours, "")


@pytest.mark.parametrize(
    "text",
    [
        *("", "550", "transient", "250 transient", "6xx transient", "5x0 transient", "550 5.7 transient"),
        *("550 2.7.1 transient", "550 5.7.1 never", "550 5.7.1 x transient", "dns permanent"),
    ],
)
def test_nonsense_is_no_policy(text: str) -> None:
    with pytest.raises(InvalidErrorPolicy):
        ErrorPolicy.parse(text)


@pytest.mark.parametrize(
    ("failure", "waits"),
    [
        (NoSuchDomain("x.example"), True),
        (NullMx("x.example"), True),
        (MailLoop("x.example"), False),
        (DnsTemporary("x.example", TemporaryKind.SERVFAIL), False),
    ],
)
def test_a_domain_that_is_not_found_can_be_waited_for(failure: DnsFailure, waits: bool) -> None:
    assert waits_for_dns(parse_policies(("DNS  transient",)), failure) is waits
    assert not waits_for_dns(parse_policies(("5xx transient",)), failure)
