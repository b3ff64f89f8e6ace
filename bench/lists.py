"""`python -m bench.lists FACTOR`: seed, then time every admin list, every operators' page and a big tenant's lists.

A program of its own, because Django's settings are read once: after the database was made.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import django

django.setup()

from django.contrib import admin  # noqa: E402 - models exist only after the set-up
from django.test import Client  # noqa: E402
from django.urls import get_resolver, reverse  # noqa: E402

from bench.seed import BIG, Seeder  # noqa: E402
from tenants.actions.actor import SYSTEM  # noqa: E402
from tenants.actions.audit import audit  # noqa: E402
from tenants.actions.domains import create_accepted_domain  # noqa: E402
from tenants.actions.keys import create_api_key  # noqa: E402
from tenants.actions.mailboxes import AddressInput, create_mailbox  # noqa: E402
from tenants.actions.tenants import create_tenant, make_user  # noqa: E402
from tenants.models import Tenant, User  # noqa: E402
from tenants.scope import operator_scope, scope  # noqa: E402
from transport.actions.send import send_message  # noqa: E402
from transport.actions.send_connectors import SpaceInput, create_send_connector  # noqa: E402
from transport.models import Queue  # noqa: E402
from transport.queue.figures import refresh_if_due  # noqa: E402
from transport.routing.envelope import Origin  # noqa: E402
from transport.tracking.traffic import sum_up  # noqa: E402

GOAL: Final = 200.0  # ms
ROUNDS: Final = 3
PASSWORD: Final = "correct horse battery staple"


@dataclass(frozen=True, slots=True)
class Timed:
    what: str
    path: str
    best: float
    median: float


def main(factor: float) -> int:
    make_template()
    started = time.monotonic()
    print("seeding", flush=True)
    Seeder(os.environ["BENCH_OWNER_URL"], factor).fill()
    with operator_scope():
        refresh_if_due()
        sum_up()
        print(f"seeded in {time.monotonic() - started:.0f} s: {Tenant.objects.count():,} tenants", flush=True)
    rows = [*timed(operator(), admin_pages()), *timed(owner(), console_pages())]
    rows += timed(Client(headers={"Authorization": f"Bearer {key()}"}), api_pages())
    return show(rows)


def make_template() -> None:
    """Make one tenant with one of everything, as people do."""
    with operator_scope():
        make_user(actor=SYSTEM, email="bench@postroom.example", password=PASSWORD, is_operator=True)
        tenant = create_tenant(
            actor=SYSTEM, slug="bench-0", owner_email="owner-0@bench.example", owner_password=PASSWORD
        )
        domain = create_accepted_domain(actor=SYSTEM, tenant=tenant, domain="d0.bench.example")
        type(domain).objects.filter(pk=domain.pk).update(verified_at=domain.created_at)
        address = AddressInput("person0@d0.bench.example", is_primary=True)
        mailbox = create_mailbox(actor=SYSTEM, tenant=tenant, display_name="Person", addresses=[address])
        create_send_connector(
            actor=SYSTEM,
            tenant=tenant,
            name="Internet",
            usage="internet",
            routing="dns",
            address_spaces=[SpaceInput("*", 1)],
        )
        create_api_key(actor=SYSTEM, name="bench", tenant=tenant)
        audit(actor=SYSTEM, tenant=tenant, action="bench")
    content = b"From: person0@d0.bench.example\r\nSubject: s\r\n\r\nx\r\n"
    with scope(tenant):
        send_message(
            actor=SYSTEM,
            tenant=tenant,
            mailbox=mailbox,
            content=content,
            sender="person0@d0.bench.example",
            recipients=["x@hop0.example"],
            origin=Origin.CONSOLE,
        )


def operator() -> Client:
    return _signed_in(User.objects.get(email="bench@postroom.example"))


def owner() -> Client:
    return _signed_in(User.objects.get(email="owner-1@bench.example"))


def _signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def key() -> str:
    with operator_scope():
        return create_api_key(actor=SYSTEM, name="bench", tenant=Tenant.objects.get(slug=BIG))[1]


def admin_pages() -> Iterator[tuple[str, str]]:
    """Yield the operators' pages, and each list plain, searched, filtered by each choice, and a hundred pages on."""
    with operator_scope():
        queue = Queue.objects.filter(tenant__slug=BIG).first()
    yield "overview", reverse("admin:index")
    queues, tracking = reverse("admin:platform-queues"), reverse("admin:platform-tracking")
    for by in ("next_hop", "error", "tenant", "queue"):
        yield f"queues by {by}", f"{queues}?by={by}"
    yield "queues of a tenant", f"{queues}?by=queue&tenant={BIG}"
    yield "queues with an error", f"{queues}?by=queue&reason=connect.refused"
    yield "messages of a queue", f"{reverse('admin:platform-queue-messages')}?queue={queue.pk if queue else ''}"
    yield "settings", reverse("admin:platform-settings")
    searches = {
        "everything": {},
        "sender": {"sender": "Person0@d7.bench.example"},
        "recipient": {"recipient": "x77@hop7.example"},
        "message id": {"message_id": "<77@bench.example>"},
        "subject": {"subject": "invoice 77"},
        "common subject": {"subject": "invoice"},
        "tenant": {"tenant": BIG},
        "failures": {"event_id": "FAIL"},
        "failures of a tenant": {"event_id": "FAIL", "tenant": "bench-7"},
        "tenant and sender": {"tenant": BIG, "sender": "person0@d1.bench.example"},
        "nothing": {"sender": "nobody@x.example"},
    }
    for what, query in searches.items():
        yield f"tracking: {what}", f"{tracking}?{urlencode({'period': '31d', **query})}"
    for model, page in admin.site._registry.items():
        path = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        name = str(model._meta.verbose_name_plural)
        yield name, path
        yield f"{name}, page 100", f"{path}?p=100"
        for term in (BIG, "person0@d7.bench.example", "hop7.example", "<77@bench.example>", "nothing"):
            yield f"{name}, search {term}", f"{path}?{urlencode({'q': term})}"
        for field in [one for one in page.list_filter if isinstance(one, str)]:
            choices = [one for one, _ in getattr(model._meta.get_field(str(field)), "flatchoices", [])]
            for value in choices or ["1", "0"]:
                yield f"{name}, {field}={value}", f"{path}?{field}__exact={value}"


