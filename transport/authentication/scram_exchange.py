"""The server's side of SCRAM-SHA-256 (RFC 5802 5, 7; RFC 7677), without channel binding: messages in, messages out."""

from __future__ import annotations

import binascii
import hashlib
import hmac
import re
import secrets
from base64 import b64decode, b64encode
from dataclasses import dataclass
from typing import Final

from transport.authentication.scram import ITERATIONS, Verifier

_NONCE: Final = r"(?P<nonce>[!-+\--~]{1,1024})"  # printable, without the comma
_BASE64: Final = r"[A-Za-z0-9+/=]{1,4096}"
_FIRST: Final = re.compile(
    rf"(?P<gs2>[ny],(?:a=(?P<authzid>[^,]*))?,)(?P<bare>n=(?P<name>[^,]{{1,1024}}),r={_NONCE})\Z"
)
_FINAL: Final = re.compile(rf"(?P<unproven>c=(?P<binding>{_BASE64}),r={_NONCE}),p=(?P<proof>{_BASE64})\Z")
_BAD_ESCAPE: Final = re.compile(r"=(?!2C|3D)")


class BadScramMessage(ValueError):
    """The client's message is not of the form, or asks for what is not offered."""


@dataclass(frozen=True, slots=True)
class ClientFirst:
    """The client's first message: who it wants to be."""

    name: str
    nonce: str
    gs2: str
    bare: str


def read_client_first(text: str) -> ClientFirst:
    """Read it; extensions, channel binding and acting for somebody else are not offered."""
    match = _FIRST.match(text)
    if match is None:
        raise BadScramMessage
    name = _decoded(match["name"])
    # RFC 4616 has the same rule in PLAIN: one may name oneself.
    if match["authzid"] and _decoded(match["authzid"]) != name:
        raise BadScramMessage
    return ClientFirst(name, match["nonce"], match["gs2"], match["bare"])


def _decoded(name: str) -> str:
    if _BAD_ESCAPE.search(name):
        raise BadScramMessage
    return name.replace("=2C", ",").replace("=3D", "=")


def stand_in(name: str, secret: bytes) -> Verifier:
    """Return what a name that nobody has is answered with: the same salt each time, and no proof fits it."""
    digest = hmac.digest(secret, name.encode("utf-8", "surrogatepass"), "sha512")
    return Verifier(ITERATIONS, digest[:16], secrets.token_bytes(32), secrets.token_bytes(32))


class ScramExchange:
    """One log-in between the client's first message and its last.

    An account may have several passwords; the client is told the salt of the first, so only those that share it count.
    """

    def __init__(self, first: ClientFirst, *verifiers: Verifier) -> None:
        self._first, self._verifiers = first, verifiers
        self._nonce = first.nonce + secrets.token_urlsafe(24)
        salt = b64encode(verifiers[0].salt).decode()
        self.challenge = f"r={self._nonce},s={salt},i={verifiers[0].iterations}"

    def conclude(self, final: str) -> tuple[int, str] | None:
        """Return which verifier it was and the server's last message, which proves it, or None for a wrong proof."""
        match = _FINAL.match(final)
        if match is None:
            raise BadScramMessage
        binding, proof = _from_base64(match["binding"]), _from_base64(match["proof"])
        is_in_step = binding == self._first.gs2.encode() and hmac.compare_digest(match["nonce"], self._nonce)
        said = f"{self._first.bare},{self.challenge},{match['unproven']}".encode()
        fits = [_is_proof(verifier, proof, said) for verifier in self._verifiers]
        if not any(fits) or not is_in_step:
            return None
        which = fits.index(True)
        return which, "v=" + b64encode(hmac.digest(self._verifiers[which].server_key, said, "sha256")).decode()


def _is_proof(verifier: Verifier, proof: bytes, said: bytes) -> bool:
    signature = hmac.digest(verifier.stored_key, said, "sha256")
    if len(proof) != len(signature):
        return False
    client_key = bytes(one ^ other for one, other in zip(proof, signature, strict=True))
    return hmac.compare_digest(hashlib.sha256(client_key).digest(), verifier.stored_key)


def _from_base64(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except binascii.Error:
        raise BadScramMessage from None
