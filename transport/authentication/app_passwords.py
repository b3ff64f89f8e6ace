"""App passwords: random ones that a person types into one mail program (design §12.10).

One begins with four letters that are no secret: by them the one verifier is found that it can match, so that a
log-in costs one check however many app passwords a mailbox has. What follows them holds 130 random bits.
"""

from __future__ import annotations

import re
import secrets
from typing import Final, NamedTuple

from transport.authentication.scram import make_verifier

# RFC 4648 6: no 0, 1, 8 or 9, so that what is misread can be read aright.
_ALPHABET: Final = "abcdefghijklmnopqrstuvwxyz234567"
_MISREAD: Final = str.maketrans("018", "olb")
_PREFIX: Final = 4
_LETTERS: Final = 30
_GROUP: Final = 5
_FORM: Final = re.compile(f"[{_ALPHABET}]{{{_LETTERS}}}")


class NewAppPassword(NamedTuple):
    text: str  # to be shown once: six groups of five
    prefix: str
    verifier: str


def make_app_password(*, beside: str = "") -> NewAppPassword:
    """Return a new one, with what is kept of it; its verifier shares the salt of the one `beside` it."""
    text = _grouped("".join(secrets.choice(_ALPHABET) for _ in range(_LETTERS)))
    return NewAppPassword(text, prefix_of(text), make_verifier(text, beside=beside))


def as_app_password(typed: str) -> str:
    """Return what may be an app password as it was shown, however it was typed; empty for what cannot be one.

    As shown, because that is what a SCRAM client hashes, which sends nothing that could be mended here.
    """
    if len(typed) > 3 * _LETTERS:
        return ""
    letters = typed.casefold().translate(_MISREAD)
    letters = re.sub(r"[\s-]", "", letters)
    return _grouped(letters) if _FORM.fullmatch(letters) else ""


def _grouped(letters: str) -> str:
    return "-".join(letters[at : at + _GROUP] for at in range(0, _LETTERS, _GROUP))


def prefix_of(text: str) -> str:
    """Return the part that is no secret: by it the verifier is found, and a person tells one from another."""
    return text[:_PREFIX]
