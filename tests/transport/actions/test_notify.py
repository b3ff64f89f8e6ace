from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import pytest
from django.db import connection

from tenants.models import Tenant
from tenants.scope import mail_flow, no_tenant, scope
from tests.conftest import Contoso
from tests.transport.workers import deliver
from transport.actions.notify import platform_tenant, send_notice
from transport.models import Delivery, MailboxBody, MailboxMessage, Message, SendConnector


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("committed")
def test_a_notice_lands_in_a_mailbox_here(contoso: Contoso) -> None:
    with no_tenant():
        send_notice(recipient="bob@contoso.example", subject="Grüße", text="Your password was changed.\n")
    deliver()
    letter = MailboxMessage.objects.get(mailbox=contoso.bob_mailbox)
    assert (letter.subject, letter.sender) == ("Grüße", "")
    content = bytes(MailboxBody.objects.get(pk=letter.body_id).content)
    assert b"Your password was changed." in content
    assert b"Auto-Submitted: auto-generated" in content


@pytest.mark.parametrize("enter", [no_tenant, nullcontext, "tenant"])
def test_a_notice_to_the_outside_belongs_to_no_customer(
    contoso: Contoso, enter: Callable[[], AbstractContextManager[None]] | str
) -> None:
    with scope(contoso.tenant) if isinstance(enter, str) else enter():
        message_id = send_notice(recipient="x@elsewhere.example", subject="Invitation", text="Come in.")
    assert message_id is not None
    message = Message.objects.get(pk=message_id)
    assert message.tenant.is_platform
    waiting = Delivery.objects.get(message_id=message_id)
    assert (waiting.recipient, waiting.state) == ("x@elsewhere.example", Delivery.State.READY)
    assert not Message.objects.filter(tenant=contoso.tenant).exists()


def test_the_scope_of_the_caller_stays_what_it_was(contoso: Contoso) -> None:
    with scope(contoso.tenant):
        send_notice(recipient="x@elsewhere.example", subject="Invitation", text="Come in.")
        assert [tenant.slug for tenant in Tenant.objects.all()] == ["contoso"]
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('role')")
            assert cursor.fetchone() == ("postroom_web",)


@pytest.mark.parametrize("recipient", ["nobody@contoso.example", "not an address", "a\r\nBcc: b@c.example"])
def test_who_cannot_be_written_to_gets_nothing_and_nobody_is_told(contoso: Contoso, recipient: str) -> None:
    assert send_notice(recipient=recipient, subject="Hello", text="Hello.") is None
    assert not Message.objects.exists()


def test_the_platform_has_one_tenant_of_its_own(contoso: Contoso) -> None:
    with mail_flow():
        first, second = platform_tenant(), platform_tenant()
    assert first == second
    assert SendConnector.objects.filter(tenant=first).count() == 1


def test_a_customer_may_have_taken_the_name(contoso: Contoso) -> None:
    Tenant.objects.create(slug="postroom-notices", name="A customer")
    with mail_flow():
        assert platform_tenant().slug.startswith("postroom-notices-")
