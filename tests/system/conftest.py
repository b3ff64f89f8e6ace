"""A foreign Postfix beside the platform, found through the lab's DNS."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from postroom.lab.records import publish
from tests.platform_process import ApiCaller, PlatformProcess
from tests.system.postfix import DOMAIN, Postfix


@pytest.fixture(scope="session")
def contoso_api(platform: PlatformProcess) -> ApiCaller:
    return platform.tenants_api("contoso")


@pytest.fixture(scope="session")
def postfix(platform: PlatformProcess) -> Iterator[Postfix]:
    """Postfix with mailboxes at `postfix.example`; what it takes for others it hands to the platform."""
    records = platform.data_dir / "lab" / "records"
    publish(records, DOMAIN, "MX", [f"10 mx.{DOMAIN}."])
    publish(records, f"mx.{DOMAIN}", "A", [platform.guest])
    relay = {"relayhost": f"[{platform.host}]:{platform.smtp_port}"}
    with Postfix(address=platform.guest, settings=relay) as server:
        yield server


@pytest.fixture
def route_to_postfix(contoso_api: ApiCaller, postfix: Postfix) -> Iterator[str]:
    """A send connector of contoso's to Postfix as smart host; its id."""
    body = {
        "name": "Postfix",
        "usage": "custom",
        "routing": "smart_hosts",
        "smart_hosts": [{"host": postfix.address, "port": postfix.port}],
        "address_spaces": [{"type": "SMTP", "pattern": DOMAIN, "cost": 1}],
    }
    made = contoso_api.post("send-connectors/", body)
    assert made.status == 201, made.body
    yield made.body["id"]
    assert contoso_api.delete(f"send-connectors/{made.body['id']}/").status == 204
