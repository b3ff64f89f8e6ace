"""Names of domains and local parts in the one form that is compared: A-labels, NFC, case folded."""

from __future__ import annotations

import re
import unicodedata

import idna

from tenants.problems import Problem

LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?")
# Control, format (bidi overrides above all), surrogate, line and paragraph separator; joiners are part of scripts.
UNPRINTABLE = {"Cc", "Cf", "Cs", "Zl", "Zp"}
JOINERS = "\u200c\u200d"
LAST_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
LOCAL_ATOM = re.compile(r"[^\x00-\x20\x7f()<>\[\]:;@\\,.\"]+(\.[^\x00-\x20\x7f()<>\[\]:;@\\,.\"]+)*")


def domain_name(text: str, *, field: str = "domain") -> str:
    """Return the A-label form of a domain that somebody typed (UTS 46), or raise Problem("domain.invalid")."""
    typed = text.strip().rstrip(".")
    try:
        ascii_name = typed.lower() if typed.isascii() else idna.encode(typed, uts46=True).decode()
        _check_a_labels(ascii_name)
    except (idna.IDNAError, UnicodeError) as error:
        raise Problem("domain.invalid", field=field, domain=typed[:253], why=str(error)) from None
    return ascii_name


def _check_a_labels(name: str) -> None:
    labels = name.split(".")
    if not name or len(name) > 253 or not LAST_LABEL.fullmatch(labels[-1]):
        raise UnicodeError("A domain is made of letters, digits and hyphens, with dots between.")
    if labels[-1].isdigit():
        # RFC 3696 2: no top-level domain is numeric, so that 192.0.2.1 is an address and never a name.
        raise UnicodeError("A domain does not end in a number.")
    for label in labels:
        if not LABEL.fullmatch(label):
            raise UnicodeError(f"“{label}” is not a label of a domain name.")
        if label.startswith("xn--"):
            idna.decode(label)


def printable_name(text: str, *, field: str = "name") -> str:
    """Return a name as it is shown, or raise Problem("name.not_printable").

    Names stand in logs, headers and lists: no line break, no control character, nothing that turns the text round.
    """
    name = text.strip()
    if any(unicodedata.category(letter) in UNPRINTABLE and letter not in JOINERS for letter in name):
        raise Problem("name.not_printable", field=field)
    return name


def local_key(local_part: str) -> str:
    """Return what two local parts are compared by (NFC, case folded)."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", local_part).casefold())


def split_mailbox_address(text: str, *, field: str = "address") -> tuple[str, str]:
    """Return (local part, A-label domain) of an address for a mailbox, or raise Problem("address.invalid")."""
    local, at, domain = unicodedata.normalize("NFC", text.strip()).rpartition("@")
    if not at or not LOCAL_ATOM.fullmatch(local) or len(local.encode()) > 64 or not local.isprintable():
        raise Problem("address.invalid", field=field, address=text.strip()[:320])
    return local, domain_name(domain, field=field)
