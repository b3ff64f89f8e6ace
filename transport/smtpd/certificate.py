"""The certificate for STARTTLS: made by ourselves at the first run, replaced by putting files in its place."""

from __future__ import annotations

import datetime
import fcntl
import logging
import os
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.conf import settings

from transport.smtpd.client_certificates import ask, take_any_certificate

logger = logging.getLogger(__name__)

LIFETIME: Final = datetime.timedelta(days=3650)


class Certificate:
    """The server's TLS contexts of the moment; `refresh` takes up changed files for the handshakes to come.

    `context` is for most clients; `asking` asks them for a certificate, where a relay permission goes by one.

    Beside `smtp.crt` there may be others, each with its key: a client that names one of their names (SNI, RFC 6066 3)
    is shown that one, everybody else the first.
    """

    def __init__(self, folder: Path | None = None, hostname: str | None = None) -> None:
        self._folder = folder or settings.POSTROOM_DATA_DIR / "certificates"
        self._certificate, self._key = self._folder / "smtp.crt", self._folder / "smtp.key"
        self._folder.mkdir(parents=True, exist_ok=True)
        with open(self._folder / ".lock", "w") as lock:
            # Two processes that start together must not mix the key of one with the certificate of the other.
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not self._certificate.exists():
                make_self_signed(self._certificate, self._key, hostname or settings.POSTROOM_HOSTNAME)
        self._seen = _stamp(self._certificate, self._key)
        self._others: dict[Path, _Other] = {}
        self._by_name: dict[str, ssl.SSLContext] = {}
        self._load()
        self._refresh_others()

    def _load(self) -> None:
        # New contexts: one that half of a pair was loaded into would fail in each handshake.
        self.context, self.asking = self._own_context(), self._own_context()
        ask(self.asking)

    def _own_context(self) -> ssl.SSLContext:
        context = new_context()
        context.sni_callback = self._choose
        context.load_cert_chain(self._certificate, self._key)
        return context

    def refresh(self) -> None:
        """Load the files again if they changed; keep what we have if they do not fit."""
        self._refresh_others()
        stamp = _stamp(self._certificate, self._key)
        if stamp == self._seen or stamp is None:
            return
        self._seen = stamp
        try:
            self._load()
        except (ssl.SSLError, OSError):
            logger.exception("The new certificate cannot be used; the one before stays")
        else:
            logger.info("The certificate was loaded anew.")

    def _choose(self, connection: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        """Show the certificate of the name that the client asks for."""
        found = self._by_name.get(name.lower()) if name else None
        if found is None and name:
            found = self._by_name.get("*." + name.lower().partition(".")[2])
        if found is not None:
            connection.context = found

    def _refresh_others(self) -> None:
        paths = [path for path in sorted(self._folder.glob("*.crt")) if path != self._certificate]
        stamps = {path: _stamp(path, path.with_suffix(".key")) for path in paths}
        if stamps == {path: other.stamp for path, other in self._others.items()}:
            return
        self._others = {path: self._other(path, stamp) for path, stamp in stamps.items()}
        self._by_name = {
            name: other.context for other in self._others.values() if other.context is not None for name in other.names
        }

    def _other(self, path: Path, stamp: Stamp | None) -> _Other:
        known = self._others.get(path)
        if stamp is None or (known is not None and known.stamp == stamp):
            return known or _Other(stamp)
        context = new_context()
        # Whether a certificate is asked for stays as the first context says; how it is looked at does not.
        take_any_certificate(context)
        try:
            context.load_cert_chain(path, path.with_suffix(".key"))
            names = names_of(path.read_bytes())
        except (ssl.SSLError, OSError, ValueError) as error:
            logger.error("The certificate %s cannot be used: %s", path.name, error)
            return _Other(stamp, known.context, known.names) if known is not None else _Other(stamp)
        return _Other(stamp, context, names)


Stamp = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Other:
    """A certificate for names of its own, or one that cannot be used (without a context)."""

    stamp: Stamp | None
    context: ssl.SSLContext | None = None
    names: tuple[str, ...] = ()


def new_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def names_of(pem: bytes) -> tuple[str, ...]:
    """Return the DNS names of a certificate, in lower case; `*.` stands for one label."""
    certificate = x509.load_pem_x509_certificate(pem)
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(name.lower() for name in extension.value.get_values_for_type(x509.DNSName))


def _stamp(certificate: Path, key: Path) -> Stamp | None:
    try:
        return certificate.stat().st_mtime_ns, key.stat().st_mtime_ns
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
