"""A tenant with something in every table that a tenant can have rows in, all of it bearing the tenant's marks.

The tests of the walls between tenants need such a one: what is nowhere cannot leak. A new table gets its row by its
fields' types; where those do not suffice, add a maker to MAKERS.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from typing import Any

from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from django.utils import timezone

from tenants.actions.actor import SYSTEM, Actor
from tenants.actions.audit import audit
from tenants.actions.keys import create_api_key
from tenants.actions.mailboxes import change_mailbox
from tenants.identifiers import uuid7
from tenants.models import (
    AcceptedDomain,
    ConfigurationVersion,
    EmailAddress,
    IdempotentRequest,
    Mailbox,
    Membership,
    SendAsGrant,
    Tenant,
    User,
)
from tenants.scope import scope
from tests import factories
from transport.actions.send import send_message
from transport.models import (
    AddressSpace,
    Delivery,
    Message,
    MessageBody,
    ProtocolTranscript,
    SmartHost,
    TrackingEvent,
)
from transport.routing.envelope import Origin

ROLES = tuple(role.value for role in Membership.Role)


@dataclass(eq=False)
class Furnished:
    """A tenant whose every row is known. `secret` stands in all its free texts and nowhere else."""

    tenant: Tenant
    secret: str
    domain: str
    people: dict[str, User] = field(default_factory=dict)  # by role
    rows: dict[type[models.Model], models.Model] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)  # ids of second rows of a table, by what they stand for

    @cached_property
    def names(self) -> dict[str, str]:
        """Return what addresses are made with: `{mailbox}` is its mailbox's id, `{domain}` its domain."""
        ids = {model._meta.model_name or "": str(row.pk) for model, row in self.rows.items()}
        user = self.people[Membership.Role.OWNER]
        return (
            ids
            | self.others
            | {
                "domain": self.domain,
                "slug": self.tenant.slug,
                "user": str(user.pk),
                "email": user.email,
                "queued": f"{ids['message']}.{ids['queue']}",
                "protocolsession": str(self.rows[ProtocolTranscript].session_id),  # type: ignore[attr-defined]
                # Django's way of naming a user in a link for a new password.
                "uid": base64.urlsafe_b64encode(str(user.pk).encode()).decode().rstrip("="),
            }
        )


def owned_models() -> Iterator[type[models.Model]]:
    """Yield every model whose rows may belong to a tenant."""
    for model in apps.get_models():
        if any(each.attname == "tenant_id" for each in model._meta.concrete_fields):
            yield model


def furnish(slug: str, secret: str) -> Furnished:
    """Make a tenant with a row in each table, and a person with a mailbox for each role."""
    tenant = factories.make_tenant(slug, name=f"{secret} Ltd")
    found = Furnished(tenant, secret, f"{slug}.example")
    domain = factories.make_domain(tenant, found.domain, name=secret)
    for role in ROLES:
        user = factories.make_user(f"{role.replace('_', '-')}@{found.domain}", name=f"{secret} {role}")
        membership = factories.make_membership(tenant, user, role)
        mailbox = factories.make_mailbox(domain, role.replace("_", "-"), display_name=f"{secret} {role}", user=user)
        found.people[role] = user
        found.rows |= {Tenant: tenant, Membership: membership, Mailbox: mailbox, AcceptedDomain: domain}
    found.rows[EmailAddress] = found.rows[Mailbox].addresses.get()  # type: ignore[attr-defined]
    for maker in MAKERS:
        found.rows |= {type(row): row for row in maker(found)}
    for model in owned_models():
        if model not in found.rows:
            found.rows[model] = make_by_types(model, found)
    return found


def _suppressions(of: Furnished) -> list[models.Model]:
    # What is over by now is on no list.
    words = {"reply": of.secret, "reporting_mta": of.secret}
    about = of.rows[Message].pk
    return [factories.make_suppressed_address(of.tenant, f"{of.secret}@nobody.example", message_id=about, **words)]


def _connectors(of: Furnished) -> list[models.Model]:
    # Not for all addresses: mail to elsewhere has to wait.
    connector = factories.make_send_connector(
        of.tenant, f"{of.secret}.example", name=of.secret, smart_hosts=[(f"{of.secret}.example", 25)], comment=of.secret
    )
    spaces, hosts = AddressSpace.objects.get(connector=connector), SmartHost.objects.get(connector=connector)
    last = of.tenant.slug.encode()[0]
    relay = factories.make_receive_connector(of.tenant, name=of.secret, remote_ranges=[f"192.0.2.{last}/32"])
    return [connector, spaces, hosts, relay]


def _mail(of: Furnished) -> list[models.Model]:
    """Send one message to the outside, which waits, and lay one letter into the mailbox."""
    mailbox = of.rows[Mailbox]
    assert isinstance(mailbox, Mailbox)
    sender = str(mailbox.primary_address)
    head = f"From: {sender}\r\nTo: a@elsewhere.example\r\nSubject: {of.secret}\r\n"
    with scope(of.tenant):
        sent = send_message(
            actor=Actor.user(of.people[Membership.Role.MAILBOX_USER]),
            tenant=of.tenant,
            mailbox=mailbox,
            content=f"{head}\r\n{of.secret}\r\n".encode(),
            sender=sender,
            recipients=[f"{of.secret}@elsewhere.example"],
            origin=Origin.CONSOLE,
        )
    delivery = Delivery.objects.select_related("queue", "message").get(message_id=sent.message_id)
    letter = factories.make_letter(
        mailbox, f"{head}\r\n{of.secret}\r\n".encode(), subject=of.secret, message_id=sent.message_id
    )
    return [
        delivery,
        delivery.queue,
        delivery.message,
        MessageBody.objects.get(pk=sent.message_id),
        TrackingEvent.objects.filter(message_id=sent.message_id).order_by("id")[0],
        letter,
        letter.body,
    ]