def console_pages() -> Iterator[tuple[str, str]]:
    with operator_scope():
        queue = Queue.objects.filter(tenant__slug=BIG).first()
    for name in ("overview", "queues", "tracking", "accepted-domains", "mailboxes", "send-connectors", "audit"):
        yield f"console: {name}", reverse(f"console:{name}")
    yield "console: a queue", reverse("console:queue", args=[queue.pk if queue else ""])
    for name, query in (
        ("queues", "status=retry&older_than=1h"),
        ("queue-messages", ""),
        ("queue-messages", "recipient=@x1.example&state=retry"),
        ("queue-messages", "subject=nothing+like+this"),
        ("queue-operations", ""),
    ):
        yield f"console: {name} {query}".strip(), f"{reverse(f'console:{name}')}?{query}"
    yield "console: search sender", reverse("console:tracking") + "?sender=person0@d1.bench.example&period=30d"
    yield "console: search subject", reverse("console:tracking") + "?subject=invoice+77&period=30d"


def api_pages() -> Iterator[tuple[str, str]]:
    names = sorted(
        {str(name) for name in get_resolver("postroom.api.v1.urls").reverse_dict if str(name).endswith("-list")}
    )
    for name in names:
        if name not in {"tenant-list", "app-password-list"}:
            yield f"API: {name}", reverse(f"api:{name}")


def timed(client: Client, pages: Iterator[tuple[str, str]]) -> Iterator[Timed]:
    for what, path in pages:
        took = []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            answer: Any = client.get(path)
            took.append((time.perf_counter() - started) * 1000)
        if answer.status_code in {400, 404, 405}:
            continue
        if answer.status_code >= 300:
            print(f"  {answer.status_code} {path}", flush=True)
        yield Timed(what, path, min(took), statistics.median(took))


def show(rows: list[Timed]) -> int:
    slow = [row for row in rows if row.median > GOAL]
    for row in sorted(rows, key=lambda one: -one.median)[:40]:
        print(f"{row.median:8.0f} ms (best {row.best:6.0f})  {row.what:<60} {row.path[:90]}")
    middle = statistics.median(row.median for row in rows)
    slowest = max(row.median for row in rows)
    print(f"{len(rows)} pages, median {middle:.0f} ms, slowest {slowest:.0f} ms, {len(slow)} over {GOAL:.0f} ms")
    return 1 if slow else 0


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1])))
