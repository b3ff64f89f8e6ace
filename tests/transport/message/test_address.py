from __future__ import annotations

import pytest

from transport.message.address import (
    Address,
    InvalidAddress,
    domain_to_a,
    domain_to_u,
    parse_address,
    parse_path,
    split_address,
)


@pytest.mark.parametrize(
    ("text", "local", "domain"),
    [
        ("<ann@contoso.example>", "ann", "contoso.example"),
        ("ann@contoso.example", "ann", "contoso.example"),
        ("<a.b+tag@x>", "a.b+tag", "x"),
        ("<O'Neil/x=y%z!q@A.Example>", "O'Neil/x=y%z!q", "A.Example"),
        ('<"ann"@contoso.example>', "ann", "contoso.example"),
        ('<"a b"@x.example>', "a b", "x.example"),
        ('<"a@b"@x.example>', "a@b", "x.example"),
        (r'<"a\"\\b"@x.example>', r'a"\b', "x.example"),
        ("<a@[192.0.2.1]>", "a", "[192.0.2.1]"),
        ("<a@[IPv6:2001:db8::1]>", "a", "[IPv6:2001:db8::1]"),
        ("<a@xn--bcher-kva.example>", "a", "xn--bcher-kva.example"),
        ("<a@3com.4u>", "a", "3com.4u"),
        (f"<{'l' * 64}@{'d' * 63}.example>", "l" * 64, f"{'d' * 63}.example"),
        ("<Postmaster>", "Postmaster", ""),
    ],
)
def test_it_reads_paths(text: str, local: str, domain: str) -> None:
    assert parse_path(text) == Address(local, domain)


@pytest.mark.parametrize("text", ["<>", ""])
def test_the_null_path_is_none(text: str) -> None:
    assert parse_path(text) is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("<ann>", "address.syntax"),
        ("<@x.example>", "address.source_route"),
        ("<@a.example,@b.example:c@d.example>", "address.source_route"),
        ("<a@>", "address.domain"),
        ("<a@b@c.example>", "address.domain"),
        ("<a b@c.example>", "address.syntax"),
        ("<.a@c.example>", "address.syntax"),
        ("<a.@c.example>", "address.syntax"),
        ("<a..b@c.example>", "address.syntax"),
        ("<a(comment)@c.example>", "address.syntax"),
        ("<a@c.example> SIZE=1", "address.syntax"),
        ("<a@c.example><b@c.example>", "address.domain"),
        ("<a@c.example>b", "address.syntax"),
        ("<<a@c.example>>", "address.syntax"),
        ('<"a"b@c.example>', "address.syntax"),
        ('<"a@c.example>', "address.syntax"),
        ('<"a\rb"@c.example>', "address.control_character"),
        ("<a\0@c.example>", "address.control_character"),
        ("<a@c.example\r\nRCPT TO:<b@c.example>>", "address.control_character"),
        ("<a@c.example\n>", "address.control_character"),
        ("a@c.example\n", "address.control_character"),
        ("<a@c.\texample>", "address.control_character"),
        ("<a\x85@c.example>", "address.control_character"),
        ("<a@-c.example>", "address.domain"),
        ("<a@c-.example>", "address.domain"),
        ("<a@c..example>", "address.domain"),
        ("<a@c.example.>", "address.domain"),
        ("<a@under_score.example>", "address.domain"),
        ("<a@127.0.0.1>", "address.domain"),
        ("<a@2130706433>", "address.domain"),
        ("<a@#2130706433>", "address.domain"),
        ("<a@[127.0.0.1>", "address.domain"),
        ("<a@[300.0.0.1]>", "address.domain"),
        ("<a@[IPv6:zz]>", "address.domain"),
        ("<a@[x:y]>", "address.domain"),
        (f"<{'l' * 65}@c.example>", "address.too_long"),
        (f"<a@{'d' * 64}.example>", "address.domain"),
        (f"<a@{'.'.join(['d' * 63] * 4)}.e>", "address.too_long"),
        ("<" + "a" * 1_000_000 + "@c.example>", "address.too_long"),
        ("<анна@c.example>", "address.smtputf8"),
        ("<a@bücher.example>", "address.smtputf8"),
    ],
)
def test_it_refuses_what_is_no_path(text: str, code: str) -> None:
    with pytest.raises(InvalidAddress) as caught:
        parse_path(text)
    assert caught.value.code == code
    assert caught.value.reply().wire().isprintable()


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("<анна@почта.example>", "анна@xn--80a1acny.example"),
        ("<e\u0301ve@x.example>", "\u00e9ve@x.example"),
        ('<"анна"@x.example>', "анна@x.example"),
        ("<ANN@BÜCHER.example>", "ann@xn--bcher-kva.example"),
        (f"<{'я' * 32}@x.example>", f"{'я' * 32}@x.example"),
    ],
)
def test_with_smtputf8_it_reads_unicode(text: str, key: str) -> None:
    address = parse_path(text, smtputf8=True)
    assert address is not None
    assert address.key == key


