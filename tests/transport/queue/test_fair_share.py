"""Tenants share the workers by the weight of their plans; nobody waits for all of another's mail."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

from tenants.actions.actor import SYSTEM
from tenants.actions.plans import create_plan
from tenants.models import Tenant
from tests import factories
from tests.expect import refused
from tests.transport.workers import WITH_WORKERS, send, with_flow
from transport.queue.due import pick_queues

pytestmark = WITH_WORKERS


def tenant_with_queues(slug: str, count: int, weight: int = 1) -> Tenant:
    tenant = factories.make_tenant(slug, plan=create_plan(actor=SYSTEM, name=slug, weight=weight))
    mailbox = factories.make_mailbox(factories.make_domain(tenant), "ann")
    factories.make_send_connector(tenant)
    send(mailbox, *(f"x@{slug}{n}.test" for n in range(count)))
    return tenant


def picked(running: dict[UUID, int] | None = None, *, limit: int = 8, most: int = 20) -> Counter[UUID]:
    return Counter(
        queue.tenant_id for queue in with_flow(pick_queues, limit=limit, share=10, most=most, running=running)
    )


def test_while_two_wait_one_of_weight_three_has_three_turns_for_each_of_the_other() -> None:
    heavy, light = tenant_with_queues("heavy", 12, weight=3), tenant_with_queues("light", 12)
    assert picked() == {heavy.pk: 6, light.pk: 2}


def test_what_runs_counts_and_no_weight_takes_every_place() -> None:
    heavy, light = tenant_with_queues("heavy", 12, weight=100), tenant_with_queues("light", 2)
    assert picked({heavy.pk: 14}, most=15) == {heavy.pk: 1, light.pk: 2}


def test_a_weight_is_a_number_from_one_to_a_hundred() -> None:
    for weight in (0, 101):
        with refused("plan.invalid_weight"):
            create_plan(actor=SYSTEM, name="Odd", weight=weight)
