"""Choosing the receive connector, and the overlaps that nobody could decide."""

from __future__ import annotations

import pytest

from tests.transport.routing.scene import ident
from transport.routing.ranges import AddressRange, InvalidRange
from transport.routing.receive import Binding, InvalidBinding, ReceiveEntry, choose_receive, undecidable_overlaps

ANYWHERE = "0.0.0.0/0"


def entry(name: str, *ranges: str, bindings: tuple[str, ...] = ("0.0.0.0:25",), enabled: bool = True) -> ReceiveEntry:
    parsed = tuple(Binding.parse(text) for text in bindings)
    return ReceiveEntry(ident(name), name, parsed, tuple(map(AddressRange.parse, ranges or (ANYWHERE,))), enabled)


def chosen(
    *connectors: ReceiveEntry, local: tuple[str, int] = ("192.0.2.25", 25), remote: str = "10.0.0.5"
) -> str | None:
    choice = choose_receive(connectors, local, remote)
    again = choose_receive(tuple(reversed(connectors)), local, remote)
    assert choice == again, "the order in which connectors are given must not matter"
    return choice.entry.name if choice.entry else None


@pytest.mark.parametrize(
    ("connectors", "expected"),
    [
        ((), None),
        ((entry("All"),), "All"),
        ((entry("Off", enabled=False),), None),
        ((entry("Other port", bindings=("0.0.0.0:587",)),), None),
        ((entry("Other address", bindings=("192.0.2.26:25",)),), None),
        ((entry("Not in range", "10.0.1.0/24"),), None),
        ((entry("All"), entry("Net", "10.0.0.0/24"), entry("One", "10.0.0.5")), "One"),
        ((entry("All"), entry("Net", "10.0.0.0/24"), entry("Range", "10.0.0.1-10.0.0.9")), "Range"),
        ((entry("All"), entry("One", "10.0.0.6")), "All"),
        ((entry("Two", "10.0.0.5", ANYWHERE), entry("Net", "10.0.0.0/24")), "Two"),
        ((entry("Net", "10.0.0.0/24"), entry("Here", bindings=("192.0.2.25:25",))), "Here"),
        ((entry("Net", "10.0.0.0/24"), entry("Here", "10.9.0.0/16", bindings=("192.0.2.25:25",))), "Net"),
        ((entry("b"), entry("A")), "A"),
    ],
)
def test_the_local_binding_then_the_most_specific_range_wins(
    connectors: tuple[ReceiveEntry, ...], expected: str | None
) -> None:
    assert chosen(*connectors) == expected


@pytest.mark.parametrize(
    ("local", "remote", "expected"),
    [
        ("::ffff:192.0.2.25", "::ffff:10.0.0.5", "v4"),
        ("192.0.2.25", "10.0.0.5", "v4"),
        ("2001:db8::25", "2001:db8::1", "v6"),
        ("fe80::1%eth0", "fe80::2%eth0", "v6"),
    ],
)
def test_each_ip_version_has_its_own_wildcard(local: str, remote: str, expected: str) -> None:
    connectors = entry("v4"), entry("v6", "::/0", bindings=("[::]:25",))

    assert chosen(*connectors, local=(local, 25), remote=remote) == expected


def test_the_choice_says_which_and_why_and_why_not_the_others() -> None:
    connectors = [
        entry("Default"),
        entry("Office", "10.0.0.0/24"),
        entry("Printers", "10.0.0.5"),
        entry("Elsewhere", "10.7.0.0/16"),
        entry("Client", bindings=("0.0.0.0:587",)),
        entry("Old", enabled=False),
    ]
    choice = choose_receive(connectors, ("192.0.2.25", 25), "10.0.0.5")

    assert choice.why() == (
        "Printers: bound to 0.0.0.0:25, and 10.0.0.5 is the most specific range that holds 10.0.0.5"
    )
    assert not choice.is_ambiguous
    assert {one.name: one.why() for one in choice.considered[1:]} == {
        "Default": "range 0.0.0.0/0 is less specific than 10.0.0.5",
        "Office": "range 10.0.0.0/24 is less specific than 10.0.0.5",
        "Elsewhere": "no remote range holds 10.0.0.5",
        "Client": "not bound to 192.0.2.25:25",
        "Old": "disabled",
    }


