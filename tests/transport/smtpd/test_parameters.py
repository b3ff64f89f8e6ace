from __future__ import annotations

import pytest

from transport.smtpd.parameters import MailCommand, RcptCommand, Refused, parse_mail, parse_rcpt


@pytest.mark.parametrize(
    ("argument", "command"),
    [
        ("FROM:<a@b.example>", MailCommand("<a@b.example>")),
        ("from: <a@b.example> size=5", MailCommand("<a@b.example>", size=5)),
        ('FROM:<"a b>c"@d.example> SMTPUTF8', MailCommand('<"a b>c"@d.example>', smtputf8=True)),
        ("FROM:<> BODY=8BITMIME RET=hdrs ENVID=x+3D", MailCommand("<>", 0, True, False, "HDRS", "x+3D")),
    ],
)
def test_mail(argument: str, command: MailCommand) -> None:
    assert parse_mail(argument) == command


@pytest.mark.parametrize(
    "argument",
    [
        *("", "FROM", "FROM:", "FROM:<a@b.example>x", "FROM:<a@b.example> SIZE", "FROM:<a@b.example> SIZE=-1"),
        *("FROM:<a> SIZE=1 SIZE=1", "FROM:<a> SMTPUTF8=1", "FROM:<a> RET=x", "FROM:<a> ENVID=" + "x" * 101),
        *("FROM:<a> ENVID=a+zz", "FROM:<a> X=", "FROM:<a> FOO=1", "FROM:<a> " + " ".join(f"A{n}=1" for n in range(50))),
    ],
)
def test_mail_refuses(argument: str) -> None:
    with pytest.raises(Refused):
        parse_mail(argument)


@pytest.mark.parametrize(
    ("argument", "command"),
    [
        ("TO:<a@b.example>", RcptCommand("<a@b.example>")),
        ("TO:<a> notify=never", RcptCommand("<a>", "NEVER")),
        ("TO:<a> NOTIFY=delay,success", RcptCommand("<a>", "DELAY,SUCCESS")),
        ("TO:<a> ORCPT=rfc822;b+2Bc@d.example", RcptCommand("<a>", "", "rfc822;b+2Bc@d.example")),
        ("TO:<a> ORCPT=rfc822;gr+C3+BC+C3+9Fe@d.example", RcptCommand("<a>", "", r"utf-8;gr\x{FC}\x{DF}e@d.example")),
        ("TO:<a> ORCPT=utf-8;+E3+81+82@d.example", RcptCommand("<a>", "", r"utf-8;\x{3042}@d.example")),
    ],
)
def test_rcpt(argument: str, command: RcptCommand) -> None:
    assert parse_rcpt(argument) == command


@pytest.mark.parametrize(
    "argument",
    [
        *("TO:<a> NOTIFY=NEVER,DELAY", "TO:<a> NOTIFY=SOMETIMES", "TO:<a> NOTIFY=DELAY,DELAY", "TO:<a> ORCPT=x"),
        *("TO:<a> ORCPT=rfc822;a+C3b", "TO:<a> ORCPT=rfc822;a+C2+85b", "TO:<a> ORCPT=rfc822;+FF+FE"),
        *("TO:<a> ORCPT=rfc822;" + "x" * 500, "TO:<a> SIZE=1", "TO:<a><b>"),
    ],
)
def test_rcpt_refuses(argument: str) -> None:
    with pytest.raises(Refused):
        parse_rcpt(argument)


def test_without_ehlo_there_are_no_parameters() -> None:
    with pytest.raises(Refused):
        parse_mail("FROM:<a@b.example> SIZE=5", extended=False)