def _records(of: Furnished) -> list[models.Model]:
    key, _token = create_api_key(actor=SYSTEM, name=of.secret, tenant=of.tenant)
    event = audit(actor=SYSTEM, tenant=of.tenant, action=f"{of.secret}.test", obj=of.tenant, after={"name": of.secret})
    export = audit(actor=SYSTEM, tenant=of.tenant, action="tenant.export", obj=of.tenant, after={"contents": "all"})
    of.others["export"] = str(export.pk)
    request = IdempotentRequest.objects.create(tenant=of.tenant, api_key=key, token=of.secret, digest="d", body={})
    return [key, event, request]


def _grants(of: Furnished) -> list[models.Model]:
    mailbox = of.rows[Mailbox]
    grantee = Mailbox.objects.filter(tenant=of.tenant).exclude(pk=mailbox.pk).order_by("id")[0]
    return [SendAsGrant.objects.create(tenant=of.tenant, mailbox_id=mailbox.pk, grantee=grantee)]


def _history(of: Furnished) -> list[models.Model]:
    """Keep a version of the mailbox that going back to would change something."""
    mailbox = of.rows[Mailbox]
    assert isinstance(mailbox, Mailbox)
    change_mailbox(actor=SYSTEM, mailbox=mailbox, quota=mailbox.quota + 1)
    return [ConfigurationVersion.objects.get(object_id=mailbox.pk, number=1)]


def _protocol_log(of: Furnished) -> list[models.Model]:
    row = ProtocolTranscript.objects.create(
        tenant=of.tenant,
        session_id=uuid7(),
        at=timezone.now(),
        connector_id=uuid7(),
        connector=of.secret[:64],
        client_address="192.0.2.1",
        listener="127.0.0.1:25",
        message_id=of.rows[Message].pk,
        lines=[[0, "C", of.secret]],
    )
    return [row]


# In order: a later maker finds the earlier ones' rows in `rows`.
MAKERS: list[Callable[[Furnished], list[models.Model]]] = [
    *(_connectors, _mail, _suppressions, _records, _grants, _history, _protocol_log),
]


def make_by_types(model: type[models.Model], of: Furnished) -> models.Model:
    """Make a row of a table that nobody wrote a maker for."""
    values = {each.name: _value_for(each, of) for each in model._meta.concrete_fields if _is_wanted(each)}
    return model._default_manager.create(**values)


def _is_wanted(each: models.Field[Any, Any]) -> bool:
    if each.attname == "tenant_id":
        return True
    is_given = each.has_default() or each.null or isinstance(each, models.AutoField) or each.generated
    is_timed = getattr(each, "auto_now", False) or getattr(each, "auto_now_add", False)
    return not (is_given or is_timed)


def _value_for(each: models.Field[Any, Any], of: Furnished) -> Any:
    if isinstance(each, models.ForeignKey):
        related = each.related_model
        if related is User:
            return of.people[Membership.Role.OWNER]
        if related not in of.rows:
            of.rows[related] = make_by_types(related, of)
        return of.rows[related]
    if each.name == "limit_name":
        return "max_storage"
    if each.choices:
        return next(iter(each.flatchoices))[0]
    for kind, make in BY_TYPE:
        if isinstance(each, kind):
            return make(each, of)
    raise AssertionError(f"{each.model.__name__}.{each.name}: add a maker to tests/walls/furnish.py, MAKERS")


BY_TYPE: list[tuple[Any, Callable[[Any, Furnished], Any]]] = [
    (models.EmailField, lambda _, of: f"guest@{of.domain}"),
    ((models.CharField, models.TextField), lambda each, of: of.secret[: each.max_length]),
    (models.UUIDField, lambda _, of: uuid7()),
    (models.BooleanField, lambda _, of: False),
    (models.IntegerField, lambda _, of: 1),
    (models.DecimalField, lambda _, of: 1),
    (models.DateTimeField, lambda _, of: timezone.now()),
    (models.DateField, lambda _, of: timezone.now().date()),
    (models.DurationField, lambda _, of: timedelta(hours=1)),
    (models.BinaryField, lambda each, of: of.secret.encode()[: each.max_length]),
    (models.JSONField, lambda _, of: {"text": of.secret}),
    (models.GenericIPAddressField, lambda _, of: "192.0.2.1"),
    (ArrayField, lambda _, of: []),
]

OWNED_TABLES = """
SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id'
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND NOT a.attisdropped
ORDER BY 1
"""


def owned_tables() -> list[str]:
    """Return the tables that have a tenant's rows, whether or not Django has a model for them."""
    with connection.cursor() as cursor:
        cursor.execute(OWNED_TABLES)
        return [name for (name,) in cursor.fetchall()]
