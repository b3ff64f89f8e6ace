from __future__ import annotations

import pytest

from transport.message.address import InvalidAddress
from transport.message.mailbox import parse_mailbox, parse_mailboxes


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("ann@x.example", "", "ann@x.example"),
        ("  ann@x.example ", "", "ann@x.example"),
        ("<ann@x.example>", "", "ann@x.example"),
        ("Ann Example <ann@x.example>", "Ann Example", "ann@x.example"),
        ('"Example, \\"Ann\\"" <ann@x.example>', 'Example, "Ann"', "ann@x.example"),
        ("アン <ann@x.example>", "アン", "ann@x.example"),
        ('"a b" <"a b"@x.example>', "a b", '"a b"@x.example'),
        ("Ann <a@[192.0.2.1]>", "Ann", "a@[192.0.2.1]"),
    ],
)
def test_it_reads_one_mailbox(text: str, name: str, address: str) -> None:
    mailbox = parse_mailbox(text)
    assert (mailbox.name, str(mailbox.address)) == (name, address)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ann",
        "a@x.example, b@x.example",
        "A <a@x.example>, B <b@x.example>",
        "A <a@x.example> <b@x.example>",
        "A <>",
        "A <a@x.example\r\nBcc: b@x.example>",
        "a@x.example\r\nBcc: b@x.example",
        "A\0 <a@x.example\0>",
    ],
)
def test_it_refuses_what_is_not_one_mailbox(text: str) -> None:
    with pytest.raises(InvalidAddress):
        parse_mailbox(text)


def test_a_list_comes_in_order_without_comments_and_group_names() -> None:
    found = parse_mailboxes("A <a@x.example>, (c, d@e) b@x.example, Team: c@x.example, d@x.example;, e@x.example")
    assert [str(mailbox.address)[0] for mailbox in found.mailboxes] == ["a", "b", "c", "d", "e"]
    assert not found.is_malformed


def test_a_name_never_holds_control_characters() -> None:
    found = parse_mailboxes("=?utf-8?q?a=0D=0ABcc=3A?= <a@x.example>")
    assert found.mailboxes[0].name == "a  Bcc:"
