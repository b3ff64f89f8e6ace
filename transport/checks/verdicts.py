"""How a check came out, and one DNS record that a domain wants, beside what was seen of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext

from transport.routing.reasons import Explanation, explain


class Verdict(StrEnum):
    PASSED = "passed"
    WARNING = "warning"
    FAILED = "failed"
    NOT_APPLICABLE = "not_applicable"
    UNKNOWN = "unknown"  # not looked up yet, or no answer


class Purpose(StrEnum):
    VERIFICATION = "verification"
    MX = "mx"
    SPF = "spf"
    DMARC = "dmarc"


@dataclass(frozen=True, slots=True)
class DnsRecord:
    """A record to publish: name and value as a zone wants them, what is there, and what that means."""

    purpose: Purpose
    type: str
    name: str
    value: str
    required: bool
    seen: tuple[str, ...] = ()
    verdict: Verdict = Verdict.UNKNOWN
    code: str = "checks.dns_not_looked"
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def explained(self) -> Explanation:
        return explain(self.code, translate=gettext, **self.facts)

    def to_json(self) -> dict[str, Any]:
        """Return the record as it is kept; texts are made when somebody reads it, in the reader's language."""
        return {
            "purpose": self.purpose.value,
            "type": self.type,
            "name": self.name,
            "value": self.value,
            "required": self.required,
            "seen": list(self.seen),
            "verdict": self.verdict.value,
            "code": self.code,
            "facts": dict(self.facts),
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> DnsRecord:
        return cls(
            Purpose(kept["purpose"]),
            kept["type"],
            kept["name"],
            kept["value"],
            kept["required"],
            tuple(kept["seen"]),
            Verdict(kept["verdict"]),
            kept["code"],
            kept["facts"],
        )