def test_a_tie_is_decided_by_name_and_said_to_be_undecidable() -> None:
    choice = choose_receive([entry("B"), entry("A")], ("192.0.2.25", 25), "10.0.0.5")

    assert choice.is_ambiguous
    assert choice.considered[1].why().startswith("undecidable")


def test_nobody_for_a_client_is_said_too() -> None:
    choice = choose_receive([entry("Net", "10.0.0.0/24")], ("192.0.2.25", 25), "203.0.113.1")

    assert choice.entry is None
    assert "No enabled receive connector" in choice.why()


@pytest.mark.parametrize(
    ("first", "second", "undecidable"),
    [
        (entry("A"), entry("B"), True),
        (entry("A"), entry("B", enabled=False), False),
        (entry("A"), entry("B", "10.0.0.0/24"), False),
        (entry("A", "10.0.0.1-10.0.0.20"), entry("B", "10.0.0.10-10.0.0.30"), True),
        (entry("A", "10.0.0.1-10.0.0.20"), entry("B", "10.0.0.10-10.0.0.20"), False),
        (entry("A", "10.0.0.0/24"), entry("B", "10.0.1.0/24"), False),
        (entry("A", "10.0.0.0/24"), entry("B", "10.0.0.0-10.0.0.255"), True),
        (entry("A", bindings=("0.0.0.0:25",)), entry("B", bindings=("0.0.0.0:587",)), False),
        (entry("A", bindings=("0.0.0.0:25",)), entry("B", bindings=("192.0.2.25:25",)), False),
        (entry("A", "::/0"), entry("B", ANYWHERE), False),
    ],
)
def test_overlaps_without_containment_are_found_and_both_named(
    first: ReceiveEntry, second: ReceiveEntry, undecidable: bool
) -> None:
    found = undecidable_overlaps([second, first])

    assert [(one.first.name, one.second.name) for one in found] == ([("A", "B")] if undecidable else [])


def test_an_overlap_gives_the_facts_of_its_explanation() -> None:
    (overlap,) = undecidable_overlaps([entry("A", "10.0.0.1-10.0.0.20"), entry("B", "10.0.0.10-10.0.0.30")])

    assert overlap.facts == {
        "first": "A",
        "second": "B",
        "binding": "0.0.0.0:25",
        "first_range": "10.0.0.1-10.0.0.20",
        "second_range": "10.0.0.10-10.0.0.30",
    }


@pytest.mark.parametrize(
    ("text", "shown", "size"),
    [
        ("10.0.0.1", "10.0.0.1", 1),
        ("10.0.0.0/24", "10.0.0.0/24", 256),
        ("10.0.0.0-10.0.0.255", "10.0.0.0/24", 256),
        (" 10.0.0.1 - 10.0.0.9 ", "10.0.0.1-10.0.0.9", 9),
        ("2001:db8::/64", "2001:db8::/64", 2**64),
        ("0.0.0.0/0", "0.0.0.0/0", 2**32),
    ],
)
def test_a_range_is_an_address_a_span_or_a_network(text: str, shown: str, size: int) -> None:
    parsed = AddressRange.parse(text)

    assert (str(parsed), parsed.size) == (shown, size)


@pytest.mark.parametrize("text", ["", "x", "10.0.0.1/24", "10.0.0.9-10.0.0.1", "10.0.0.1-::1", "1-2-3", "10.0.0.256"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(InvalidRange):
        AddressRange.parse(text)


@pytest.mark.parametrize(
    ("text", "too_wide"),
    [("10.0.0.0/24", False), ("10.0.0.0/23", True), ("2001:db8::/64", False), ("2001:db8::/63", True)],
)
def test_a_tenants_range_is_at_most_a_24_or_a_64(text: str, too_wide: bool) -> None:
    assert AddressRange.parse(text).is_too_wide_for_tenant is too_wide


@pytest.mark.parametrize("text", ["0.0.0.0:25", "[::]:25", "192.0.2.1:2525", "[2001:db8::1]:587"])
def test_a_binding_is_written_as_it_is_read(text: str) -> None:
    assert str(Binding.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "25", "0.0.0.0", "0.0.0.0:0", "0.0.0.0:65536", "::1:25", "[10.0.0.1]:25", "host:25", "0.0.0.0:²"]
)
def test_what_is_no_binding_is_refused(text: str) -> None:
    with pytest.raises(InvalidBinding):
        Binding.parse(text)
