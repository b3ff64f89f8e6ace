"""Foreign servers beside the platform, found through the lab's DNS, and people who read and write on ours."""

from __future__ import annotations

import smtplib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from uuid import uuid4

import pytest

from postroom.lab.records import publish
from tests.person import Person
from tests.platform_process import ApiCaller, PlatformProcess
from tests.system.exim import Exim
from tests.system.foreign import ForeignServer
from tests.system.letters import ANN, BOB, submission
from tests.system.opensmtpd import OpenSmtpd
from tests.system.postfix import DOMAIN, Postfix


@pytest.fixture(scope="session")
def contoso_api(platform: PlatformProcess) -> ApiCaller:
    return platform.tenants_api("contoso")


@pytest.fixture(scope="session")
def postfix(platform: PlatformProcess) -> Iterator[Postfix]:
    """Postfix with mailboxes at `postfix.example`; what it takes for others it hands to the platform."""
    publish_mx(platform, DOMAIN)
    relay = {"relayhost": f"[{platform.host}]:{platform.smtp_port}"}
    with Postfix(address=platform.guest, settings=relay) as server:
        yield server


@pytest.fixture(scope="session")
def exim(platform: PlatformProcess) -> Iterator[Exim]:
    """Exim with mailboxes at `exim.example`; what it takes for others it hands to the platform."""
    publish_mx(platform, Exim.domain)
    with Exim(address=platform.guest, relay=(platform.host, platform.smtp_port)) as server:
        yield server


@pytest.fixture(scope="session")
def opensmtpd(platform: PlatformProcess) -> Iterator[OpenSmtpd]:
    """OpenSMTPD with mailboxes at `opensmtpd.example`; what it takes for others it hands to the platform."""
    publish_mx(platform, OpenSmtpd.domain)
    with OpenSmtpd(address=platform.guest, relay=(platform.host, platform.smtp_port)) as server:
        yield server


def publish_mx(platform: PlatformProcess, domain: str) -> None:
    records = platform.data_dir / "lab" / "records"
    publish(records, domain, "MX", [f"10 mx.{domain}."])
    publish(records, f"mx.{domain}", "A", [platform.guest])


Route = Callable[[str, ForeignServer | Postfix], str]


@pytest.fixture
def route(contoso_api: ApiCaller) -> Iterator[Route]:
    """Makes a send connector of contoso's for a domain to a server as smart host, for as long as the test; its id."""

    def make(domain: str, server: ForeignServer | Postfix) -> str:
        body = {
            "name": f"To {domain}",
            "usage": "custom",
            "routing": "smart_hosts",
            "smart_hosts": [{"host": server.address, "port": server.port}],
            "address_spaces": [{"type": "SMTP", "pattern": domain, "cost": 1}],
            "tls": "opportunistic" if isinstance(server, OpenSmtpd) else "required",
        }
        made = contoso_api.post("send-connectors/", body)
        assert made.status == 201, made.body
        connector: str = made.body["id"]
        undo.callback(lambda: contoso_api.delete(f"send-connectors/{connector}/"))
        return connector

    with ExitStack() as undo:
        yield make


@pytest.fixture
def route_to_postfix(route: Route, postfix: Postfix) -> str:
    return route(DOMAIN, postfix)


@pytest.fixture
def token() -> str:
    return f"token-{uuid4().hex}"


@pytest.fixture
def as_ann(platform: PlatformProcess) -> Iterator[smtplib.SMTP]:
    with submission(platform, ANN) as client:
        yield client


@pytest.fixture(scope="session")
def ann(platform: PlatformProcess) -> Person:
    return Person(platform.url, ANN, platform.logins[ANN])


@pytest.fixture(scope="session")
def bob(platform: PlatformProcess) -> Person:
    return Person(platform.url, BOB, platform.logins[BOB])


@pytest.fixture
def umlauts(contoso_api: ApiCaller) -> Iterator[str]:
    """Another address of Bob's, which only SMTPUTF8 can name."""
    bob = next(row for row in contoso_api.get("mailboxes/").body["results"] if row["display_name"] == "Bob")
    address = "grüße@contoso.example"
    path = f"mailboxes/{bob['id']}/"
    more = [*bob["addresses"], {"address": address, "is_primary": False}]
    changed = contoso_api.patch(path, {"addresses": more})
    assert changed.status == 200, changed.body
    yield address
    contoso_api.patch(path, {"addresses": bob["addresses"]})
