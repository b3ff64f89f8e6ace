"""The certificate for STARTTLS: made by ourselves at the first run, replaced by putting files in its place."""

from __future__ import annotations

import datetime
import fcntl
import logging
import os
import ssl
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.conf import settings

logger = logging.getLogger(__name__)

LIFETIME: Final = datetime.timedelta(days=3650)


class Certificate:
    """The server's TLS context; `refresh` takes up changed files, also for connections to come on open listeners."""

    def __init__(self, folder: Path | None = None, hostname: str | None = None) -> None:
        folder = folder or settings.POSTROOM_DATA_DIR / "certificates"
        self._certificate, self._key = folder / "smtp.crt", folder / "smtp.key"
        folder.mkdir(parents=True, exist_ok=True)
        with open(folder / ".lock", "w") as lock:
            # Two processes that start together must not mix the key of one with the certificate of the other.
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not self._certificate.exists():
                make_self_signed(self._certificate, self._key, hostname or settings.POSTROOM_HOSTNAME)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._seen = self._stamp()
        self._load()

    def _load(self) -> None:
        self.context.load_cert_chain(self._certificate, self._key)

    def refresh(self) -> None:
        """Load the files again if they changed; keep what we have if they do not fit."""
        stamp = self._stamp()
        if stamp == self._seen or stamp is None:
            return
        self._seen = stamp
        try:
            self._load()
        except (ssl.SSLError, OSError):
            logger.exception("The new certificate cannot be used; the one before stays")
        else:
            logger.info("The certificate was loaded anew.")

    def _stamp(self) -> tuple[int, int] | None:
        try:
            return self._certificate.stat().st_mtime_ns, self._key.stat().st_mtime_ns
        except FileNotFoundError:
            return None


def make_self_signed(certificate: Path, key: Path, hostname: str) -> None:
    """Write a key and a certificate for the host name; the key is nobody else's to read."""
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hostname[:64])])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + LIFETIME)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(hostname)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(key, pem, 0o600)
    _write(certificate, made.public_bytes(serialization.Encoding.PEM), 0o644)


def _write(path: Path, content: bytes, mode: int) -> None:
    """Put the file in place at once: whoever reads never sees half of one."""
    draft = path.with_name(f"{path.name}.new")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(content)
    draft.replace(path)
