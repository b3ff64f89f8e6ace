"""Addresses of the SMTP envelope (RFC 5321 4.1.2, RFC 6531 3.3) and what makes two of them equal (IDNA, UTS 46)."""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import idna
from typing_extensions import override

from transport.message.reply import Reply

# RFC 5321 4.5.3.1: octets of a local part, of a domain and of a path; RFC 1035 2.3.4: octets of a label.
MAX_LOCAL: Final = 64
MAX_DOMAIN: Final = 255
MAX_LABEL: Final = 63
MAX_PATH: Final = 1024  # far above RFC 5321's 256, so that the error can say which part is too long

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
# Plain addresses, nearly all there are: one match and no further look, so nothing here may need a second check.
_PLAIN = re.compile(
    rf"(?=[^@]{{1,{MAX_LOCAL}}}@.{{1,{MAX_DOMAIN}}}$)({_ATEXT}++(?:\.{_ATEXT}++)*+)"
    rf"@((?:{_LABEL}\.)*+[A-Za-z](?:[A-Za-z0-9-]{{0,61}}[A-Za-z0-9])?)\Z"
)
_DOT_STRING = re.compile(rf"(?:{_ATEXT}|[^\x00-\x7f])++(?:\.(?:{_ATEXT}|[^\x00-\x7f])++)*+\Z")
_QUOTED_STRING = re.compile(r'"(?:[ !#-\[\]-~]|[^\x00-\x7f]|\\[ -~])*+"')
_LDH = re.compile(rf"{_LABEL}\Z")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_LITERAL = re.compile(r"\[(?:IPv6:([0-9A-Fa-f:.]{2,45})|([0-9.]{7,15}))\]\Z", re.IGNORECASE)
# Invisible, directional, private, unpaired and separating characters have no honest use in a mailbox name.
_UNSAFE_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})


class InvalidAddress(ValueError):
    """The address breaks RFC 5321's grammar or limits."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason

    def reply(self, *, is_sender: bool = False) -> Reply:
        """Return the refusal for MAIL or RCPT (RFC 3463 3.2: X.1.7 bad sender, X.1.3 bad destination)."""
        if self.code == "address.smtputf8":
            return Reply(553, "5.6.7", self.reason)
        return Reply(501, "5.1.7" if is_sender else "5.1.3", self.reason)


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox: `local` without quoting, `domain` as it was written (U-label, A-label or `[literal]`)."""

    local: str
    domain: str

    @property
    def domain_a(self) -> str:
        """The domain in the only form that may be compared: A-labels, lower case."""
        return self.domain.lower() if self.domain.startswith("[") else domain_to_a(self.domain)

    @property
    def key(self) -> str:
        """What makes two spellings the same mailbox: NFC and case-folded local part at the A-label domain."""
        local = self.local.lower() if self.local.isascii() else _fold(self.local)
        return f"{local}@{self.domain_a}"

    @property
    def is_ascii(self) -> bool:
        return self.local.isascii() and self.domain.isascii()

    @property
    def has_routing_characters(self) -> bool:
        """Say whether a next hop might read another destination out of the local part (a%b@c, b!a@c, "a@b"@c)."""
        return any(character in self.local for character in "%!@")

    @override
    def __str__(self) -> str:
        local = self.local if _DOT_STRING.match(self.local) else _quote(self.local)
        return f"{local}@{self.domain}" if self.domain else local


def parse_path(text: str, *, smtputf8: bool = False) -> Address | None:
    """Read a reverse or forward path, with or without angle brackets; None is the null path.

    `<postmaster>` alone (RFC 5321 4.5.1) comes back with an empty domain; the caller decides whose it is.
    """
    if text[:1] == "<" and text[-1:] == ">" and len(text) > 1:
        text = text[1:-1]
    if not text:
        return None
    if match := _PLAIN.match(text):
        return Address(match[1], match[2])
    return _parse_slowly(text, smtputf8=smtputf8)


def parse_address(text: str) -> Address:
    """Read an address typed by a person: no brackets, surrounding blanks forgiven, domain required."""
    text = text.strip(" \t")
    address = _PLAIN.match(text)
    parsed = Address(address[1], address[2]) if address else _parse_slowly(text, smtputf8=True)
    if not parsed.domain:
        raise InvalidAddress("address.syntax", "The address has no domain: write it as name@domain.")
    return parsed


def split_address(text: str) -> tuple[str, str]:
    """Cut at the last @, without any checking: the domain cannot hold one, a quoted local part can."""
    local, _, domain = text.rpartition("@")
    return local, domain


