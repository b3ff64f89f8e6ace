"""Client certificates: asked for, taken whoever issued them, and known by their SHA-256 alone.

Python's ssl refuses, within the handshake, every certificate that no authority vouches for; other mail servers show
all kinds, and none of them may fail for it. So OpenSSL is told to take any: whose it is, fingerprints decide, of the
certificate or of its public key, and the handshake has proved that the client has the private key.
"""

from __future__ import annotations

import _ssl
import ctypes
import hashlib
import logging
import ssl
from functools import lru_cache
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

logger = logging.getLogger(__name__)

_VERIFY = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)
_TAKEN: Final = 1


def _take_any(store: int, argument: int) -> int:
    return _TAKEN


# As long as the process: OpenSSL keeps its address.
_take_any_callback: Final = _VERIFY(_take_any)


def take_any_certificate(context: ssl.SSLContext) -> bool:
    """Let the context take certificates that nobody vouches for. False where OpenSSL cannot be reached for that."""
    library, pointer = _openssl(), _pointer(context)
    if library is None or pointer is None:
        return False
    library.SSL_CTX_set_cert_verify_callback(pointer, _take_any_callback, None)
    return True


def ask(context: ssl.SSLContext) -> bool:
    """Have the context ask clients for a certificate, which they may leave out. False where that is not possible."""
    if not take_any_certificate(context):
        return False
    context.verify_mode = ssl.CERT_OPTIONAL
    return True


def fingerprints_of(tls: ssl.SSLObject | None) -> frozenset[str]:
    """Return the fingerprints of the certificate that the client showed: its own, and that of its public key."""
    der = tls.getpeercert(binary_form=True) if tls is not None else None
    return fingerprints(der) if der else frozenset()


@lru_cache(maxsize=1_024)
def fingerprints(der: bytes) -> frozenset[str]:
    """Return the SHA-256 of a certificate, and of its public key as RFC 7469 2.4 takes it, where it can be read."""
    found = {hashlib.sha256(der).hexdigest()}
    try:
        key = x509.load_der_x509_certificate(der).public_key()
        spki = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:  # x509.InvalidVersion among them
        logger.debug("A client's certificate cannot be read: %s", error)
    else:
        found.add(hashlib.sha256(spki).hexdigest())
    return frozenset(found)


@lru_cache(maxsize=1)
def _openssl() -> Any:
    """Return the OpenSSL that Python's ssl uses, or None where it cannot be called."""
    try:
        library = ctypes.CDLL(_ssl.__file__)
        library.SSL_CTX_get_options.argtypes = [ctypes.c_void_p]
        library.SSL_CTX_get_options.restype = ctypes.c_uint64
        library.SSL_CTX_set_cert_verify_callback.argtypes = [ctypes.c_void_p, _VERIFY, ctypes.c_void_p]
        library.SSL_CTX_set_cert_verify_callback.restype = None
    except (AttributeError, OSError) as error:
        logger.warning("Clients are not asked for certificates: Python's OpenSSL cannot be called (%s).", error)
        return None
    return library


def _pointer(context: ssl.SSLContext) -> int | None:
    """Return OpenSSL's own object within Python's, the first thing in it; None where what is there is not it."""
    library = _openssl()
    if library is None or ssl.SSLContext.__basicsize__ < object.__basicsize__ + ctypes.sizeof(ctypes.c_void_p):
        return None
    pointer = ctypes.c_void_p.from_address(id(context) + object.__basicsize__).value
    if not pointer or library.SSL_CTX_get_options(pointer) != int(context.options) & 0xFFFF_FFFF_FFFF_FFFF:
        logger.warning("Clients are not asked for certificates: this Python keeps its contexts in another form.")
        return None
    return int(pointer)
