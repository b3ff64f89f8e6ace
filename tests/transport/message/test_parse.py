from __future__ import annotations

from dataclasses import replace

import pytest

from tests.transport.message.test_compose import BOB, PLAIN, composed
from transport.message.compose import Attachment
from transport.message.parameters import parse_parameters
from transport.message.parse import MAX_TEXT, part_content, readable


def part(body: bytes, *fields: bytes) -> bytes:
    return b"".join(field + b"\r\n" for field in fields) + b"\r\n" + body


def test_a_composed_message_is_read_back() -> None:
    files = (Attachment("Ümläut.pdf", "application/pdf", b"\0\xff" * 1000), Attachment("b.txt", "text/plain", b"file"))
    content = composed(replace(PLAIN, subject="Grüße", text="Häi", html="<b>Hi</b>", attachments=files, cc=(BOB,)))
    message = readable(content)
    assert dict(message.headers)["Subject"] == "Grüße"
    assert [name for name, _ in message.headers] == ["From", "To", "Cc", "Subject", "Date", "Message-ID"]
    assert (message.text, message.html, message.is_truncated) == ("Häi\n", "<b>Hi</b>\n", False)
    assert [(each.name, each.content_type) for each in message.attachments] == [
        ("Ümläut.pdf", "application/pdf"),
        ("b.txt", "text/plain"),
    ]
    downloaded = part_content(content, message.attachments[0].index)
    assert downloaded is not None
    assert downloaded.content == b"\0\xff" * 1000
    assert abs(message.attachments[0].size - 2000) < 60


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"", ""),
        (b"no header at all", ""),
        (b"Subject: x\r\n\r\nplain\r\n", "plain\n"),
        (b"Subject: x\n\nbare\n", "bare\n"),
        (part(b"=41=\r\nB=ZZ", b"Content-Transfer-Encoding: quoted-printable"), "AB=ZZ"),
        (part(b"QUI", b"Content-Transfer-Encoding: BASE64"), "AB"),
        (part(b"Q*U\r\nI=====x", b"Content-Transfer-Encoding: base64"), "AB1"),
        (part(b"x", b"Content-Transfer-Encoding: no-such"), "x"),
        (part(b"\xfc", b"Content-Type: text/plain; charset=iso-8859-1"), "ü"),
        (part(b"\xfc", b"Content-Type: text/plain; charset=../../x"), "\ufffd"),
        (part(b"a\0b\x1bc\r\n\td", b"Content-Type: text/plain"), "abc\n\td"),
        (part(b"x", b"Content-Type: nonsense"), "x"),
        (part(b"x", b"Content-Type: multipart/mixed"), "x"),
        (part(b"x", b"Content-Type: multipart/mixed; boundary=b"), "x"),
        (part(b"--b\r\n\r\nfirst", b"Content-Type: multipart/mixed; boundary=b"), "first"),
        (part(b"pre\r\n--b  \r\n\r\n1\r\n--b--\r\nepilogue", b"Content-Type: multipart/mixed; boundary=b"), "1"),
        (part(b"--b\n\n1\n--b\n\n2\n--b--", b"Content-Type: multipart/mixed; boundary=b"), "1\n2"),
        (
            part(b"--bb\r\n--b\r\n\r\n1\r\n--bc\r\n--b--", b"Content-Type: multipart/mixed; boundary=b"),
            "1\n--bc",
        ),
    ],
)
def test_the_text_is_found_whatever_the_message_looks_like(content: bytes, text: str) -> None:
    assert readable(content).text == text


def test_an_outer_boundary_closes_inner_parts() -> None:
    inner = part(b"--i\r\n\r\nunfinished\r\n--o\r\n\r\nlast\r\n--o--", b"Content-Type: multipart/mixed; boundary=i")
    assert readable(part(b"--o\r\n" + inner, b"Content-Type: multipart/mixed; boundary=o")).text == "unfinished\nlast"


def test_an_attached_message_is_one_attachment() -> None:
    inner = composed(replace(PLAIN, attachments=(Attachment("a", "text/plain", b"x"),)))
    attached = part(inner, b"Content-Type: message/rfc822")
    content = part(b"--o\r\n" + attached + b"\r\n--o--", b"Content-Type: multipart/mixed; boundary=o")
    message = readable(content)
    assert [each.content_type for each in message.attachments] == ["message/rfc822"]
    found = part_content(content, 0)
    assert found is not None
    assert found.content == inner


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b'"../../etc/passwd"', "_etc_passwd"),
        (b'"C:\\\\x\\\\y.exe"', "C_x_y.exe"),
        ('"a\u202egnp.exe"'.encode(), "agnp.exe"),
        (b'"a\0b"', "ab"),
        (b'".."', "part-0"),
        (b'""', "part-0"),
        (b'"' + b"x" * 300 + b'.tar.gz"', "x" * 180 + ".gz"),
        (b"=?utf-8?q?=C3=BC.txt?=", "ü.txt"),
        (b'"a\\"b"', 'a"b'),
    ],
)
def test_file_names_are_made_safe(name: bytes, shown: str) -> None:
    """2.19: no path, nothing invisible, no direction tricks."""
    message = readable(part(b"x", b"Content-Type: application/pdf; name=" + name))
    assert [each.name for each in message.attachments] == [shown]


