"""The SASL messages of OAUTHBEARER (RFC 7628) and of XOAUTH2 (Google's, which mail programs speak as well)."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Final

_SEPARATOR: Final = "\x01"
_BEARER = re.compile(r"Bearer +([A-Za-z0-9._~+/-]+=*)\Z", re.IGNORECASE)  # RFC 6750 2.1
# RFC 7628 3.1: gs2-header kvsep *(key "=" value kvsep) kvsep; of channel bindings there are none.
_GS2 = re.compile(r"[ny],(?:a=([^,\x01]*))?,")


class BadBearerMessage(Exception):
    """The client's message is not of the mechanism's form."""


@dataclass(frozen=True, slots=True)
class BearerMessage:
    """Who the client wants to be, '' where it leaves that to the token, and the token."""

    user: str
    token: str = field(repr=False)


def read_oauthbearer(text: str) -> BearerMessage:
    """Read the client's only message (RFC 7628 3.1); raises BadBearerMessage."""
    gs2, _, rest = text.partition(_SEPARATOR)
    match = _GS2.fullmatch(gs2)
    if match is None:
        raise BadBearerMessage
    # RFC 5801 4: in the name a comma and an equals sign are written as =2C and =3D.
    user = (match[1] or "").replace("=2C", ",").replace("=2c", ",").replace("=3D", "=").replace("=3d", "=")
    return BearerMessage(user, _token(_values(rest)))


def read_xoauth2(text: str) -> BearerMessage:
    """Read the client's only message: user=…^Aauth=Bearer …^A^A; raises BadBearerMessage."""
    values = _values(text)
    return BearerMessage(values.get("user", ""), _token(values))


def challenge(status: str, configuration: str, scope: str = "openid email") -> str:
    """Return what the server says of a token that it does not take (RFC 7628 3.2.2): JSON without secrets."""
    return json.dumps({"status": status, "schemes": "bearer", "scope": scope, "openid-configuration": configuration})


def _values(text: str) -> dict[str, str]:
    if not text.endswith(_SEPARATOR * 2):
        raise BadBearerMessage
    values: dict[str, str] = {}
    for pair in text.removesuffix(_SEPARATOR * 2).split(_SEPARATOR):
        key, equals, value = pair.partition("=")
        if not equals or not key.isalpha() or key.lower() in values:
            raise BadBearerMessage
        values[key.lower()] = value
    return values


def _token(values: dict[str, str]) -> str:
    match = _BEARER.match(values.get("auth", ""))
    if match is None:
        raise BadBearerMessage
    return match[1]
