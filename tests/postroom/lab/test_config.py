from __future__ import annotations

import pytest

from postroom.lab.config import LabConfig
from postroom.lab.lab import Lab
from postroom.lab.sites import SITES


def test_every_process_computes_the_same_addresses() -> None:
    config = LabConfig.from_settings("127.0.0.1", 2600, "mail.contoso.example")
    assert config.dns_server == ("127.0.0.1", 2600)
    assert config.routes_text.startswith("127.0.0.11:25=127.0.0.11:2601,127.0.0.12:25=127.0.0.12:2602,")
    assert "127.0.0.11/32" in config.private_networks
    assert config == LabConfig.from_settings("127.0.0.1", 2600, "mail.contoso.example")


def test_the_platforms_own_address_is_open_to_the_peers_only() -> None:
    config = LabConfig.from_settings("127.0.0.1", smtp_port=2525)
    assert "127.0.0.1:25=" not in config.routes_text
    assert config.peers_routes["127.0.0.1", 25] == ("127.0.0.1", 2525)


@pytest.mark.parametrize(
    ("bind", "platform", "dns_host", "first_peer"),
    [
        ("127.0.0.1", "127.0.0.1", "127.0.0.1", "127.0.0.11"),
        ("127.0.0.2", "127.0.0.2", "127.0.0.2", "127.1.0.11"),
        ("0.0.0.0", "127.0.0.1", "127.0.0.1", "127.0.0.11"),
        ("203.0.113.7", "203.0.113.7", "127.0.0.1", "127.0.0.11"),
        ("::", "::1", "127.0.0.1", "127.0.0.11"),
    ],
)
def test_the_lab_stays_on_loopback_wherever_the_platform_listens(
    bind: str, platform: str, dns_host: str, first_peer: str
) -> None:
    config = LabConfig.from_settings(bind)
    assert config.platform_address == platform
    assert config.dns_server[0] == dns_host
    assert config.address_of(SITES[0]) == first_peer


def test_two_labs_with_one_base_port_do_not_meet_on_neighbouring_addresses() -> None:
    first, second = LabConfig.from_settings("127.0.0.1"), LabConfig.from_settings("127.0.0.2")
    assert not {first.dns_server, *first.routes.values()} & {second.dns_server, *second.routes.values()}


@pytest.mark.parametrize("bind", ["127.0.0.5", "203.0.113.7", "::1"])
def test_zones_can_be_made_for_any_address(bind: str) -> None:
    config = LabConfig.from_settings(bind, hostname="mx.elsewhere.test")
    assert Lab(config).dns.endpoint == config.dns_server
