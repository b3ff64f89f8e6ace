"""Send As: whose log-ins may use a mailbox's addresses as their sender."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from tenants.access import mailbox_of_address
from tenants.actions.actor import Actor
from tenants.actions.audit import audit
from tenants.models import Mailbox, SendAsGrant
from tenants.problems import Problem
from tenants.wakeups import configuration_changed

MOST = 100  # of one mailbox


@transaction.atomic
def set_send_as(*, actor: Actor, mailbox: Mailbox, addresses: Sequence[str]) -> None:
    """Let exactly these mailboxes of the tenant, each named by any of its addresses, send as this one."""
    wanted = {_named(mailbox, address).pk for address in addresses}
    if len(wanted) > MOST:
        raise Problem("send_as.too_many", field="send_as", limit=MOST, mailbox=mailbox.display_name)
    rows = SendAsGrant.objects.filter(tenant_id=mailbox.tenant_id, mailbox=mailbox)
    kept = set(rows.values_list("grantee_id", flat=True))
    if wanted == kept:
        return
    before = granted_names(mailbox)
    rows.exclude(grantee_id__in=wanted).delete()
    SendAsGrant.objects.bulk_create(
        SendAsGrant(tenant_id=mailbox.tenant_id, mailbox=mailbox, grantee_id=pk) for pk in sorted(wanted - kept)
    )
    audit(
        actor=actor,
        tenant=mailbox.tenant_id,
        action="mailbox.send_as",
        obj=mailbox,
        before={"send_as": before},
        after={"send_as": granted_names(mailbox)},
    )
    configuration_changed(mailbox.tenant_id)


def grant_send_as(*, actor: Actor, mailbox: Mailbox, address: str) -> None:
    """Add one mailbox, named by any of its addresses, to those that may send as this one."""
    set_send_as(actor=actor, mailbox=mailbox, addresses=[*granted_names(mailbox), address])


def granted_names(mailbox: Mailbox) -> list[str]:
    """Return the reply addresses of the mailboxes that may send as this one, sorted."""
    grants = SendAsGrant.objects.filter(tenant_id=mailbox.tenant_id, mailbox=mailbox)
    rows = grants.select_related("grantee").prefetch_related("grantee__addresses")
    return sorted(str(row.grantee.primary_address) for row in rows)


def _named(mailbox: Mailbox, address: str) -> Mailbox:
    found = mailbox_of_address(mailbox.tenant_id, address.strip())
    if found is None:
        raise Problem("send_as.no_mailbox", field="send_as", address=address.strip()[:320])
    if found.pk == mailbox.pk:
        raise Problem("send_as.itself", field="send_as", address=address.strip()[:320])
    return found
