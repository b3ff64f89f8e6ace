"""Taking a tenant's data away: allowed to who answers for it, and told in the audit log before the first byte."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from django.db import transaction
from django.utils import timezone

from tenants.actions.actor import Actor
from tenants.actions.audit import audit
from tenants.models import Tenant
from transport.access import message_source
from transport.export.archive import archive
from transport.export.configuration import FORMAT, VERSION, configuration_json
from transport.models import Message


class Contents(StrEnum):
    CONFIGURATION = "configuration"  # one JSON document
    EVERYTHING = "everything"  # a ZIP with that and the mail


@dataclass(frozen=True, slots=True)
class Export:
    """A file to send: `parts` open scopes of their own as they are read, so read them outside of any."""

    file_name: str
    content_type: str
    parts: Iterator[bytes]


@transaction.atomic
def export_tenant(*, actor: Actor, tenant: Tenant, contents: Contents) -> Export:
    """Return the export, which begins when its parts are read."""
    after = {"contents": contents.value, "format": FORMAT, "version": VERSION}
    audit(actor=actor, tenant=tenant, action="tenant.export", obj=tenant, after=after)
    stem = f"{tenant.slug}-{timezone.now():%Y-%m-%d}"
    if contents is Contents.CONFIGURATION:
        return Export(f"{stem}.json", "application/json", configuration_json(tenant.pk))
    return Export(f"{stem}.zip", "application/zip", archive(tenant.pk))


@transaction.atomic
def export_message(*, actor: Actor, message: Message) -> bytes:
    """Return a message in transport byte for byte, as an .eml file holds it; raise Http404 where its bytes are gone."""
    content = message_source(message.tenant_id, message.pk)
    audit(actor=actor, tenant=message.tenant_id, action="message.export", obj=message, after={"size": len(content)})
    return content
