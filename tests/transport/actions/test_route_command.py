"""`manage.py route`: the whole way in the terminal."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from tests import factories
from tests.conftest import Contoso
from tests.transport.dns.stub import StubDns

pytestmark = pytest.mark.django_db
OUTSIDE = ("alice@contoso.example", "x@elsewhere.example", "--tenant=contoso")


def told(*arguments: str) -> str:
    out = StringIO()
    call_command("route", *arguments, stdout=out)
    return out.getvalue()


def test_the_terminal_shows_the_hosts_the_queue_and_what_is_not_known(contoso: Contoso, name_server: StubDns) -> None:
    factories.make_send_connector(contoso.tenant, "*", name="Internet")
    name_server.add("elsewhere.example", "MX", "10 mx1.elsewhere.example.")
    name_server.add("mx1.elsewhere.example", "A", "8.8.4.4")
    text = told(*OUTSIDE)
    for words in ("Internet", "host 10 mx1.elsewhere.example [8.8.4.4]:25", "queue: empty", "to 8.8.4.4, 0 in use"):
        assert words in text
    assert "not known: What the peer says" in text
    assert json.loads(told(*OUTSIDE, "--json"))["outcomes"][0]["way"]["connection"]["taken"] == 0


def test_from_an_address_it_comes_through_the_receive_connector(contoso: Contoso) -> None:
    factories.make_receive_connector(name="Front", permission_groups=["anonymous_users"])
    text = told("x@elsewhere.example", "alice@contoso.example", "--tenant=contoso", "--client-ip=203.0.113.7")
    assert "Front" in text
    with pytest.raises(CommandError, match="no IP address"):
        told(*OUTSIDE, "--client-ip=nonsense")
