"""Passwords for SMTP AUTH, kept as SCRAM-SHA-256 verifiers (RFC 5802 3, RFC 7677) in PostgreSQL's notation.

App passwords are random and hold 128 bits, so a slow hash would guard nothing and cost every log-in; the same
verifiers serve the SCRAM mechanism.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import re
import secrets
import unicodedata
from base64 import b64decode, b64encode
from typing import Final, NamedTuple

ITERATIONS: Final = 4096  # RFC 7677 4: at least
MAX_ITERATIONS: Final = 1_000_000
MAX_PASSWORD: Final = 1024
_SALT_OCTETS: Final = 16
_VERIFIER = re.compile(
    r"SCRAM-SHA-256\$([1-9][0-9]{0,6}):([A-Za-z0-9+/=]{4,88})\$([A-Za-z0-9+/=]{44}):([A-Za-z0-9+/=]{44})\Z"
)


class Verifier(NamedTuple):
    """What the server keeps: enough to check a password or a SCRAM proof, not to log in elsewhere."""

    iterations: int
    salt: bytes
    stored_key: bytes
    server_key: bytes


def make_verifier(password: str, iterations: int = ITERATIONS, *, beside: str = "") -> str:
    """Return `SCRAM-SHA-256$iterations:salt$stored key:server key`.

    It has the salt of the verifier `beside` it, where there is one: a SCRAM client is told one salt before it shows
    which of an account's passwords it has, so that those share theirs.
    """
    kept = parse_verifier(beside)
    salt, iterations = (kept.salt, kept.iterations) if kept else (secrets.token_bytes(_SALT_OCTETS), iterations)
    stored_key, server_key = _keys(password, salt, iterations)
    return f"SCRAM-SHA-256${iterations}:{_base64(salt)}${_base64(stored_key)}:{_base64(server_key)}"


def parse_verifier(text: str) -> Verifier | None:
    """Read a stored verifier, or None if it is none of ours."""
    match = _VERIFIER.match(text)
    if not match or int(match[1]) > MAX_ITERATIONS:
        return None
    try:
        salt, stored_key, server_key = (b64decode(part, validate=True) for part in match.groups()[1:])
    except binascii.Error:
        return None
    return Verifier(int(match[1]), salt, stored_key, server_key)


def verify(password: str, verifier: str) -> bool:
    """Say whether the password is the right one; the comparison takes the same time for every wrong one."""
    parsed = parse_verifier(verifier)
    if parsed is None:
        return dummy_verify(password)
    stored_key, server_key = _keys(password, parsed.salt, parsed.iterations)
    is_stored = hmac.compare_digest(stored_key, parsed.stored_key)
    return hmac.compare_digest(server_key, parsed.server_key) and is_stored


def dummy_verify(password: str) -> bool:
    """Spend a check's time on a name that does not exist, so that the clock gives no names away; never true."""
    return _keys(password, b"\0" * _SALT_OCTETS, ITERATIONS)[0] == b""


def _keys(password: str, salt: bytes, iterations: int) -> tuple[bytes, bytes]:
    salted = hashlib.pbkdf2_hmac("sha256", _prepared(password), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    return hashlib.sha256(client_key).digest(), hmac.digest(salted, b"Server Key", "sha256")


def _prepared(password: str) -> bytes:
    """Normalise as SASLprep does (RFC 4013 2.2), without its refusals: the password was accepted when it was set."""
    text = password if password.isascii() else unicodedata.normalize("NFKC", password)
    return text.encode("utf-8", "surrogatepass")[:MAX_PASSWORD]


def _base64(raw: bytes) -> str:
    return b64encode(raw).decode("ascii")
