"""Debian's Postfix as the server that we send to, and as one that sends to us."""

from __future__ import annotations

import re
import smtplib
from collections.abc import Iterator, Sequence

import pytest

from tests.person import Person
from tests.platform_process import ApiCaller, eventually
from tests.system.letters import ANN, AWKWARD, BOB, events, letter, logged, source_of, taken
from tests.system.postfix import DOMAIN, Postfix

pytestmark = pytest.mark.system
UTF8 = ["SMTPUTF8", "BODY=8BITMIME"]


@pytest.mark.usefixtures("route_to_postfix")
def test_postfix_takes_what_we_send_byte_for_byte(as_ann: smtplib.SMTP, postfix: Postfix, token: str) -> None:
    sent = letter(token, to=f"carol@{DOMAIN}", body=AWKWARD)
    as_ann.sendmail(ANN, [f"carol@{DOMAIN}"], sent, mail_options=["BODY=8BITMIME"])
    received = taken(postfix, token)
    assert received.endswith(sent)
    ours = received[: -len(sent)].rpartition(b"Received:")[2]
    assert b"by mail.contoso.example" in ours
    assert b"127.0.0.1" not in ours, "where Ann sat is nobody's business beyond us"


@pytest.mark.usefixtures("route_to_postfix")
def test_the_way_to_postfix_is_encrypted_and_told(
    as_ann: smtplib.SMTP, postfix: Postfix, contoso_api: ApiCaller, token: str
) -> None:
    as_ann.sendmail(ANN, [f"carol@{DOMAIN}"], letter(token, to=f"carol@{DOMAIN}"))
    taken(postfix, token)
    assert "Anonymous TLS connection established" in postfix.log
    sent = eventually(lambda: events(contoso_api, token, event_id="SEND"))
    assert sent[0]["recipients"] == [f"carol@{DOMAIN}"]


@pytest.mark.usefixtures("route_to_postfix")
def test_postfix_takes_what_we_send_in_a_chunk(as_ann: smtplib.SMTP, postfix: Postfix, token: str) -> None:
    dots = "\r\n".join(f"{'.' * (number % 80)}" for number in range(20_000))
    sent = letter(token, to=f"carol@{DOMAIN}", body=dots)
    as_ann.sendmail(ANN, [f"carol@{DOMAIN}"], sent)
    assert taken(postfix, token).endswith(sent)
    logged(postfix, r"disconnect from .* bdat=[1-9]")


@pytest.mark.usefixtures("route_to_postfix")
def test_postfix_takes_an_address_with_umlauts(as_ann: smtplib.SMTP, postfix: Postfix, token: str) -> None:
    to = f"dörte@{DOMAIN}"
    sent = letter(token, to=to, subject=f"Grüße {token}")
    as_ann.sendmail(ANN, [to], sent, mail_options=UTF8)
    received = taken(postfix, token)
    assert received.endswith(sent)
    assert b"with UTF8SMTPS id" in received


@pytest.fixture
def refusing(postfix: Postfix) -> Iterator[Postfix]:
    rule = f"{{full@{DOMAIN}=REJECT no room here}}"
    postfix.set(smtpd_recipient_restrictions=f"check_recipient_access inline:{{ {rule} }}, permit_mynetworks, reject")
    yield postfix
    postfix.set(smtpd_recipient_restrictions="permit_mynetworks, reject")


@pytest.mark.usefixtures("route_to_postfix", "refusing")
def test_what_postfix_refuses_comes_back_in_its_own_words(
    as_ann: smtplib.SMTP, contoso_api: ApiCaller, token: str
) -> None:
    as_ann.sendmail(ANN, [f"full@{DOMAIN}"], letter(token, to=f"full@{DOMAIN}"))
    failed = eventually(lambda: events(contoso_api, token, event_id="FAIL"))
    assert "no room here" in str(failed[0])
    notices = f"tracking-events/?event_id=DELIVER&recipient={ANN}"
    eventually(lambda: [row for row in contoso_api.get(notices).body["results"] if row["sender"] in ("", "<>")])


def hand_over(
    postfix: Postfix, recipient: str, content: bytes, *, sender: str = f"carol@{DOMAIN}", options: Sequence[str] = ()
) -> None:
    with smtplib.SMTP(postfix.address, postfix.port, timeout=20) as client:
        client.sendmail(sender, [recipient], content, mail_options=options)


def test_postfix_sends_to_us_over_tls(postfix: Postfix, contoso_api: ApiCaller, token: str) -> None:
    hand_over(postfix, BOB, letter(token, to=BOB))
    logged(postfix, rf"to=<{BOB}>, .*status=sent \(250 2\.6\.0 <{token}@contoso\.example> .*Queued mail for delivery\)")
    assert re.search(r"postfix/smtp\[\d+\]: .*TLS connection established to", postfix.log)
    assert eventually(lambda: events(contoso_api, token, event_id="DELIVER"))


def test_postfix_sends_to_us_byte_for_byte(postfix: Postfix, bob: Person, token: str) -> None:
    sent = letter(token, to=BOB, body=AWKWARD)
    hand_over(postfix, BOB, sent, options=["BODY=8BITMIME"])
    assert source_of(bob, token).endswith(b"\r\n" + sent)


def test_postfix_sends_to_a_mailbox_with_umlauts(postfix: Postfix, umlauts: str, bob: Person, token: str) -> None:
    sender = f"dörte@{DOMAIN}"
    sent = letter(token, sender=sender, to=umlauts, subject=f"Grüße {token}")
    hand_over(postfix, umlauts, sent, sender=sender, options=UTF8)
    stored = source_of(bob, token)
    assert stored.endswith(sent)
    assert b"with UTF8SMTPS" in stored[: -len(sent)]


def test_postfix_is_told_that_a_mailbox_does_not_exist(postfix: Postfix, token: str) -> None:
    hand_over(postfix, f"nobody-{token}@contoso.example", letter(token, to=BOB))
    logged(postfix, rf"to=<nobody-{token}@contoso\.example>, .*dsn=5\.1\.1, status=bounced .*550 5\.1\.1 ")


def test_postfix_is_refused_as_a_relay(postfix: Postfix, token: str) -> None:
    hand_over(postfix, f"{token}@tailspin.example", letter(token, to="x@tailspin.example"))
    logged(postfix, rf"to=<{token}@tailspin\.example>, .*status=bounced .*550 5\.7\.1 Unable to relay")
