"""Debian's Exim and OpenSMTPD as servers that send to us, that we send to, and with which we exchange notices."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator

import pytest

from tests.person import Person
from tests.platform_process import ApiCaller, PlatformProcess, eventually
from tests.system.conftest import Route
from tests.system.exim import Exim
from tests.system.foreign import ForeignServer
from tests.system.letters import ANN, AWKWARD, BOB, events, letter, logged, source_of, taken
from tests.system.opensmtpd import OpenSmtpd

pytestmark = pytest.mark.system

EIGHT_BIT = ["BODY=8BITMIME"]
UTF8 = ["SMTPUTF8", "BODY=8BITMIME"]
SUCCESS_TITLES = {"exim.example": "Delivery Status", "opensmtpd.example": "notification: delivered"}


@pytest.fixture(params=["exim", "opensmtpd"])
def server(request: pytest.FixtureRequest) -> ForeignServer:
    found: ForeignServer = request.getfixturevalue(request.param)
    return found


# They send to us


def test_it_sends_to_us_byte_for_byte_over_tls(server: ForeignServer, bob: Person, token: str) -> None:
    carol = f"carol@{server.domain}"
    sent = letter(token, sender=carol, to=BOB, body=AWKWARD)
    server.hand_over(carol, [BOB], sent, mail_options=EIGHT_BIT)
    stored = source_of(bob, token)
    assert stored.endswith(b"\r\n" + sent)
    ours = stored[: -len(sent)].partition(b"Received: ")[2].partition(b"Received: ")[0]
    assert f"from mx.{server.domain} ".encode() in ours
    assert b"with ESMTPS" in ours


def test_exim_sends_to_us_in_chunks(exim: Exim, bob: Person, token: str) -> None:
    body = "\r\n".join(f"{number:06} {'.' * (number % 80)}" for number in range(40_000))
    sent = letter(token, sender="carol@exim.example", to=BOB, body=body)
    exim.hand_over("carol@exim.example", [BOB], sent)
    logged(exim, rf"=> {BOB} .* X=TLS1\.3:\S+ .*\bK C=\"250 2\.6\.0 <{token}@contoso\.example>")
    assert source_of(bob, token).endswith(sent)


def test_its_notice_quotes_our_words_about_an_unknown_mailbox(server: ForeignServer, token: str) -> None:
    carol, nobody = f"carol@{server.domain}", f"nobody-{token}@contoso.example"
    server.hand_over(carol, [nobody], letter(token, sender=carol, to=nobody))
    notice = taken(server, token, "message/delivery-status")
    assert b"550 5.1.1 User unknown" in notice


def test_its_notice_quotes_our_words_about_relaying(server: ForeignServer, token: str) -> None:
    carol, abroad = f"carol@{server.domain}", f"{token}@tailspin.example"
    server.hand_over(carol, [abroad], letter(token, sender=carol, to=abroad))
    assert b"550 5.7.1 Unable to relay" in taken(server, token, "message/delivery-status")


def test_it_hears_of_each_recipient_by_itself(server: ForeignServer, bob: Person, token: str) -> None:
    carol, nobody = f"carol@{server.domain}", f"nobody-{token}@contoso.example"
    sent = letter(token, sender=carol, to=BOB)
    server.hand_over(carol, [nobody, BOB], sent)
    assert source_of(bob, token).endswith(sent)
    notice = taken(server, token, "message/delivery-status")
    assert nobody.encode() in notice
    assert f"; {BOB}".encode() not in notice


def test_exim_sends_to_a_mailbox_with_umlauts(exim: Exim, umlauts: str, bob: Person, token: str) -> None:
    sender, subject = "dörte@exim.example", f"Grüße {token}"
    sent = letter(token, sender=sender, to=umlauts, subject=subject)
    exim.hand_over(sender, [umlauts], sent, mail_options=UTF8)
    stored = source_of(bob, token)
    assert stored.endswith(sent)
    assert b"with UTF8SMTPS" in stored[: -len(sent)]


# We send to them


def test_it_takes_what_we_send_byte_for_byte(
    as_ann: smtplib.SMTP, server: ForeignServer, route: Route, contoso_api: ApiCaller, token: str
) -> None:
    carol = f"carol@{server.domain}"
    route(server.domain, server)
    sent = letter(token, to=carol, body=AWKWARD)
    as_ann.sendmail(ANN, [carol], sent, mail_options=EIGHT_BIT)
    assert taken(server, token).endswith(b"\r\n" + sent)
    assert eventually(lambda: events(contoso_api, token, event_id="SEND"))[0]["recipients"] == [carol]


def test_what_it_refuses_comes_back_in_its_own_words(
    as_ann: smtplib.SMTP, server: ForeignServer, route: Route, ann: Person, token: str
) -> None:
    nobody = f"nobody@{server.domain}"
    route(server.domain, server)
    as_ann.sendmail(ANN, [nobody, f"carol@{server.domain}"], letter(token, to=nobody))
    taken(server, token)
    assert server.unknown.encode() in source_of(ann, token, "message/delivery-status")


def test_exim_takes_an_address_with_umlauts(as_ann: smtplib.SMTP, exim: Exim, route: Route, token: str) -> None:
    route(exim.domain, exim)
    sent = letter(token, to="dörte@exim.example", subject=f"Grüße {token}")
    as_ann.sendmail(ANN, ["dörte@exim.example"], sent, mail_options=UTF8)
    assert taken(exim, token).endswith(sent)
    logged(exim, rf"X=TLS1\.3:.* P=utf8esmtps .*id={token}@contoso\.example|P=utf8esmtps X=TLS1\.3:.*id={token}@")


def test_exim_takes_what_we_send_in_a_chunk(as_ann: smtplib.SMTP, exim: Exim, route: Route, token: str) -> None:
    route(exim.domain, exim)
    dots = "\r\n".join(f"{'.' * (number % 80)}" for number in range(20_000))
    sent = letter(token, to="carol@exim.example", body=dots)
    as_ann.sendmail(ANN, ["carol@exim.example"], sent)
    assert taken(exim, token).endswith(b"\r\n" + sent)
    logged(exim, rf"<= {ANN} .* K S=\d+ .*id={token}@contoso\.example")


def test_what_opensmtpd_cannot_write_is_told_without_asking_it(
    as_ann: smtplib.SMTP, opensmtpd: OpenSmtpd, route: Route, ann: Person, token: str
) -> None:
    route(opensmtpd.domain, opensmtpd)
    to = "dörte@opensmtpd.example"
    as_ann.sendmail(ANN, [to], letter(token, to=to), mail_options=UTF8)
    assert b"5.6.7" in source_of(ann, token, "message/delivery-status")


# Notices


def test_exim_s_notice_about_ann_s_message_reaches_her(
    as_ann: smtplib.SMTP, exim: Exim, route: Route, ann: Person, token: str
) -> None:
    route(exim.domain, exim)
    as_ann.sendmail(ANN, ["vanishing@exim.example"], letter(token, to="vanishing@exim.example"))
    notice = source_of(ann, "Mail delivery failed", token)
    assert b"gone since it was accepted" in notice
    assert notice.startswith(b"Return-Path: <>\r\n")


def test_its_notice_of_success_reaches_ann_who_asked_for_it(
    as_ann: smtplib.SMTP, server: ForeignServer, route: Route, ann: Person, token: str
) -> None:
    route(server.domain, server)
    carol = f"carol@{server.domain}"
    as_ann.sendmail(ANN, [carol], letter(token, to=carol), rcpt_options=["NOTIFY=SUCCESS"])
    assert b"\r\nAction: delivered\r\n" in source_of(ann, SUCCESS_TITLES[server.domain], token)


@pytest.fixture
def handed_on(platform: PlatformProcess, contoso_api: ApiCaller, opensmtpd: OpenSmtpd) -> Iterator[str]:
    """A domain of contoso's whose mailboxes lie on OpenSMTPD."""
    made = contoso_api.post("accepted-domains/", {"domain": opensmtpd.domain, "type": "external_relay"})
    assert made.status == 201, made.body
    path = f"accepted-domains/{made.body['id']}/"
    records = contoso_api.get(f"{path}dns/").body["records"]
    proof = next(row for row in records if row["purpose"] == "verification")
    platform.publish_domain(opensmtpd.domain, proof["value"])
    verified = contoso_api.post(f"{path}verify/")
    assert verified.body["verified"], verified.body
    yield opensmtpd.domain
    assert contoso_api.delete(path).status == 204


def test_our_notice_about_opensmtpd_s_refusal_reaches_the_sender_at_exim(
    exim: Exim, opensmtpd: OpenSmtpd, handed_on: str, route: Route, token: str
) -> None:
    route(exim.domain, exim)
    route(handed_on, opensmtpd)
    nobody = f"nobody@{handed_on}"
    exim.hand_over("carol@exim.example", [nobody], letter(token, sender="carol@exim.example", to=nobody))
    notice = taken(exim, token, "message/delivery-status")
    assert opensmtpd.unknown.encode() in notice
    logged(exim, r"<= <> H=.* X=TLS")
