"""Beginning to validate a send connector: who may, how often, and the row of the audit log.

The walk itself talks to the network and belongs into no transaction (transport/checks/send_connector.py).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from tenants.actions.actor import Actor
from tenants.actions.audit import audit
from tenants.identifiers import uuid7_at
from tenants.models import AuditEvent, Tenant
from tenants.problems import Problem
from transport.models import SendConnector

MOST: Final = 20
PERIOD: Final = timedelta(minutes=10)
ACTION: Final = "send_connector.validate"


@transaction.atomic
def begin_validation(*, actor: Actor, connector: SendConnector, recipient: str, sends_test_message: bool) -> None:
    """Record that somebody validates a connector; raises Problem("validate.too_often")."""
    # Two at once wait for each other here, so that they are counted one after the other.
    Tenant.objects.select_for_update(no_key=True).filter(pk=connector.tenant_id).values_list("pk").get()
    since = uuid7_at(int((timezone.now() - PERIOD).timestamp() * 1000))  # ids are in order of time, and indexed
    recent = AuditEvent.objects.filter(
        tenant_id=connector.tenant_id, noun="send_connector", action=ACTION, id__gt=since
    ).order_by("-id")
    times = list(recent.values_list("at", flat=True)[:MOST])
    if len(times) >= MOST:
        raise Problem(
            "validate.too_often",
            most=MOST,
            minutes=int(PERIOD.total_seconds()) // 60,
            retry_at=(times[-1] + PERIOD).isoformat(),
        )
    audit(
        actor=actor,
        tenant=connector.tenant_id,
        action=ACTION,
        obj=connector,
        after={"recipient": recipient, "test_message": sends_test_message},
    )
