"""Tenants share the workers by the weight of their plans; nobody waits for all of another's mail."""

from __future__ import annotations

from collections import Counter
from uuid import UUID

from django.test import Client
from django.urls import reverse

from tenants.actions.actor import SYSTEM
from tenants.actions.plans import create_plan
from tenants.models import Tenant
from tests import factories
from tests.conftest import Contoso
from tests.expect import refused
from tests.postroom.api.conftest import program_of
from tests.transport.dns.stub import StubDns
from tests.transport.workers import WITH_WORKERS, send, with_flow
from transport.models import Queue
from transport.queue import figures
from transport.queue.due import pick_queues
from transport.queue.share import share_of

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


def test_a_tenant_is_told_its_share_and_how_many_turns_come_before_its_own() -> None:
    heavy, light = tenant_with_queues("heavy", 12, weight=3), tenant_with_queues("light", 4)
    figures.refresh_if_due()
    told = share_of(heavy)
    assert (told.weight, told.percent, told.others, told.turns_before, told.waiting) == (3, 75, 1, 1, 12)
    told = share_of(light)
    assert (told.weight, told.percent, told.others, told.turns_before, told.waiting) == (1, 25, 1, 3, 4)
    idle = share_of(factories.make_tenant("idle"))
    assert (idle.percent, idle.others, idle.turns_before, idle.waiting) == (20, 2, 4, 0)


def test_the_share_is_on_the_page_of_queues_and_in_the_api(contoso: Contoso, as_alice: Client) -> None:
    factories.make_send_connector(contoso.tenant)
    send(contoso.alice_mailbox, "x@elsewhere.example")
    tenant_with_queues("heavy", 12, weight=3)
    figures.refresh_if_due()
    assert "Your share of the workers now: 25 %" in as_alice.get(reverse("console:queues")).content.decode()
    answer = program_of(contoso.tenant).get("queues/share/").json()
    assert (answer["percent"], answer["others"], answer["turns_before"], answer["waiting"]) == (25, 1, 3, 1)


def test_the_share_is_on_a_queues_page_and_in_simulations(
    contoso: Contoso, as_alice: Client, name_server: StubDns
) -> None:
    factories.make_send_connector(contoso.tenant)
    send(contoso.alice_mailbox, "x@elsewhere.example")
    tenant_with_queues("heavy", 12, weight=3)
    figures.refresh_if_due()
    queue = Queue.objects.get(tenant=contoso.tenant)
    told = "Your share of the workers now: 25 %"
    assert told in as_alice.get(reverse("console:queue", args=[queue.pk])).content.decode()
    asked = {"sender": "alice@contoso.example", "recipient": "x@elsewhere.example"}
    assert told in as_alice.get(reverse("console:what-if"), asked).content.decode()
    answer = program_of(contoso.tenant).post("route-simulations/", asked | {"look_up": False}).json()
    assert answer["share"] == {"percent": 25, "turns_before": 3}
    assert answer["outcomes"][0]["way"]["queue"]["waiting_before"] == 1
