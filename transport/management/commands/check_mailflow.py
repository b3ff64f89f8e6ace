"""`manage.py check_mailflow DOMAIN`: what public DNS says of a domain, and whether its tenant's mail can flow."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from typing_extensions import override

from tenants.actions.actor import SYSTEM
from tenants.models import AcceptedDomain
from tenants.names import domain_name
from tenants.problems import Problem
from tenants.scope import operator_scope
from transport.checks.domain_dns import records_of, verify_accepted_domain
from transport.checks.mail_flow import CheckItem, refresh_mail_flow
from transport.checks.verdicts import DnsRecord, Verdict

MARKS = {
    Verdict.PASSED: "ok  ",
    Verdict.WARNING: "warn",
    Verdict.FAILED: "FAIL",
    Verdict.NOT_APPLICABLE: "-   ",
    Verdict.UNKNOWN: "?   ",
}


class Command(BaseCommand):
    help = "Look a domain up and go through the mail-flow check of its tenant. Exit status 1 where something failed."

    @override
    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("domain")
        parser.add_argument("--tenant", metavar="SLUG", help="whose domain, where several tenants have it")
        parser.add_argument("--json", action="store_true")

    @override
    def handle(self, *args: Any, **options: Any) -> None:
        domain = self.find(options["domain"], options["tenant"])
        records = records_of(verify_accepted_domain(actor=SYSTEM, domain=domain))
        items = refresh_mail_flow(actor=SYSTEM, tenant=domain.tenant)
        if options["json"]:
            self.stdout.write(json.dumps(self.as_json(domain, records, items), ensure_ascii=False, indent=2))
        else:
            self.show(records, items)
        if any(one.verdict is Verdict.FAILED for one in records) or any(i.status is Verdict.FAILED for i in items):
            raise SystemExit(1)

    def find(self, text: str, slug: str | None) -> AcceptedDomain:
        try:
            name = domain_name(text)
        except Problem:
            raise CommandError(f"{text!r} is not a domain name.") from None
        with operator_scope():
            rows = AcceptedDomain.objects.filter(domain=name).select_related("tenant")
            found = list(rows.filter(tenant__slug=slug) if slug else rows)
        if not found:
            raise CommandError(f"{name} is no accepted domain{f' of {slug}' if slug else ''}.")
        if len(found) > 1:
            slugs = ", ".join(sorted(row.tenant.slug for row in found))
            raise CommandError(f"{name} is an accepted domain of {slugs}: say which with --tenant.")
        return found[0]

    def as_json(self, domain: AcceptedDomain, records: tuple[DnsRecord, ...], items: list[CheckItem]) -> dict[str, Any]:
        told = [record.to_json() | {"explanation": record.explained.text} for record in records]
        return {"domain": domain.domain, "records": told, "checks": [item.to_json() for item in items]}

    def show(self, records: tuple[DnsRecord, ...], items: list[CheckItem]) -> None:
        for record in records:
            self.stdout.write(f"{MARKS[record.verdict]}  {record.explained.title}: {record.explained.text}")
            if record.verdict is not Verdict.PASSED:
                self.stdout.write(f"      publish  {record.name}  {record.type}  {record.value}")
        self.stdout.write("")
        for item in items:
            self.stdout.write(f"{MARKS[item.status]}  {item.title}: {item.summary}")
            for fix in item.fixes:
                self.stdout.write(f"      to mend it: {fix.label}")
