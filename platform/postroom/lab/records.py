"""Records that are published while the lab runs: JSON files in a folder, one for each name and type.

`{"name": "_postroom.contoso.example", "type": "TXT", "values": ["postroom-verification=…"]}`. A file takes the
place of what the lab's own zones say for that name and type; an empty list of values takes the record away.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdataset
import dns.rdatatype

from postroom.lab.config import configured_lab
from postroom.lab.zones import TTL

log = logging.getLogger(__name__)

DEMO_DOMAIN = "contoso.example"
MAX_FILES = 1000
MAX_FILE_SIZE = 64 * 1024

Key = tuple[dns.name.Name, dns.rdatatype.RdataType]
Published = Mapping[Key, dns.rdataset.Rdataset]


def publish(folder: Path, name: str, rdtype: str, values: Iterable[str]) -> None:
    """Publish these values, and no others, for the name and type; the lab sees them with its next answer."""
    owner, values = dns.name.from_text(name), list(values)
    _rdataset(rdtype, values)  # refuses what cannot be served, before it is written
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _file_name(owner, rdtype)
    draft = path.with_suffix(f".{secrets.token_hex(4)}.new")
    draft.write_text(json.dumps({"name": owner.to_text(omit_final_dot=True), "type": rdtype, "values": values}) + "\n")
    draft.replace(path)


def withdraw(folder: Path, name: str, rdtype: str) -> None:
    """Undo `publish`: what the lab's own zones say holds again."""
    (folder / _file_name(dns.name.from_text(name), rdtype)).unlink(missing_ok=True)


def publish_domain(domain: str, verification: str, *, folder: Path | None = None) -> None:
    """Publish what a tenant is asked to: the proof of ownership, MX to this platform, and SPF that allows it."""
    folder = folder or configured_lab().records_folder
    assert folder is not None
    publish(folder, f"_postroom.{domain}", "TXT", [verification])
    publish(folder, domain, "MX", [f"10 mx.{DEMO_DOMAIN}."])
    if domain != DEMO_DOMAIN:
        publish(folder, domain, "TXT", [f"v=spf1 include:{DEMO_DOMAIN} -all"])


class PublishedRecords:
    """The folder's records, read again whenever a file in it changed."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._seen: tuple[object, ...] = ()
        self._records: Published = {}

    def current(self) -> Published:
        if self._folder is None:
            return {}
        files = _list(self._folder)
        seen = tuple(files.values())
        if seen != self._seen:
            self._records = dict(record for path in files if (record := _read(path)) is not None)
            self._seen = seen
        return self._records


def _list(folder: Path) -> dict[Path, tuple[object, ...]]:
    """Return the record files and what tells one state of each from another."""
    try:
        with os.scandir(folder) as entries:
            found = sorted((entry for entry in entries if entry.name.endswith(".json")), key=lambda entry: entry.name)
            stats = [(Path(entry.path), entry.stat()) for entry in found[:MAX_FILES]]
    except OSError:  # not made yet, or a file went while we looked: the next question looks again
        return {}
    return {path: (path.name, stat.st_ino, stat.st_mtime_ns, stat.st_size) for path, stat in stats}


def _read(path: Path) -> tuple[Key, dns.rdataset.Rdataset] | None:
    try:
        with path.open(encoding="utf-8") as file:
            record = json.loads(file.read(MAX_FILE_SIZE))
        if not isinstance(record["values"], list):
            raise TypeError("values is not a list")
        rdataset = _rdataset(record["type"], record["values"])
        return (dns.name.from_text(record["name"]), rdataset.rdtype), rdataset
    except (OSError, ValueError, KeyError, TypeError, AttributeError, dns.exception.DNSException) as error:
        log.warning("%s holds no record that can be served: %s", path, error)
        return None


def _rdataset(rdtype: str, values: list[str]) -> dns.rdataset.Rdataset:
    kind = dns.rdatatype.from_text(rdtype)
    rdataset = dns.rdataset.Rdataset(dns.rdataclass.IN, kind, ttl=TTL)
    for value in values:
        text = _quoted(value) if kind == dns.rdatatype.TXT else value
        rdataset.add(dns.rdata.from_text(dns.rdataclass.IN, kind, text, origin=dns.name.root, relativize=False))
    return rdataset


def _quoted(text: str) -> str:
    """Return a TXT value as character strings of at most 255 bytes (RFC 1035 section 3.3.14)."""
    data = text.encode()
    pieces = [data[start : start + 255] for start in range(0, len(data), 255)] or [b""]
    return " ".join('"' + "".join(f"\\{byte:03d}" for byte in piece) + '"' for piece in pieces)


def _file_name(owner: dns.name.Name, rdtype: str) -> str:
    letters = owner.canonicalize().to_text(omit_final_dot=True).replace("/", "%2F")
    return f"{letters or 'root'}.{rdtype.upper()}.json"
