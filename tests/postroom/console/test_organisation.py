"""The owner's page of the organisation: settings, the export, and a deletion that can be undone."""

from __future__ import annotations

import json
import zipfile
from io import BytesIO
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import AsyncClient, Client

from tenants.models import AuditEvent, Membership, Tenant
from tests import factories
from tests.conftest import Contoso
from tests.factories import PASSWORD
from tests.letters import letters_to
from tests.postroom.console.conftest import page

pytestmark = pytest.mark.django_db
PATH = "/settings/organisation/"


def content_of(answer: Any) -> bytes:
    assert answer.status_code == 200, answer.content
    return b"".join(answer.streaming_content)


def test_an_owner_changes_name_language_and_time_zone(contoso: Contoso, as_alice: Client) -> None:
    as_alice.post(PATH, {"name": "Contoso Ltd", "language": "ja", "time_zone": "Asia/Tokyo"})
    row = Tenant.objects.get(slug="contoso")
    assert (row.name, row.language, row.time_zone) == ("Contoso Ltd", "ja", "Asia/Tokyo")
    assert "Contoso Ltd" in page(as_alice.get(PATH))


def test_a_deletion_needs_the_password_and_the_name(contoso: Contoso, as_alice: Client) -> None:
    for body in ({"confirm": "contoso", "password": "wrong"}, {"confirm": "Contoso!", "password": PASSWORD}):
        assert as_alice.post(f"{PATH}delete/", body).status_code == 422
    assert not Tenant.objects.get(slug="contoso").is_to_be_deleted


def test_a_planned_deletion_is_told_everywhere_and_undone_by_an_owner(
    contoso: Contoso, as_alice: Client, as_bob: Client
) -> None:
    second = factories.make_user("second@contoso.example")
    factories.make_membership(contoso.tenant, second, Membership.Role.OWNER)
    as_alice.post(f"{PATH}delete/", {"confirm": "contoso", "password": PASSWORD})
    assert Tenant.objects.get(slug="contoso").is_active
    for path in ("/", "/mailboxes/", PATH):
        assert "is to be deleted" in page(as_alice.get(path))
    assert "Keep the organisation" in page(as_alice.get("/mailboxes/"))
    told = page(as_bob.get("/mail/"))
    assert "is to be deleted" in told
    assert "Keep the organisation" not in told
    assert "Contoso is to be deleted" in [letter["Subject"] for letter in letters_to("alice@contoso.example")]
    as_alice.post(f"{PATH}keep/")
    assert not Tenant.objects.get(slug="contoso").is_to_be_deleted
    assert "is to be deleted" not in page(as_alice.get("/mailboxes/"))
    actions = AuditEvent.objects.filter(action__startswith="tenant.deletion").values_list("action", flat=True)
    assert sorted(actions) == ["tenant.deletion_ask", "tenant.deletion_keep"]


def test_everything_comes_as_a_zip_and_is_audited(contoso: Contoso, as_alice: Client) -> None:
    factories.make_letter(contoso.bob_mailbox, b"Subject: x\r\n\r\nHello Bob\r\n")
    answer = as_alice.post(f"{PATH}export/everything/")
    assert answer["Content-Disposition"].startswith('attachment; filename="contoso-')
    files = zipfile.ZipFile(BytesIO(content_of(answer)))
    assert b"Hello Bob" in files.read("mail/bob@contoso.example.mbox")
    assert json.loads(files.read("organisation.json"))["organisation"]["slug"] == "contoso"
    event = AuditEvent.objects.get(action="tenant.export")
    assert (event.actor_name, (event.after or {})["contents"]) == ("alice@contoso.example", "everything")


def test_the_configuration_alone_comes_as_json(contoso: Contoso, as_alice: Client) -> None:
    told = json.loads(content_of(as_alice.post(f"{PATH}export/configuration/")))
    assert len(told["mailboxes"]) == 2
    assert as_alice.post(f"{PATH}export/nonsense/").status_code == 404


@pytest.mark.django_db(transaction=True)
async def test_as_it_is_deployed_the_file_is_sent_while_it_is_read(contoso: Contoso) -> None:
    client = AsyncClient()
    await client.aforce_login(contoso.alice)
    answer: Any = await client.post(f"{PATH}export/everything/")
    parts = [part async for part in answer.streaming_content]
    await sync_to_async(connections.close_all)()  # of the thread that read them
    assert len(parts) > 2
    assert zipfile.ZipFile(BytesIO(b"".join(parts))).testzip() is None


def test_the_password_before_a_deletion_is_not_to_be_guessed(contoso: Contoso, as_alice: Client) -> None:
    for number in range(6):
        as_alice.post(f"{PATH}delete/", {"confirm": "contoso", "password": f"guess {number}"})
    answer = as_alice.post(f"{PATH}delete/", {"confirm": "contoso", "password": PASSWORD})
    assert (answer.status_code, b"Too many tries" in answer.content) == (422, True)
    assert not Tenant.objects.get(slug="contoso").is_to_be_deleted


def test_who_has_no_password_and_signed_in_long_ago_signs_in_again_before_a_deletion(
    contoso: Contoso, as_alice: Client
) -> None:
    contoso.alice.set_unusable_password()
    contoso.alice.save()
    as_alice.force_login(contoso.alice)
    assert 'name="confirm"' in page(as_alice.get(PATH))
    answer = as_alice.post(f"{PATH}delete/", {"confirm": "contoso"})
    assert (answer.status_code, b"ign in again" in answer.content) == (422, True)
    assert not Tenant.objects.get(slug="contoso").is_to_be_deleted
