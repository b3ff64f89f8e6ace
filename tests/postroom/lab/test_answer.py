from __future__ import annotations

import quopri
import time

import pytest

from postroom.lab.peers.answer import compose_answer

HEADER = b"From: Ann <ann@contoso.example>\r\nSubject: Hello\r\nMessage-ID: <1@contoso.example>\r\n"


def answer(content: bytes, sender: str = "ann@contoso.example") -> str:
    composed = compose_answer(content, sender=sender, echo="echo@fabrikam.example")
    assert composed is not None
    return composed.content.decode()


def test_the_answer_quotes_the_text_and_threads() -> None:
    text = answer(HEADER + b"\r\nFirst line\r\nSecond line\r\n")
    assert "Subject: Re: Hello\r\n" in text
    assert "In-Reply-To: <1@contoso.example>\r\n" in text
    assert "Auto-Submitted: auto-replied\r\n" in text
    assert "> First line\r\n> Second line\r\n" in text


@pytest.mark.parametrize(
    "field",
    [b"Auto-Submitted: auto-generated", b"auto-submitted: auto-replied; x=1", b"Precedence: bulk", b"List-Id: <l.x>"],
)
def test_automatic_mail_is_not_answered(field: bytes) -> None:
    content = HEADER + field + b"\r\n\r\nx"
    assert compose_answer(content, sender="ann@contoso.example", echo="echo@fabrikam.example") is None


def test_the_null_sender_is_not_answered_even_with_reply_to() -> None:
    content = b"Reply-To: bob@contoso.example\r\n" + HEADER + b"\r\nx"
    assert compose_answer(content, sender="", echo="echo@fabrikam.example") is None


@pytest.mark.parametrize(
    ("reply_to", "recipient"),
    [
        (b"Bob <bob@contoso.example>", "bob@contoso.example"),
        (b"nonsense", "ann@contoso.example"),
        (b"<a b@c>\r\n ,<", "ann@contoso.example"),
    ],
)
def test_reply_to_goes_before_the_envelope_sender(reply_to: bytes, recipient: str) -> None:
    content = b"Reply-To: " + reply_to + b"\r\n" + HEADER + b"\r\nx"
    composed = compose_answer(content, sender="ann@contoso.example", echo="echo@fabrikam.example")
    assert composed is not None
    assert composed.recipient == recipient


@pytest.mark.parametrize(
    ("part", "quoted"),
    [
        (
            b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nZ3LDvMOfZQ==\r\n",
            "grüße",
        ),
        (b'Content-Type: text/plain; charset="iso-8859-1"\r\n\r\ngr\xfc\xdfe\r\n', "grüße"),
        (b"Content-Transfer-Encoding: quoted-printable\r\n\r\ngr=C3=BC=C3=9Fe\r\n", "grüße"),
        (b"Content-Type: text/plain; charset=no-such\r\n\r\ngrey\r\n", "grey"),
        (b"Content-Type: text/plain; charset=hex\r\n\r\ngrey\r\n", "grey"),
    ],
)
def test_text_is_found_and_decoded(part: bytes, quoted: str) -> None:
    content = (
        HEADER
        + b'Content-Type: multipart/mixed; boundary="o"\r\n\r\npreamble\r\n--o\r\n'
        + b"Content-Type: text/html\r\n\r\n<p>x\r\n--o\r\n"
        + part
        + b"--o--\r\n"
    )
    composed = compose_answer(content, sender="a@b.example", echo="echo@c.example")
    assert composed is not None
    assert _decoded(composed.content).count(f"> {quoted}") == 1


def test_a_subject_cannot_smuggle_fields_into_the_answer() -> None:
    text = answer(b"Subject: =?utf-8?q?x=0D=0ABcc:_eve@x.example=E2=80=A8y?=\r\n\r\nx")
    assert "Subject: Re: x Bcc: eve@x.example y\r\n" in text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\r\n",
        b"\xff\x00\xfe",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + b"--x\r\n" * 60_000,
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" * 5_000,
        b"Subject: " + b"=?utf-8?b?" * 100_000 + b"\r\n\r\n",
        b"Content-Type: " + b";" * 300_000 + b"\r\n\r\n",
        b"Reply-To: " + b"(" * 300_000 + b"\r\n\r\n",
        b"A: b\r\n" * 100_000,
    ],
    ids=["empty", "no header", "binary", "parts", "nesting", "words", "parameters", "comments", "fields"],
)
def test_hostile_letters_take_no_time(content: bytes) -> None:
    started = time.perf_counter()
    answer(content)
    assert time.perf_counter() - started < 0.5


def _decoded(content: bytes) -> str:
    return quopri.decodestring(content.partition(b"\r\n\r\n")[2]).decode()
