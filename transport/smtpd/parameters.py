"""The arguments of MAIL and RCPT: the path and the parameters of the extensions (RFC 1870, 3461, 6152, 6531, 4954)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from transport.message.reply import Reply
from transport.smtpd.replies import BAD_PARAMETER, MAIL_SYNTAX, RCPT_SYNTAX, UNKNOWN_PARAMETER

# A path in brackets may hold anything in quotes; without brackets (old machines) it ends at the first blank.
_PATH = r'[ \t]*(<(?:"(?:[^"\\]|\\.)*+"|[^"<>])*+>|[^ \t<>]++)(?:[ \t]++(.*))?\Z'
_MAIL = re.compile("FROM:" + _PATH, re.IGNORECASE | re.DOTALL)
_RCPT = re.compile("TO:" + _PATH, re.IGNORECASE | re.DOTALL)
# RFC 3461 4.2, 4.4: what is encoded decodes to printable ASCII, from the blank to the tilde.
_XCHAR: Final = r"[!-*,-<>-~]|\+(?:[2-6][0-9A-F]|7[0-9A-E])"
_XTEXT = re.compile(rf"(?:{_XCHAR})*+\Z")
_ORCPT = re.compile(rf"[A-Za-z0-9-]{{1,40}};(?:{_XCHAR}|[^\x00-\x9f]|\\x\{{[0-9A-F]{{2,6}}\}})+\Z")
# Postfix writes an original recipient with umlauts as the xtext of its UTF-8 octets, which RFC 3461 has no place for.
_HIGH = re.compile(r"(?:\+[89A-F][0-9A-F])+")
_NOTIFY: Final = frozenset({"SUCCESS", "FAILURE", "DELAY"})
MAX_ENVID: Final = 100  # RFC 3461 4.4
MAX_ORCPT: Final = 500  # RFC 3461 4.2
MAX_PARAMETERS: Final = 20


class Refused(Exception):
    """The command is refused with this reply."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(str(reply))
        self.reply = reply


@dataclass(slots=True)
class MailCommand:
    path: str
    size: int = 0
    is_8bit: bool = False
    smtputf8: bool = False
    ret: str = ""
    envid: str = ""
    require_tls: bool = False


@dataclass(slots=True)
class RcptCommand:
    path: str
    notify: str = ""
    orcpt: str = ""


def parse_mail(argument: str, *, extended: bool = True, unoffered: frozenset[str] = frozenset()) -> MailCommand:
    """Read the argument of MAIL; parameters in `unoffered` are as unknown as any other. Raises Refused."""
    path, given = _split(_MAIL, argument, MAIL_SYNTAX, extended)
    _refuse_unoffered(given, unoffered)
    if not given:
        return MailCommand(path)
    command = MailCommand(
        path=path,
        size=_size(_value(given, "SIZE")),
        is_8bit=_one_of(_value(given, "BODY"), {"7BIT": False, "8BITMIME": True}),
        smtputf8=_flag(given, "SMTPUTF8"),
        ret=_keyword(_value(given, "RET"), {"FULL", "HDRS"}),
        envid=_xtext(_value(given, "ENVID"), MAX_ENVID),
        require_tls=_flag(given, "REQUIRETLS"),
    )
    # RFC 4954 5: whoever is not trusted to name another author may name one, and we need not believe it.
    _xtext(_value(given, "AUTH"), MAX_ORCPT)
    _refuse_rest(given)
    return command


def parse_rcpt(argument: str, *, extended: bool = True, unoffered: frozenset[str] = frozenset()) -> RcptCommand:
    """Read the argument of RCPT, as `parse_mail` does."""
    path, given = _split(_RCPT, argument, RCPT_SYNTAX, extended)
    _refuse_unoffered(given, unoffered)
    if not given:
        return RcptCommand(path)
    command = RcptCommand(path, _notify(_value(given, "NOTIFY")), _orcpt(_value(given, "ORCPT")))
    _refuse_rest(given)
    return command


Given = dict[str, str | None]


def _split(pattern: re.Pattern[str], argument: str, syntax: Reply, extended: bool) -> tuple[str, Given]:
    match = pattern.match(argument)
    if not match or (match[2] and not extended):
        raise Refused(syntax)
    given: Given = {}
    for word in match[2].split() if match[2] else ():
        name, equals, value = word.partition("=")
        name = name.upper()
        if name in given or len(given) >= MAX_PARAMETERS or (equals and not value):
            raise Refused(BAD_PARAMETER)
        given[name] = value if equals else None
    return match[1], given


def _refuse_unoffered(given: Given, unoffered: frozenset[str]) -> None:
    if not unoffered.isdisjoint(given):
        raise Refused(UNKNOWN_PARAMETER)


def _refuse_rest(rest: Given) -> None:
    if rest:
        raise Refused(UNKNOWN_PARAMETER)


def _value(given: Given, name: str) -> str | None:
    value = given.pop(name, "")
    if value is None:
        raise Refused(BAD_PARAMETER)
    return value or None


def _size(value: str | None) -> int:
    if value is None:
        return 0
    # RFC 1870 6: up to 20 digits.
    if not (value.isascii() and value.isdigit() and len(value) <= 20):
        raise Refused(BAD_PARAMETER)
    return int(value)


def _one_of(value: str | None, choices: dict[str, bool]) -> bool:
    if value is None:
        return False
    if value.upper() not in choices:
        raise Refused(BAD_PARAMETER)
    return choices[value.upper()]


def _flag(given: Given, name: str) -> bool:
    if name not in given:
        return False
    if given.pop(name) is not None:
        raise Refused(BAD_PARAMETER)
    return True


def _keyword(value: str | None, choices: set[str]) -> str:
    if value is None:
        return ""
    if value.upper() not in choices:
        raise Refused(BAD_PARAMETER)
    return value.upper()


def _xtext(value: str | None, limit: int) -> str:
    if value is None:
        return ""
    if len(value) > limit or not _XTEXT.match(value):
        raise Refused(BAD_PARAMETER)
    return value


def _notify(value: str | None) -> str:
    if value is None:
        return ""
    words = value.upper().split(",")
    # RFC 3461 4.1: NEVER stands alone.
    if words != ["NEVER"] and (not _NOTIFY.issuperset(words) or len(set(words)) != len(words)):
        raise Refused(BAD_PARAMETER)
    return ",".join(words)


def _orcpt(value: str | None) -> str:
    if value is None:
        return ""
    value, changes = _HIGH.subn(_embedded, value)
    if changes:
        value = re.sub("^rfc822;", "utf-8;", value, flags=re.IGNORECASE)
    if len(value) > MAX_ORCPT or not _ORCPT.match(value):
        raise Refused(BAD_PARAMETER)
    return value


def _embedded(run: re.Match[str]) -> str:
    """Return encoded UTF-8 octets as RFC 6533 3 writes such characters; control characters stay what is refused."""
    try:
        text = bytes.fromhex(run[0].replace("+", "")).decode()
    except UnicodeDecodeError:
        raise Refused(BAD_PARAMETER) from None
    return "".join(f"\\x{{{ord(char):02X}}}" if char > "\x9f" else char for char in text)
