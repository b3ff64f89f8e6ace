"""What the tests of all faces share: a DNS that nobody has to run."""

from __future__ import annotations

import pytest
from django.core.cache import cache

from tenants.models import AcceptedDomain
from transport.checks.domain_dns import Findings, wanted_records
from transport.checks.facts import LiveFindings
from transport.delivery.walk import Walk


@pytest.fixture
def silent_dns(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let look-ups find nothing, at once."""

    def nothing(domain: AcceptedDomain) -> Findings:
        return Findings(False, False, wanted_records(domain))

    for where in ("transport.checks.domain_dns", "postroom.api.v1.accepted_domains"):
        monkeypatch.setattr(f"{where}.look_up_domain", nothing)
    monkeypatch.setattr("transport.checks.send_connector.walk_plan", lambda _: (Walk(()), 0))
    for where in ("postroom.console.overview", "transport.checks.mail_flow"):
        monkeypatch.setattr(f"{where}.look_up_findings", lambda _: LiveFindings())
    monkeypatch.setattr("transport.actions.simulate.look_up", list)
    cache.clear()
