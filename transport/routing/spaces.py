"""Address spaces of send connectors: `*`, `contoso.com` and `*.contoso.com`, their validation and their order."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from typing_extensions import override

from transport.message.address import InvalidAddress, domain_to_a
from transport.routing.wording import fill
from transport.routing.wording import gettext_noop as _

MIN_COST: Final = 1
MAX_COST: Final = 100
MAX_PATTERN: Final = 253
ANY: Final = "*"
# Exact beats every wildcard, and no domain has as many labels as this.
_EXACT: Final = 1000

_CONTROL_OR_BLANK = re.compile(r"[\x00-\x20\x7f-\xa0]")


class InvalidAddressSpace(ValueError):
    """The address space is none of `*`, `contoso.com` and `*.contoso.com`, or its cost is out of range."""

    def __init__(self, reason_code: str, template: str, **facts: str) -> None:
        super().__init__(fill(template, facts))
        self.reason_code = reason_code
        self.template = template
        self.facts = facts

    @property
    def reason(self) -> str:
        return str(self)


@dataclass(frozen=True, slots=True)
class AddressSpace:
    """A pattern in normal form with its cost; the lower cost wins among equally specific ones."""

    pattern: str
    cost: int = 1

    @classmethod
    def parse(cls, pattern: str, cost: int = 1) -> AddressSpace:
        """Validate what a person typed and bring it into normal form."""
        return cls(normalise_pattern(pattern), checked_cost(cost))

    def matches(self, domain: str) -> bool:
        return matches(self.pattern, domain)

    @override
    def __str__(self) -> str:
        return f"SMTP:{self.pattern};{self.cost}"


def normalise_pattern(text: str) -> str:
    """Return the pattern as lower-case A-labels, or raise InvalidAddressSpace with what is wrong."""
    text = text.strip(" \t")
    if text == ANY:
        return ANY
    shown = text[:80].encode("unicode_escape").decode() if not text.isprintable() else text[:80]
    _refuse_shape(text, shown)
    wildcard, name = ("*.", text[2:]) if text.startswith("*.") else ("", text)
    try:
        normal = wildcard + domain_to_a(name)
    except InvalidAddress as error:
        raise _invalid(_("“{pattern}” holds no valid domain name: {why}"), shown, why=error.reason) from error
    if len(normal) > MAX_PATTERN:
        raise _invalid(_("The address space is longer than 253 characters."), shown)
    return normal


def _refuse_shape(text: str, shown: str) -> None:
    if not text:
        raise _invalid(_("An address space is missing: write *, contoso.com or *.contoso.com."), shown)
    if len(text) > MAX_PATTERN:
        raise _invalid(_("The address space is longer than 253 characters."), shown)
    if text == "--":
        raise _invalid(_("“--” is not used here: name the domains, or write * for all."), shown)
    if _CONTROL_OR_BLANK.search(text):
        raise _invalid(_("“{pattern}” holds a blank or a control character."), shown)
    if "@" in text:
        raise _invalid(_("“{pattern}” is an address; an address space is a domain: leave out all before the @."), shown)
    if ":" in text or ";" in text:
        raise _invalid(
            _("“{pattern}” holds a type or a cost; give only the domain, the cost has its own field."), shown
        )
    stars = text.count("*")
    if stars and not text.startswith("*"):
        raise _invalid(_("In “{pattern}” the * is not at the start; only *.contoso.com is allowed."), shown)
    if stars > 1:
        raise _invalid(_("“{pattern}” has more than one *; only one, at the start, is allowed."), shown)
    if stars and not text.startswith("*."):
        raise _invalid(_("In “{pattern}” a dot must follow the *: *.contoso.com covers contoso.com too."), shown)
    if text.endswith("."):
        raise _invalid(_("“{pattern}” ends in a dot; write it without."), shown)


def _invalid(template: str, shown: str, **facts: str) -> InvalidAddressSpace:
    return InvalidAddressSpace("connector.invalid_space", template, pattern=shown, **facts)


def checked_cost(cost: int) -> int:
    """Return the cost if it lies in 1-100, or raise InvalidAddressSpace."""
    if type(cost) is not int or not MIN_COST <= cost <= MAX_COST:
        template = _("The cost is {cost}; it must be a whole number from 1 to 100, and the lower one wins.")
        raise InvalidAddressSpace("connector.invalid_cost", template, cost=str(cost)[:20])
    return cost


def matches(pattern: str, domain: str) -> bool:
    """Say whether a pattern in normal form covers the A-label domain; `*.x` covers x and all below it."""
    if pattern in (ANY, domain):
        return True
    return pattern.startswith("*.") and (domain == pattern[2:] or domain.endswith(pattern[1:]))


def specificity(pattern: str) -> int:
    """Return a number by which patterns that match the same domain are ordered: exact, longer wildcard, `*`."""
    if pattern == ANY:
        return 0
    return pattern.count(".") if pattern.startswith("*.") else _EXACT


def covering_patterns(domain: str) -> Iterator[str]:
    """Yield every pattern that covers the domain, the most specific first."""
    yield domain
    yield f"*.{domain}"
    for parent in parent_domains(domain):
        yield f"*.{parent}"
    yield ANY


@lru_cache(maxsize=16_384)
def parent_domains(domain: str) -> tuple[str, ...]:
    """Return the domains above this one, nearest first; an address literal has none."""
    if domain.startswith("["):
        return ()
    labels = domain.split(".")
    return tuple(".".join(labels[cut:]) for cut in range(1, len(labels)))
