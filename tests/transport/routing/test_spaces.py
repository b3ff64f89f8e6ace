"""Address spaces: what is legal, what is covered, and what is more specific."""

from __future__ import annotations

import pytest

from transport.routing.spaces import (
    AddressSpace,
    InvalidAddressSpace,
    covering_patterns,
    matches,
    normalise_pattern,
    specificity,
)


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("*", "*"),
        (" * ", "*"),
        ("contoso.com", "contoso.com"),
        ("CONTOSO.com", "contoso.com"),
        ("*.Contoso.COM", "*.contoso.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("*.BÜCHER.example", "*.xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("local", "local"),
    ],
)
def test_a_legal_pattern_is_brought_into_normal_form(typed: str, normal: str) -> None:
    assert normalise_pattern(typed) == normal


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("", "missing"),
        ("*contoso.com", "a dot must follow the *"),
        ("contoso.*", "not at the start"),
        ("mail.*.contoso.com", "not at the start"),
        ("*.*.com", "more than one *"),
        ("**", "more than one *"),
        ("*.", "ends in a dot"),
        ("contoso.com.", "ends in a dot"),
        ("--", "not used here"),
        ("ann@contoso.com", "is an address"),
        ("SMTP:contoso.com;1", "type or a cost"),
        ("contoso com", "blank or a control"),
        ("contoso.com\r\nX: y", "blank or a control"),
        ("contoso.com\x00", "blank or a control"),
        ("-contoso.com", "no valid domain name"),
        ("a..b", "no valid domain name"),
        ("*..com", "no valid domain name"),
        ("x" * 64 + ".com", "no valid domain name"),
        ("a." * 130 + "com", "longer than 253"),
        ("10.1.2.3", "no valid domain name"),
        ("*.[10.1.2.3]", "no valid domain name"),
    ],
)
def test_an_illegal_pattern_is_refused_with_its_own_reason(typed: str, says: str) -> None:
    with pytest.raises(InvalidAddressSpace, match="(?i)" + says.replace("*", r"\*")) as caught:
        normalise_pattern(typed)
    assert caught.value.reason_code == "connector.invalid_space"
    assert caught.value.reason.isprintable()


@pytest.mark.parametrize("cost", [0, -1, 101, 10**9])
def test_a_cost_outside_1_to_100_is_refused(cost: int) -> None:
    with pytest.raises(InvalidAddressSpace) as caught:
        AddressSpace.parse("*", cost)
    assert caught.value.reason_code == "connector.invalid_cost"


@pytest.mark.parametrize("cost", [1, 50, 100])
def test_a_cost_inside_1_to_100_is_kept(cost: int) -> None:
    assert AddressSpace.parse("*", cost).cost == cost


@pytest.mark.parametrize(
    ("pattern", "domain", "covered"),
    [
        ("*", "anything.example", True),
        ("*", "[192.0.2.1]", True),
        ("contoso.com", "contoso.com", True),
        ("contoso.com", "mail.contoso.com", False),
        ("*.contoso.com", "contoso.com", True),
        ("*.contoso.com", "mail.contoso.com", True),
        ("*.contoso.com", "a.b.contoso.com", True),
        ("*.contoso.com", "notcontoso.com", False),
        ("*.contoso.com", "contoso.com.example", False),
        ("*.com", "contoso.com", True),
    ],
)
def test_a_pattern_covers_the_domain_or_the_domain_and_those_below(pattern: str, domain: str, covered: bool) -> None:
    assert matches(pattern, domain) is covered
    assert (pattern in covering_patterns(domain)) is covered


def test_exact_beats_longer_wildcard_beats_shorter_beats_any() -> None:
    order = list(covering_patterns("marketing.contoso.com"))

    assert order == ["marketing.contoso.com", "*.marketing.contoso.com", "*.contoso.com", "*.com", "*"]
    assert [specificity(pattern) for pattern in order] == sorted(map(specificity, order), reverse=True)
    assert len({specificity(pattern) for pattern in order}) == len(order)