@lru_cache(maxsize=16_384)
def domain_to_a(domain: str) -> str:
    """Return the domain as lower-case A-labels after UTS 46 mapping, or raise InvalidAddress."""
    if len(domain) > MAX_DOMAIN:
        raise InvalidAddress("address.too_long", f"A domain has at most {MAX_DOMAIN} octets.")
    try:
        mapped = domain if domain.isascii() else idna.uts46_remap(domain, std3_rules=False)
        ascii_labels = [_label_to_a(label) for label in mapped.lower().removesuffix(".").split(".")]
    except (idna.IDNAError, UnicodeError) as error:
        raise InvalidAddress("address.domain", f"“{_shown(domain)}” is not a valid domain name.") from error
    name = ".".join(ascii_labels)
    if len(name) > MAX_DOMAIN:
        raise InvalidAddress("address.too_long", f"A domain has at most {MAX_DOMAIN} octets.")
    # RFC 3696 2: no top-level domain is numeric, so "10.1.2.3" and "2130706433" are addresses in disguise.
    if ascii_labels[-1].isdigit():
        raise InvalidAddress("address.domain", f"“{_shown(domain)}” is not a valid domain name: it ends in a number.")
    return name


@lru_cache(maxsize=16_384)
def domain_to_u(domain: str) -> str:
    """Return the domain as people write it; labels that do not decode stay as they are, for this is only shown."""
    return ".".join(_label_to_u(label) for label in domain.lower().split("."))


def _label_to_a(label: str) -> str:
    # An A-label is taken as it is: the DNS decides about names under older IDNA rules, and it compares safely.
    if label.isascii():
        if not _LDH.match(label):
            raise idna.IDNAError("not a label of letters, digits and hyphens")
        return label
    return idna.alabel(label).decode("ascii")


def _label_to_u(label: str) -> str:
    if not label.startswith("xn--"):
        return label
    try:
        return idna.ulabel(label)
    except (idna.IDNAError, UnicodeError):
        return label


def _parse_slowly(text: str, *, smtputf8: bool) -> Address:
    if len(text) > MAX_PATH:
        raise InvalidAddress("address.too_long", "The address is too long.")
    if _CONTROLS.search(text):
        raise InvalidAddress("address.control_character", "The address holds a control character.")
    if text.startswith("@"):
        raise InvalidAddress("address.source_route", "Source routes are not accepted (RFC 5321 appendix C).")
    if not smtputf8 and not text.isascii():
        raise InvalidAddress("address.smtputf8", "An address with non-ASCII characters needs SMTPUTF8.")
    raw_local, local, rest = _take_local(text)
    if len(raw_local.encode("utf-8", "surrogatepass")) > MAX_LOCAL:
        raise InvalidAddress("address.too_long", f"The part before the @ has at most {MAX_LOCAL} octets.")
    if not rest and local.lower() == "postmaster":
        return Address(local, "")
    if not rest.startswith("@"):
        raise InvalidAddress("address.syntax", "The address is not of the form name@domain.")
    return Address(local, _checked_domain(rest[1:]))


def _take_local(text: str) -> tuple[str, str, str]:
    """Return the local part as written and as meant, and what follows it."""
    if text.startswith('"'):
        match = _QUOTED_STRING.match(text)
        if not match:
            raise InvalidAddress("address.syntax", "The quoted part of the address is malformed.")
        raw, rest = match[0], text[match.end() :]
        local = re.sub(r"\\(.)", r"\1", raw[1:-1])
    else:
        raw, at, domain = text.partition("@")
        local, rest = raw, at + domain
        if not _DOT_STRING.match(raw):
            raise InvalidAddress("address.syntax", "The part before the @ is malformed.")
    if not raw.isascii():
        _refuse_unsafe(local)
        local = unicodedata.normalize("NFC", local)
    return raw, local, rest


def _refuse_unsafe(text: str) -> None:
    if any(not c.isascii() and unicodedata.category(c) in _UNSAFE_CATEGORIES for c in text):
        raise InvalidAddress("address.control_character", "The address holds an invisible or control character.")


def _checked_domain(domain: str) -> str:
    if domain.startswith("["):
        return _checked_literal(domain)
    if domain.endswith("."):
        raise InvalidAddress("address.domain", "The domain of an address does not end in a dot.")
    if not domain.isascii():
        _refuse_what_maps_away(domain)
    domain_to_a(domain)
    return domain


def _refuse_what_maps_away(domain: str) -> None:
    """Refuse what UTS 46 would turn into another name: RFC 6531 3.3 wants U-labels, not look-alikes (ｅxample．com)."""
    plain = unicodedata.normalize("NFC", domain).lower()
    try:
        for label in plain.split("."):
            idna.alabel(label)
    except (idna.IDNAError, UnicodeError) as error:
        raise InvalidAddress("address.domain", f"“{_shown(domain)}” is not a valid domain name.") from error


def _checked_literal(domain: str) -> str:
    match = _LITERAL.match(domain)
    try:
        if match and match[1]:
            ipaddress.IPv6Address(match[1])
        elif match:
            ipaddress.IPv4Address(match[2])
    except ValueError:
        match = None
    if not match:
        raise InvalidAddress("address.domain", "The address literal is malformed.")
    return domain


def _fold(text: str) -> str:
    """NFC after folding: folding may leave decomposed characters behind."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def _quote(local: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", local) + '"'


def _shown(text: str) -> str:
    """Make the text safe to repeat in an error."""
    return text[:MAX_LABEL].encode("ascii", "backslashreplace").decode() if not text.isprintable() else text[:MAX_LABEL]
