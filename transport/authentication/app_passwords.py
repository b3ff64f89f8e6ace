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


def make_app_password() -> NewAppPassword:
    """Return a new one, in groups that can be typed, with what is kept of it."""
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(_LETTERS))
    groups = [letters[at : at + _GROUP] for at in range(0, _LETTERS, _GROUP)]
    return NewAppPassword("-".join(groups), letters[:_PREFIX], make_verifier(letters))


def as_app_password(typed: str) -> str:
    """Return the letters of what may be an app password, however it was typed; empty for what cannot be one."""
    if len(typed) > 3 * _LETTERS:
        return ""
    letters = typed.casefold().translate(_MISREAD)
    letters = re.sub(r"[\s-]", "", letters)
    return letters if _FORM.fullmatch(letters) else ""


def prefix_of(letters: str) -> str:
    """Return the part that is no secret: by it the verifier is found, and a person tells one from another."""
    return letters[:_PREFIX]