@pytest.mark.parametrize(
    "text",
    [
        "<a@ｅxample.example>",
        "<a@x．example>",
        "<a@x\u3002example>",
        "<a＠x.example>",
        "<a@ex\u200dample.example>",
        "<a@\u202eexample.example>",
        "<a\u202e@x.example>",
        "<a\u200b@x.example>",
        "<a\u2028@x.example>",
        "<a\udc80@x.example>",
        "<a\u00a0@x.example>",
        f"<{'я' * 33}@x.example>",
    ],
)
def test_invisible_and_compatibility_characters_are_refused(text: str) -> None:
    with pytest.raises(InvalidAddress):
        parse_path(text, smtputf8=True)


def test_a_look_alike_is_another_mailbox() -> None:
    cyrillic = parse_path("<ann@contos\u043e.example>", smtputf8=True)
    assert cyrillic is not None
    assert cyrillic.key != "ann@contoso.example"


@pytest.mark.parametrize(
    ("one", "other"),
    [("Ann@Contoso.Example", '"ann"@contoso.example'), ("a@BÜCHER.example", "a@xn--BCHER-KVA.example")],
)
def test_spellings_of_one_mailbox_share_a_key(one: str, other: str) -> None:
    assert parse_address(one).key == parse_address(other).key


@pytest.mark.parametrize("text", ["ann@x.example", '"a b"@x.example', r'"a\"b"@x.example', '"a..b"@x.example', '""@x'])
def test_it_writes_back_what_it_read(text: str) -> None:
    assert str(parse_address(text)) == text


@pytest.mark.parametrize("local", ["a%b", "a!b", "a@b"])
def test_it_marks_local_parts_that_a_next_hop_could_route_by(local: str) -> None:
    assert Address(local, "x.example").has_routing_characters
    assert not Address("ann", "x.example").has_routing_characters


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("Contoso.Example", "contoso.example"),
        ("contoso.example.", "contoso.example"),
        ("ｃontoso．example", "contoso.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("faß.example", "xn--fa-hia.example"),
        ("exchange", "exchange"),
    ],
)
def test_a_typed_domain_is_mapped_to_a_labels(typed: str, name: str) -> None:
    assert domain_to_a(typed) == name


@pytest.mark.parametrize(
    "typed", ["", ".", "a..b", "a b", "-a.b", "a_b.c", "ex\u200dample", "1.2.3.4", "x" * 300, "é" * 70]
)
def test_no_domain_comes_out_of_nonsense(typed: str) -> None:
    with pytest.raises(InvalidAddress):
        domain_to_a(typed)


def test_an_a_label_is_shown_as_people_write_it() -> None:
    assert domain_to_u("xn--bcher-kva.xn--a.example") == "bücher.xn--a.example"


def test_splitting_takes_the_last_at() -> None:
    assert split_address('"a@b"@c') == ('"a@b"', "c")


@pytest.mark.parametrize(
    ("text", "is_sender", "wire"),
    [("<a>", True, "501 5.1.7"), ("<a>", False, "501 5.1.3"), ("<é@x>", False, "553 5.6.7")],
)
def test_the_refusal_says_which_address_is_bad(text: str, is_sender: bool, wire: str) -> None:
    with pytest.raises(InvalidAddress) as caught:
        parse_path(text)
    assert caught.value.reply(is_sender=is_sender).wire().startswith(wire)
