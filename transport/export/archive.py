"""Everything of a tenant as one ZIP file, written as it is read: the configuration, and an mbox for each mailbox.

What is in memory at a time is one batch of letters, whatever the size of the mailboxes.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator
from datetime import UTC
from typing import Final
from uuid import UUID

from django.utils import timezone

from tenants.models import Mailbox
from tenants.scope import scope
from transport.export.configuration import configuration_json, in_batches
from transport.export.mbox import entry
from transport.models import MailboxBody, MailboxMessage
from transport.sized import by_size

LETTERS: Final = 50
LETTER_BYTES: Final = 4 * 1024 * 1024  # of one batch; a letter that is larger comes alone
MAILBOXES: Final = 200

README: Final = b"""An organisation's data, exported by Postroom.

organisation.json        the configuration; "format" and "version" say how to read it; no passwords or keys
mail/NAME.mbox           the letters of one mailbox, oldest first, named by its reply address (mboxrd, RFC 4155)
mail/NAME.folders.tsv    one line a letter, in the same order: uid, folder, read or unread, time of receipt (UTC), size

In an mbox, a line of a letter that begins with "From ", or with that after some ">", has one ">" more than it had.
"""


class _Outlet:
    """Where the ZIP is written to; what was written is taken out again and sent on."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is kept back."""

    def close(self) -> None:
        """What was written is sent on anyway."""

    def take(self) -> bytes:
        taken = b"".join(self._parts)
        self._parts.clear()
        return taken


def archive(tenant_id: UUID) -> Iterator[bytes]:
    """Yield the file. Ends where the tenant's mailboxes end; one that is deleted meanwhile is left out."""
    outlet = _Outlet()
    with zipfile.ZipFile(outlet, "w", zipfile.ZIP_DEFLATED) as target:
        yield from _member(target, outlet, "README.txt", [README])
        yield from _member(target, outlet, "organisation.json", configuration_json(tenant_id))
        for batch in in_batches(tenant_id, lambda: Mailbox.objects.prefetch_related("addresses"), MAILBOXES):
            for mailbox in batch:
                name = file_name(mailbox)
                yield from _member(target, outlet, f"mail/{name}.mbox", mbox_of(mailbox))
                yield from _member(target, outlet, f"mail/{name}.folders.tsv", folders_of(mailbox))
    yield outlet.take()


def mbox_of(mailbox: Mailbox) -> Iterator[bytes]:
    """Yield a mailbox's letters as an mbox, oldest first, each batch read in a scope of its own."""
    for rows in _letters(mailbox):
        for some in by_size(rows, LETTER_BYTES):
            with scope(mailbox.tenant_id):
                ids = {row.body_id for row in some}
                bodies = dict(MailboxBody.objects.filter(pk__in=ids).values_list("pk", "content"))
            for row in some:
                if row.body_id in bodies:
                    yield entry(bytes(bodies[row.body_id]), row.sender, row.received_at)


def folders_of(mailbox: Mailbox) -> Iterator[bytes]:
    """Yield what an mbox does not say of each letter."""
    for rows in _letters(mailbox):
        for row in rows:
            at = row.received_at.astimezone(UTC)
            state = "read" if row.seen else "unread"
            yield f"{row.uid}\t{row.folder}\t{state}\t{at.isoformat()}\t{row.size}\n".encode()


def file_name(mailbox: Mailbox) -> str:
    """Return the reply address as the name of a file, with the id where a file could not be called so."""
    address = str(mailbox.primary_address or "")
    plain = re.sub(r"[^A-Za-z0-9@._+-]", "_", address)[:120].lstrip(".")
    return plain if plain == address and plain.lower() == plain else f"{plain}-{mailbox.pk}"


def _letters(mailbox: Mailbox) -> Iterator[list[MailboxMessage]]:
    after = -1
    while True:
        with scope(mailbox.tenant_id):
            rows = MailboxMessage.objects.filter(mailbox=mailbox, uid__gt=after).order_by("uid")
            batch = list(rows.only("uid", "body_id", "sender", "received_at", "size", "folder", "seen")[:LETTERS])
        if not batch:
            return
        yield batch
        after = batch[-1].uid


def _member(target: zipfile.ZipFile, outlet: _Outlet, name: str, parts: Iterable[bytes]) -> Iterator[bytes]:
    with target.open(zipfile.ZipInfo(name, timezone.now().timetuple()[:6]), "w", force_zip64=True) as member:
        for part in parts:
            member.write(part)
            if taken := outlet.take():
                yield taken
    if taken := outlet.take():
        yield taken
