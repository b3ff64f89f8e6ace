"""What echo@ writes back (RFC 3834), and when it keeps quiet.

The letters it reads come from anywhere, so nothing here recurses or takes more than a bounded look.
"""

from __future__ import annotations

import base64
import binascii
import quopri
import re
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage, Message
from email.parser import HeaderParser
from email.policy import SMTP, SMTPUTF8
from email.utils import formatdate, make_msgid

MAX_HEADER = 32 * 1024
MAX_FIELD = 900
MAX_BODY = 256 * 1024
MAX_LINES = 200
MAX_NESTING = 5
ADDRESS = re.compile(r"[^\s@<>\"(),:;\\\x00-\x1f\x7f]{1,64}@[^\s@<>\"(),:;\\\[\]\x00-\x1f\x7f]{1,255}")


@dataclass(frozen=True, slots=True)
class Answer:
    sender: str
    recipient: str
    content: bytes


def compose_answer(content: bytes, *, sender: str, echo: str) -> Answer | None:
    """Return the answer, or None for what must not be answered: bounces, automatic mail, lists, no usable address."""
    header, body = _split(content)
    if not sender or _is_automatic(header):
        return None
    reply_to = _field(header, "Reply-To").strip()
    if bracketed := re.search(r"<([^<>]*)>\Z", reply_to):
        reply_to = bracketed[1]
    recipient = reply_to if ADDRESS.fullmatch(reply_to) else sender
    if not ADDRESS.fullmatch(recipient):
        return None
    return Answer(echo, recipient, _compose(header, readable_text(header, body), recipient, echo))


def _is_automatic(header: Message) -> bool:
    automatic = _field(header, "Auto-Submitted").strip().lower()
    bulk = _field(header, "Precedence").strip().lower() in {"bulk", "junk", "list"}
    return automatic not in {"", "no"} or bulk or bool(_field(header, "List-Id"))


def _compose(header: Message, text: str, recipient: str, echo: str) -> bytes:
    answer = EmailMessage(policy=SMTP if (recipient + echo).isascii() else SMTPUTF8)
    user, _, domain = echo.partition("@")
    answer["From"] = Address("Echo", user, domain)
    answer["To"] = recipient
    answer["Subject"] = f"Re: {_subject(header)}"
    answer["Date"] = formatdate()
    answer["Message-ID"] = make_msgid(domain=domain)
    if re.fullmatch(r"<[!-;=?-~]{1,250}>", message_id := _field(header, "Message-ID").strip()):
        answer["In-Reply-To"] = message_id
        answer["References"] = message_id
    answer["Auto-Submitted"] = "auto-replied"
    quoted = "\n".join(f"> {line}".rstrip() for line in text.splitlines()[:MAX_LINES])
    answer.set_content(f"Your message has arrived. You wrote:\n\n{quoted}\n", cte="quoted-printable")
    return answer.as_bytes()


def _subject(header: Message) -> str:
    # An encoded word may hold line breaks, of which Unicode has several: none may get into our header.
    text = " ".join(re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", _decoded_words(_field(header, "Subject"))).split())
    return re.sub(r"^(?:re:\s*)+", "", text, flags=re.IGNORECASE)[:200]


def _decoded_words(text: str) -> str:
    """Decode RFC 2047 encoded words; what is none stays as it is."""
    # White space between two encoded words is no part of the text (RFC 2047 section 6.2).
    text = re.sub(r"\?=\s+=\?", "?==?", text)
    return re.sub(r"=\?([\w-]+)\?([bBqQ])\?([^?\s]*)\?=", lambda word: _decoded_word(*word.groups()), text)


def _decoded_word(charset: str, encoding: str, data: str) -> str:
    raw = data.encode("ascii", "replace")
    decoded = _base64(raw) if encoding in "bB" else quopri.decodestring(raw, header=True)
    return _decoded(decoded, charset)


def readable_text(header: Message, body: bytes) -> str:
    """Return the first plain text of a message, looking into a few levels of multipart."""
    for _ in range(MAX_NESTING):
        boundary = _parameter(header, "boundary")
        if not _field(header, "Content-Type").strip().lower().startswith("multipart/") or not boundary:
            return _text(header, body)
        parts = [_split(part) for part in _parts(body, boundary)]
        if not parts:
            return ""
        header, body = next((part for part in parts if _is_wanted(part[0])), parts[0])
    return ""


def _is_wanted(header: Message) -> bool:
    return _field(header, "Content-Type").strip().lower().startswith(("text/plain", "multipart/")) or (
        "Content-Type" not in header
    )


def _parts(body: bytes, boundary: str) -> list[bytes]:
    delimiter = rb"(?:\A|\r\n)--" + re.escape(boundary.encode()) + rb"(?:--)?[ \t]*(?:\r\n|\Z)"
    return re.split(delimiter, body)[1:-1][:50]


def _text(header: Message, body: bytes) -> str:
    encoding = _field(header, "Content-Transfer-Encoding").strip().lower()
    if encoding == "base64":
        body = _base64(body)
    elif encoding == "quoted-printable":
        body = quopri.decodestring(body)
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", "", _decoded(body, _parameter(header, "charset") or "utf-8"))


def _split(content: bytes) -> tuple[Message, bytes]:
    """Return the header fields, and the body as far as anybody will read it."""
    block, _, body = content.partition(b"\r\n\r\n") if not content.startswith(b"\r\n") else (b"", b"", content[2:])
    return HeaderParser().parsestr(block[:MAX_HEADER].decode("utf-8", "replace")), body[:MAX_BODY]


def _field(header: Message, name: str) -> str:
    return str(header.get(name, ""))[:MAX_FIELD]


def _parameter(header: Message, name: str) -> str:
    pattern = rf';\s*{name}\s*=\s*(?:"([^"]{{1,100}})"|([^\s;"]{{1,100}}))'
    found = re.search(pattern, _field(header, "Content-Type"), re.IGNORECASE)
    return "" if found is None else found[1] or found[2]


def _base64(data: bytes) -> bytes:
    try:
        return base64.b64decode(data + b"===")
    except (binascii.Error, ValueError):
        return b""


def _decoded(data: bytes, charset: str) -> str:
    try:
        return data.decode(charset, "replace")
    except (LookupError, ValueError):
        return data.decode("utf-8", "replace")
