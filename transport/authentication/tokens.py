"""Tokens of an OpenID Connect provider (RFC 7519, RFC 9068): whose they are, where the provider's keys vouch for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import jwt

# Signatures by a key pair alone: what a shared secret signs, whoever checks it could have made.
ALGORITHMS: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
_KEY_TYPES: Final = frozenset({"RSA", "EC", "OKP"})
LEEWAY: Final = 60.0  # seconds that two clocks may differ


class InvalidToken(Exception):
    """The token vouches for nobody here: not signed by the provider, not for us, out of date, or without an address."""


class UnknownKey(InvalidToken):
    """The token names a key that we do not have; the provider may have a new one."""


@dataclass(frozen=True, slots=True)
class Provider:
    """What an issuer publishes, by the name that it writes into its tokens; `keys` are by their `kid`."""

    issuer: str
    keys: Mapping[str, jwt.PyJWK]


def provider_from(issuer: str, key_set: Mapping[str, Any]) -> Provider:
    """Return the provider with those keys of its set (RFC 7517) that can check signatures; raises InvalidToken."""
    found = key_set.get("keys")
    wanted = [key for key in found if _is_for_signatures(key)] if isinstance(found, list) else []
    try:
        keys = jwt.PyJWKSet(wanted)
    except jwt.PyJWTError:
        raise InvalidToken("the provider publishes no key that can check a signature") from None
    return Provider(issuer, {key.key_id or "": key for key in keys})


def _is_for_signatures(key: object) -> bool:
    return isinstance(key, dict) and key.get("kty") in _KEY_TYPES and key.get("use", "sig") == "sig"


def address_in(token: str, provider: Provider, audiences: Iterable[str]) -> str:
    """Return the verified e-mail address that the token vouches for, in lower case; raises InvalidToken."""
    claims = _claims(token, provider, tuple(audiences))
    address = claims.get("email")
    # Providers write all kinds of things there; only a plain yes is one.
    if not isinstance(address, str) or claims.get("email_verified") not in (True, "true"):
        raise InvalidToken("it names no verified address")
    return address.strip().lower()


def _claims(token: str, provider: Provider, audiences: tuple[str, ...]) -> Mapping[str, Any]:
    try:
        header = jwt.get_unverified_header(token)
        algorithm = header.get("alg")
        if algorithm not in ALGORITHMS:
            raise InvalidToken("it is not signed by a key pair")
        claims: Mapping[str, Any] = jwt.decode(
            token,
            _key(header.get("kid"), provider),
            algorithms=[algorithm],
            audience=audiences,
            issuer=provider.issuer,
            leeway=LEEWAY,
            options={"require": ["exp", "iss", "aud"]},
        )
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise InvalidToken(type(error).__name__) from None
    return claims


def _key(kid: object, provider: Provider) -> jwt.PyJWK:
    if kid is None and len(provider.keys) == 1:
        return next(iter(provider.keys.values()))
    key = provider.keys.get(kid) if isinstance(kid, str) else None
    if key is None:
        raise UnknownKey("no such key")
    return key