def test_several_from_fields_are_all_shown() -> None:
    assert readable(b"From: a@x\r\nFrom: b@x\r\n\r\n").headers == (("From", "a@x, b@x"),)


def test_only_the_first_html_part_is_the_body() -> None:
    html = b"\r\n--o\r\n" + part(b"<i>", b"Content-Type: text/html")
    message = readable(part(html * 2, b"Content-Type: multipart/mixed; boundary=o"))
    assert (message.html, len(message.attachments)) == ("<i>", 1)


@pytest.mark.parametrize(
    ("value", "parameters"),
    [
        ("a/b; x=1; X=2; y", {"x": "1"}),
        ("a/b; x*0=a; x*1=b; x*3=d", {"x": "ab"}),
        ("a/b; x*0*=utf-8''%C3; x*1*=%BC; x*2=%41", {"x": "ü%41"}),
        ("a/b; x*=iso-8859-1'de'%FC", {"x": "ü"}),
        ("a/b; x*=%FC", {"x": "\ufffd"}),
        ("a/b; x=plain; x*=utf-8''better", {"x": "better"}),
        ('a/b; x="a;b\\"c', {"x": 'a;b"c'}),
        ("a/b; x*x*0=1; *=2; ***=3", {}),
        ("", {}),
    ],
)
def test_parameters_are_read_leniently(value: str, parameters: dict[str, str]) -> None:
    assert parse_parameters(value)[1] == parameters


def nested(depth: int) -> bytes:
    opened = [b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (at, at) for at in range(depth)]
    return b"".join(opened) + b"\r\nx"


MIXED = b"Content-Type: multipart/mixed; boundary="
BOMBS = {
    "1,500 multiparts in each other": nested(1500),
    "multiparts in each other, one boundary": (MIXED + b"b\r\n\r\n--b\r\n") * 1500,
    "1,500 messages in each other": b"Content-Type: message/rfc822\r\n\r\n" * 1500,
    "20,000 parts": MIXED + b"b\r\n\r\n" + b"--b\r\n\r\nx\r\n" * 20_000,
    "a million lines that might be boundaries": MIXED + b"b\r\n\r\n" + b"--\r\n" * 1_000_000,
    "an empty boundary": MIXED + b'""\r\n\r\n--\r\n\r\nx',
    "a boundary of 2,000 octets": MIXED + b"b" * 2000 + b"\r\n\r\n--" + b"b" * 2000 + b"\r\n\r\nx",
    "3,000 pieces of a parameter": b"Content-Type: a/b; "
    + b"; ".join(b"x*%d=a" % at for at in range(3000))
    + b"\r\n\r\n",
    "semicolons": b"Content-Type: a/b" + b";" * 200_000 + b"\r\n\r\n",
    "blanks between parameters": b"Content-Type: a/b;" + b" " * 200_000 + b"\r\n\r\n",
    "quotes": b"Content-Type: a/b" + b';x="' * 50_000 + b"\r\n\r\n",
    "bad base64": part(b"*" * 5_000_000, b"Content-Transfer-Encoding: base64"),
    "bad quoted-printable": part(b"=" * 5_000_000, b"Content-Transfer-Encoding: quoted-printable"),
    "10,000 fields": b"To: a@x.example\r\n" * 10_000 + b"\r\n",
    "a subject of 1 MB": b"Subject: " + b"=?utf-8?q?=00?= " * 70_000 + b"\r\n\r\n",
    "a text of 40 MB": part(b"x" * 40_000_000),
    "a charset of 1 MB": b"Content-Type: text/plain; charset=" + b"x" * 1_000_000 + b"\r\n\r\nx",
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_read_in_bounded_work(name: str) -> None:
    """2.11: quadratic work or recursion would run into the time limit or the stack's end."""
    message = readable(BOMBS[name])
    assert len(message.text) <= MAX_TEXT
    assert len(message.attachments) <= 200
    part_content(BOMBS[name], 150)


@pytest.mark.parametrize("name", ["1,500 multiparts in each other", "20,000 parts", "a text of 40 MB"])
def test_what_was_left_out_is_admitted(name: str) -> None:
    assert readable(BOMBS[name]).is_truncated


@pytest.mark.parametrize("index", [-1, 1, 10**9])
def test_there_is_no_part_outside_the_message(index: int) -> None:
    assert part_content(b"\r\nx", index) is None
