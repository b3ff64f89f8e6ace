"""The registry of reasons: complete, readable, safe, and known to everything that names a code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from transport.delivery import classify
from transport.dns.failures import DnsFailure, TemporaryKind
from transport.routing.reasons import REASONS, Action, Reason, explain, reply_for

ROOT = Path(__file__).parents[3]
CODE = re.compile(r"[a-z_]+\.[a-z0-9_]+\Z")
FACTS = {
    "why", "domain", "domain_id", "recipient", "sender", "sender_domain", "mailbox", "mailbox_id", "connector",
    "connector_id", "size", "limit", "host", "endpoint", "phase", "queue_id",
}  # fmt: skip


@pytest.mark.parametrize("reason", REASONS.values(), ids=lambda reason: reason.code)
class TestEachReason:
    def test_has_a_code_and_words_that_end_in_a_full_stop(self, reason: Reason) -> None:
        assert CODE.match(reason.code)
        assert 5 < len(reason.title) < 90
        assert not reason.title.endswith(".")
        assert reason.explanation.endswith((".", "{why}", "{error}", "?"))

    def test_can_be_explained_without_any_fact(self, reason: Reason) -> None:
        told = explain(reason.code)

        assert "{" not in told.title + told.text
        assert all("{" not in fix.label and not any("{" in v for v in fix.params.values()) for fix in told.fixes)

    def test_has_a_reply_of_one_line_whose_codes_agree(self, reason: Reason) -> None:
        if reason.reply is None:
            return
        reply = reply_for(reason.code)
        assert reply.text.isascii()
        assert "\n" not in reply.wire()
        assert reply.enhanced is not None
        # Exchange says 550 4.4.7 for what expired: refused for good, for want of time.
        assert str(reply.code)[0] == reply.enhanced[0] or reason.code == "queue.expired"

    def test_a_fault_of_ours_is_never_permanent(self, reason: Reason) -> None:
        assert not (reason.side == "ours" and reason.reply is not None and reason.reply.is_permanent)


def test_a_case_fills_text_reply_and_fix() -> None:
    told = explain(
        "sender.domain_not_public", sender="a@x.local", recipient="b@y.example", domain="x.local", mailbox_id="42"
    )

    assert told.title == "a@x.local cannot be used on the Internet"
    assert "x.local, which is not verified" in told.text
    assert told.reply is not None
    assert told.reply.text.startswith("Sender a@x.local cannot be used")
    assert told.fixes[0].action is Action.SET_REPLY_ADDRESS
    assert told.fixes[0].params == {"mailbox_id": "42", "address": "a@x.local"}
    assert told.to_json()["fixes"][0]["action"] == "set_reply_address"


def test_a_parameter_that_is_not_known_is_left_out_of_the_fix() -> None:
    (fix, *_rest) = explain("route.connector_disabled", connector="C").fixes

    assert (fix.label, fix.params) == ("Enable the send connector “C”", {})


def test_no_connector_offers_the_one_click_that_mends_it() -> None:
    (fix,) = explain("route.no_connector", domain="gmail.example").fixes

    assert fix.action is Action.CREATE_SEND_CONNECTOR
    assert fix.params["pattern"] == "*"
    assert fix.params["domain"] == "gmail.example"


def test_an_unknown_code_is_explained_as_our_mistake() -> None:
    assert explain("no.such_code").side == "ours"


@pytest.mark.parametrize("hostile", ["a\r\nX-Evil: 1", "{0.__class__}", "{why}", "\x00", "ü@ü", "a" * 5000])
def test_hostile_facts_stay_on_one_line_of_ascii(hostile: str) -> None:
    reply = reply_for("sender.not_yours", sender=hostile)

    assert reply.text.isascii()
    assert reply.text.isprintable()


def test_a_reason_without_smtp_effect_has_no_reply_to_give() -> None:
    with pytest.raises(KeyError):
        reply_for("domain.taken")


def test_words_are_translated_before_they_are_filled() -> None:
    told = explain(
        "recipient.unknown", translate=lambda text: text.replace("There is no", "Es gibt kein"), recipient="x"
    )

    assert told.title == "Es gibt kein x"


def test_every_failure_of_dns_is_registered() -> None:
    kinds = [f"dns.{kind}" for kind in TemporaryKind]
    classes = [one.reason_code for one in DnsFailure.__subclasses__() if one.permanent]

    assert not {*kinds, *classes, DnsFailure.reason_code} - REASONS.keys()


def python_files() -> list[Path]:
    files = (path for folder in ("transport", "tenants", "platform") for path in (ROOT / folder).rglob("*.py"))
    return [path for path in files if "migrations" not in path.parts and "reasons" not in path.parts]


def constants(*nodes: ast.AST) -> Iterator[str]:
    yield from (one.value for one in nodes if isinstance(one, ast.Constant) and isinstance(one.value, str))


def named_codes(tree: ast.AST) -> Iterator[str]:
    """Yield every constant that stands where a reason code belongs."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            if name in {"Problem", "refuse", "reply_for", "WireTrouble", "explain"}:
                yield from constants(*node.args)
            yield from constants(*(keyword.value for keyword in node.keywords if keyword.arg == "reason_code"))
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "reason_code":
            yield from constants(node.value)


def test_every_code_that_the_source_names_is_registered() -> None:
    """A refusal without words would be a dead end for whoever meets it (design §2.6)."""
    named = {
        (code, path.relative_to(ROOT).as_posix())
        for path in python_files()
        for code in named_codes(ast.parse(path.read_text()))
        if CODE.match(code)
    }

    assert named, "the search itself found nothing"
    assert sorted(one for one in named if one[0] not in REASONS) == []


def test_every_label_of_a_peers_refusal_is_registered() -> None:
    source = Path(classify.__file__).read_text()
    labels = set(re.findall(r'"(peer\.[a-z0-9_]+)"', source)) - {"peer.accepted"}

    assert sorted(labels - REASONS.keys()) == []
