"""`suppressions/` for programs."""

from __future__ import annotations

import pytest

from tests import factories
from tests.conftest import Contoso
from tests.postroom.api.conftest import Program, program_of
from transport.models import SuppressedAddress

pytestmark = pytest.mark.django_db
LETTER = {"from": "alice@contoso.example", "to": ["gone@elsewhere.example"], "subject": "Hi", "text": "Hello"}


def test_a_program_reads_searches_and_releases(contoso: Contoso, api: Program) -> None:
    row = factories.make_suppressed_address(contoso.tenant, "gone@elsewhere.example")
    factories.make_suppressed_address(contoso.tenant, "away@elsewhere.example")
    assert len(api.get("suppressions/").json()["results"]) == 2
    (found,) = api.get("suppressions/", address="gone@").json()["results"]
    assert found["id"] == str(row.pk)
    assert (found["reason"], found["status"], found["count"]) == ("peer.recipient_unknown", "5.1.1", 1)
    assert found["explanation"] == "mx.elsewhere.example knows no gone@elsewhere.example"
    assert api.get(f"suppressions/{row.pk}/").json() == found
    assert api.delete(f"suppressions/{row.pk}/").status_code == 204
    assert api.get(f"suppressions/{row.pk}/").status_code == 404


def test_a_dry_run_releases_nothing(contoso: Contoso, api: Program) -> None:
    row = factories.make_suppressed_address(contoso.tenant, "gone@elsewhere.example")
    assert api.delete(f"suppressions/{row.pk}/?dry_run=1").status_code == 204
    assert SuppressedAddress.objects.exists()


def test_a_key_that_only_reads_releases_nothing(contoso: Contoso) -> None:
    row = factories.make_suppressed_address(contoso.tenant, "gone@elsewhere.example")
    reader = program_of(contoso.tenant, "auditor")
    assert len(reader.get("suppressions/").json()["results"]) == 1
    assert reader.delete(f"suppressions/{row.pk}/").status_code == 403


def test_a_stranger_sees_and_releases_nothing(contoso: Contoso, strangers_api: Program) -> None:
    row = factories.make_suppressed_address(contoso.tenant, "gone@elsewhere.example")
    assert strangers_api.get("suppressions/").json()["results"] == []
    assert strangers_api.delete(f"suppressions/{row.pk}/").status_code == 404
    assert SuppressedAddress.objects.exists()


def test_sending_names_the_reason_and_the_fix(contoso: Contoso, api: Program) -> None:
    factories.make_suppressed_address(contoso.tenant, "gone@elsewhere.example")
    told = api.post("messages/", LETTER).json()
    assert "recipient.suppressed" in str(told)
    assert "release_address" in str(told)
