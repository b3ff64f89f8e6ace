from __future__ import annotations

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from tests import factories
from tests.conftest import Contoso
from tests.postroom.console.conftest import page
from transport.models import Delivery, MailboxMessage

HOSTILE = b"""From: =?utf-8?q?=3Cscript=3Ealert=281=29=3C/script=3E?= <x@y.example>\r
To: alice@contoso.example\r
Subject: <img src=x onerror=alert(1)>\r
MIME-Version: 1.0\r
Content-Type: multipart/mixed; boundary=b\r
\r
--b\r
Content-Type: multipart/alternative; boundary=c\r
\r
--c\r
Content-Type: text/plain\r
\r
Plain <script>alert(2)</script> text\r
--c\r
Content-Type: text/html\r
\r
<p style="position:fixed;color:red" onclick="alert(3)">Hi</p><script>alert(4)</script>\r
<img src="https://tracker.example/pixel.gif"><a href="javascript:alert(5)">bad</a>\r
<a href="https://good.example/">good</a><iframe src="https://evil.example/"></iframe>\r
<form action="https://evil.example/"><input name=p></form><style>@import url(https://evil.example/)</style>\r
--c--\r
--b\r
Content-Type: text/html\r
Content-Disposition: attachment; filename="../../evil.html"\r
\r
<script>alert(6)</script>\r
--b--\r
"""


@pytest.fixture
def hostile(contoso: Contoso) -> MailboxMessage:
    subject = "<img src=x onerror=alert(1)>"
    return factories.make_letter(
        contoso.alice_mailbox, HOSTILE, subject=subject, from_header="<script>alert(1)</script>"
    )


def test_hostile_text_is_text_everywhere(hostile: MailboxMessage, as_alice: Client) -> None:
    for path in ("/mail/", f"/mail/{hostile.pk}/", f"/mail/new/?reply={hostile.pk}"):
        text = page(as_alice.get(path))
        assert "<script>alert" not in text
        assert "<img src=x" not in text
    assert "Plain &lt;script&gt;alert(2)&lt;/script&gt; text" in page(as_alice.get(f"/mail/{hostile.pk}/"))


def test_html_stands_in_a_frame_that_can_load_and_run_nothing(hostile: MailboxMessage, as_alice: Client) -> None:
    response = as_alice.get(f"/mail/{hostile.pk}/html/")
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert 'sandbox="allow-popups' in page(as_alice.get(f"/mail/{hostile.pk}/"))


def test_html_is_sanitised_besides(hostile: MailboxMessage, as_alice: Client) -> None:
    text = page(as_alice.get(f"/mail/{hostile.pk}/html/"))
    assert "Hi" in text
    assert 'href="https://good.example/"' in text
    for bad in ("script", "onclick", "tracker.example", "javascript:", "iframe", "<form", "<input", "@import", "fixed"):
        assert bad not in text.split("<body>")[1]


def test_an_attachment_is_only_ever_saved(hostile: MailboxMessage, as_alice: Client) -> None:
    told = as_alice.get(f"/mail/{hostile.pk}/").context["told"]
    response = as_alice.get(f"/mail/{hostile.pk}/attachments/{told.attachments[0].index}/")
    assert response.headers["Content-Disposition"] == 'attachment; filename="_evil.html"'
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in response.headers["Content-Security-Policy"]
    assert as_alice.get(f"/mail/{hostile.pk}/attachments/99/").status_code == 404


def test_a_letter_without_text_is_read_from_its_html(contoso: Contoso, as_alice: Client) -> None:
    content = b"Content-Type: text/html\r\n\r\n<title>No</title><td>Only &lt;b&gt;<div>here</div>\r\n"
    row = factories.make_letter(contoso.alice_mailbox, content)
    text = page(as_alice.get(f"/mail/{row.pk}/"))
    assert "Only &lt;b&gt;\nhere</div>" in text


def test_reading_marks_a_letter_and_deleting_goes_by_the_trash(contoso: Contoso, as_alice: Client) -> None:
    row = factories.make_letter(contoso.alice_mailbox, b"\r\nHi\r\n", subject="First")
    assert 'class="is-new"' in page(as_alice.get("/mail/"))
    page(as_alice.get(f"/mail/{row.pk}/"))
    assert 'class="is-new"' not in page(as_alice.get("/mail/"))
    as_alice.post(f"/mail/{row.pk}/delete/")
    assert "First" not in page(as_alice.get("/mail/"))
    assert "First" in page(as_alice.get("/mail/?folder=trash"))
    as_alice.post(f"/mail/{row.pk}/delete/")
    assert not MailboxMessage.objects.exists()


def test_not_even_an_owner_reads_other_peoples_mail(contoso: Contoso, as_alice: Client) -> None:
    row = factories.make_letter(contoso.bob_mailbox, b"\r\nSecret\r\n")
    for path in ("", "html/", "source/", "attachments/0/"):
        assert as_alice.get(f"/mail/{row.pk}/{path}").status_code == 404
    assert as_alice.get(f"/mail/?box={contoso.bob_mailbox.pk}").status_code == 404


