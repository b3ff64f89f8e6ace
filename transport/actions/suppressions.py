"""What an administrator does to the suppression list: the mail flow fills it (transport/queue/bounces.py)."""

from __future__ import annotations

from django.db import transaction

from tenants.actions.actor import Actor
from tenants.actions.audit import audit, snapshot
from tenants.wakeups import cached_facts_changed
from transport.models import SuppressedAddress


@transaction.atomic
def release_address(*, actor: Actor, row: SuppressedAddress) -> None:
    """Let the organisation write to an address again. If mail comes back once more, it is suppressed once more."""
    audit(actor=actor, tenant=row.tenant_id, action="suppressed_address.release", obj=row, before=snapshot(row))
    SuppressedAddress.objects.filter(pk=row.pk).delete()
    cached_facts_changed(row.tenant_id)
