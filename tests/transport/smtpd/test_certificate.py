from __future__ import annotations

import os
import ssl
from pathlib import Path

import pytest

from transport.smtpd.certificate import Certificate, make_self_signed


def test_a_certificate_is_made_once_and_its_key_is_private(tmp_path: Path) -> None:
    Certificate(tmp_path, "mail.contoso.example")
    made = (tmp_path / "smtp.crt").read_bytes()
    Certificate(tmp_path, "other.example")
    assert (tmp_path / "smtp.crt").read_bytes() == made
    assert (tmp_path / "smtp.key").stat().st_mode & 0o077 == 0
    decoded = ssl._ssl._test_decode_cert(str(tmp_path / "smtp.crt"))  # type: ignore[attr-defined]
    assert decoded["subjectAltName"] == (("DNS", "mail.contoso.example"),)


def test_changed_files_are_taken_up_and_unusable_ones_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = Certificate(tmp_path, "mail.contoso.example")
    loaded: list[object] = []
    monkeypatch.setattr(type(certificate), "_load", lambda self: loaded.append(self))
    certificate.refresh()
    assert loaded == []
    make_self_signed(tmp_path / "smtp.crt", tmp_path / "smtp.key", "mail.contoso.example")
    os.utime(tmp_path / "smtp.crt", ns=(1, 1))
    certificate.refresh()
    assert len(loaded) == 1


def test_nonsense_in_the_files_leaves_the_certificate_before(tmp_path: Path) -> None:
    certificate = Certificate(tmp_path, "mail.contoso.example")
    (tmp_path / "smtp.crt").write_text("nonsense")
    certificate.refresh()
    assert certificate.context.cert_store_stats() is not None
