"""What the console's tests share: Bob's browser, mail that waits, and a DNS that nobody has to run."""

from __future__ import annotations

import pytest
from django.http import HttpResponse
from django.test import Client

from tenants.actions.actor import Actor
from tenants.scope import scope
from tests.conftest import Contoso
from transport.actions.send import send_message
from transport.checks import domain_dns
from transport.checks.domain_dns import Findings, wanted_records
from transport.models import Delivery
from transport.routing.envelope import Origin


@pytest.fixture
def as_bob(contoso: Contoso) -> Client:
    """Bob has a mailbox and nothing else."""
    client = Client()
    client.force_login(contoso.bob)
    return client


@pytest.fixture
def proving_dns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let look-ups find the proof of ownership."""
    monkeypatch.setattr(domain_dns, "look_up_domain", lambda domain: Findings(True, True, wanted_records(domain)))


@pytest.fixture
def waiting(contoso: Contoso) -> Delivery:
    """A message of Alice's that waits as unreachable: contoso has no send connector."""
    with scope(contoso.tenant):
        sent = send_message(
            actor=Actor.user(contoso.alice),
            tenant=contoso.tenant,
            mailbox=contoso.alice_mailbox,
            content=b"From: alice@contoso.example\r\nTo: a@b.example\r\nSubject: Hello there\r\n\r\nHello\r\n",
            sender="alice@contoso.example",
            recipients=["someone@elsewhere.example"],
            origin=Origin.CONSOLE,
        )
    return Delivery.objects.select_related("message", "queue").get(message_id=sent.message_id)


def page(response: HttpResponse | object) -> str:
    """Return what a person gets, after checking that they get a page."""
    assert isinstance(response, HttpResponse)
    assert response.status_code == 200, response.content[:2000]
    return response.content.decode()
