"""Secrets at rest: encrypted with keys of the environment, the first for writing, all for reading (rotation)."""

from __future__ import annotations

import base64
import hashlib
import secrets
import string

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class SecretLost(Exception):
    """No key of POSTROOM_ENCRYPTION_KEYS opens this secret."""


def encrypt(text: str) -> bytes:
    return _keys().encrypt(text.encode())


def decrypt(data: bytes) -> str:
    try:
        return _keys().decrypt(bytes(data)).decode()
    except InvalidToken:
        raise SecretLost(SecretLost.__doc__) from None


def _keys() -> MultiFernet:
    return MultiFernet([Fernet(_derive(key)) for key in settings.POSTROOM_ENCRYPTION_KEYS])


def _derive(key: str) -> bytes:
    """Return a Fernet key from a random secret of any form."""
    return base64.urlsafe_b64encode(hashlib.sha256(b"postroom-secrets:" + key.encode()).digest())


def random_password(length: int = 20) -> str:
    """Return a password of over 100 bits that survives being read aloud and typed."""
    alphabet = "".join(set(string.ascii_letters + string.digits) - set("0O1lI"))
    return "".join(secrets.choice(sorted(alphabet)) for _ in range(length))