def test_a_letter_is_written_and_a_copy_kept(contoso: Contoso, as_alice: Client) -> None:
    fields = {"sender": "alice@contoso.example", "to": "Bob <bob@contoso.example>", "subject": "Grüße", "text": "Hi"}
    response = as_alice.post("/mail/new/", fields)
    delivery = Delivery.objects.get()
    assert response.headers["Location"] == f"/tracking/{delivery.message_id}/"
    assert delivery.recipient == "bob@contoso.example"
    assert "Grüße" in page(as_alice.get("/mail/?folder=sent"))


def test_a_reply_goes_to_its_writer_and_names_the_letter(contoso: Contoso, as_alice: Client) -> None:
    content = b"From: Bob <bob@contoso.example>\r\nSubject: Lunch\r\nMessage-ID: <1@x.example>\r\n\r\nToday?\r\n"
    row = factories.make_letter(
        contoso.alice_mailbox, content, subject="Lunch", internet_message_id="<1@x.example>", from_header="Bob"
    )
    text = page(as_alice.get(f"/mail/new/?reply={row.pk}"))
    assert 'value="Re: Lunch"' in text
    assert "&gt; Today?" in text
    fields = {"sender": "alice@contoso.example", "to": "bob@contoso.example", "text": "Yes", "in_reply_to": str(row.pk)}
    as_alice.post("/mail/new/", fields)
    sent = MailboxMessage.objects.get(folder="sent")
    assert b"In-Reply-To: <1@x.example>" in bytes(sent.body.content)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"to": "nobody@contoso.example"}, "nobody@contoso.example"),
        ({"to": "not an address"}, "Write addresses like"),
        ({"sender": "bob@contoso.example"}, "not one of the available choices"),
        ({"subject": "a\r\nBcc: evil@x.example"}, ""),
    ],
)
def test_what_would_be_refused_is_told_in_the_composer(
    contoso: Contoso, as_alice: Client, changes: dict[str, str], words: str
) -> None:
    fields = {"sender": "alice@contoso.example", "to": "bob@contoso.example", "subject": "Hi", "text": "Hi"}
    response = as_alice.post("/mail/new/", fields | changes)
    if response.status_code == 302:
        assert "evil" not in Delivery.objects.get().recipient
        return
    assert response.status_code == 422
    assert words in response.content.decode()
    assert not Delivery.objects.exists()


def test_a_sender_that_nobody_can_answer_is_stopped_with_its_fix(contoso: Contoso, as_alice: Client) -> None:
    local = factories.make_domain(contoso.tenant, "exchange.local", verified=False)
    contoso.alice_mailbox.addresses.update(is_primary=False)
    factories.make_address(contoso.alice_mailbox, local, "alice", is_primary=True)
    fields = {"sender": "alice@exchange.local", "to": "x@fabrikam.example", "subject": "Hi", "text": "Hi"}
    response = as_alice.post("/mail/new/", fields)
    text = response.content.decode()
    assert response.status_code == 422
    assert "alice@exchange.local" in text
    assert f"/mailboxes/{contoso.alice_mailbox.pk}/reply-address/" in text


def test_what_was_written_waits_while_its_sender_is_mended(contoso: Contoso, as_alice: Client) -> None:
    factories.make_domain(contoso.tenant, "exchange.local", verified=False)
    box = f"/mailboxes/{contoso.alice_mailbox.pk}/"
    as_alice.post(f"{box}reply-address/", {"address": "alice@exchange.local"})
    assert "cannot be used on the Internet" in page(as_alice.get(box))
    letter = {"sender": "alice@exchange.local", "to": "x@y.example", "subject": "Kept", "text": "Every word"}
    refused = as_alice.post("/mail/new/", letter).content.decode()
    link = re.search(r'href="([^"]+/reply-address/[^"]+)"', refused)
    assert link
    path = unescape(link[1])
    assert 'name="next" value="/mail/new/?box=' in page(as_alice.get(path))
    back = parse_qs(urlsplit(path).query)["next"][0]
    mended = as_alice.post(path, {"address": "alice@contoso.example", "next": back})
    text = page(as_alice.get(mended.headers["Location"]))
    assert "Every word" in text
    assert 'value="Kept"' in text
    assert '<option value="alice@contoso.example" selected' in text


def test_a_nameless_part_is_called_what_it_is(contoso: Contoso, as_alice: Client) -> None:
    notice = (
        b"MIME-Version: 1.0\r\nContent-Type: multipart/report; boundary=b\r\n\r\n--b\r\n\r\nSorry\r\n"
        b"--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; x\r\n"
        b"--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nx\r\n--b--\r\n"
    )
    text = page(as_alice.get(f"/mail/{factories.make_letter(contoso.alice_mailbox, notice).pk}/"))
    assert "Report for machines" in text
    assert "The letter that it is about" in text


def test_without_a_mailbox_the_page_says_so(contoso: Contoso, as_alice: Client) -> None:
    contoso.alice_mailbox.delete()
    assert "You have no mailbox here" in page(as_alice.get("/mail/"))
    assert "You have no mailbox here" in page(as_alice.get("/mail/new/"))
