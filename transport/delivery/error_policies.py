"""A connector's own judgement of errors (Exchange's ErrorPolicies): codes that mean something else than they say.

`550 5.7.1 transient` goes on trying where a peer refuses for good, `4xx 4.2.x permanent` gives up at once, and
`dns transient` waits for a domain that does not exist yet. The first that fits decides.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final

from typing_extensions import override

from transport.delivery.outcome import Outcome, RecipientOutcome
from transport.dns.failures import DnsFailure, MailLoop
from transport.message.reply import Reply

MOST: Final = 50
DNS: Final = "dns"
_WORDS: Final = {"transient": Outcome.TRANSIENT, "permanent": Outcome.PERMANENT}
_CODE = re.compile(r"[45](?:[0-9]{2}|[0-9]x|xx)")
_ENHANCED = re.compile(r"[45x](?:\.(?:[0-9]{1,3}|x)){2}")


class InvalidErrorPolicy(ValueError):
    """The text is none of `550 transient`, `550 5.7.1 transient`, `4xx 4.2.x permanent` and `dns transient`."""


@dataclass(frozen=True, slots=True)
class ErrorPolicy:
    """`code` and `enhanced` hold x for any digit or number; an empty `enhanced` fits with and without one."""

    code: str
    enhanced: str
    status: Outcome

    @classmethod
    def parse(cls, text: str) -> ErrorPolicy:
        """Read one policy; raises InvalidErrorPolicy."""
        words = text.lower().split()
        status = _WORDS.get(words[-1]) if words else None
        if words == [DNS, "transient"]:
            return cls(DNS, "", Outcome.TRANSIENT)
        if status is None or not 2 <= len(words) <= 3 or not _CODE.fullmatch(words[0]):
            raise InvalidErrorPolicy(text)
        enhanced = words[1] if len(words) == 3 else ""
        if enhanced and not _ENHANCED.fullmatch(enhanced):
            raise InvalidErrorPolicy(text)
        return cls(words[0], enhanced, status)

    def fits(self, reply: Reply) -> bool:
        """Say whether a peer's reply is one that this is about."""
        digits = zip(self.code, str(reply.code), strict=False)
        if self.code == DNS or not all(wanted in ("x", digit) for wanted, digit in digits):
            return False
        if not self.enhanced:
            return True
        numbers = zip(self.enhanced.split("."), (reply.enhanced or "").split("."), strict=False)
        return bool(reply.enhanced) and all(wanted in ("x", number) for wanted, number in numbers)

    @override
    def __str__(self) -> str:
        return " ".join(filter(None, (self.code, self.enhanced, self.status.value)))


Policies = Sequence[ErrorPolicy]


@lru_cache(maxsize=1024)
def parse_policies(texts: tuple[str, ...]) -> tuple[ErrorPolicy, ...]:
    return tuple(ErrorPolicy.parse(text) for text in texts)


def policy_for(policies: Policies, reply: Reply, status: Outcome) -> ErrorPolicy | None:
    """Return the policy that judges a reply otherwise than its code does."""
    found = next((policy for policy in policies if policy.fits(reply)), None)
    return found if found is not None and found.status is not status else None


def rejudged(policies: Policies, outcome: RecipientOutcome) -> tuple[RecipientOutcome, str]:
    """Return the outcome as the connector judges it, with the policy's text; what we say ourselves stands."""
    if not policies or outcome.status is Outcome.DELIVERED or not outcome.reason_code.startswith("peer."):
        return outcome, ""
    policy = policy_for(policies, outcome.reply, outcome.status)
    return (replace(outcome, status=policy.status), str(policy)) if policy else (outcome, "")


def waits_for_dns(policies: Policies, failure: DnsFailure) -> bool:
    """Say whether a domain that cannot be found is waited for; one that leads back to us never is."""
    return failure.permanent and not isinstance(failure, MailLoop) and any(policy.code == DNS for policy in policies)
