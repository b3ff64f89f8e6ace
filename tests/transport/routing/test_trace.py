"""The trace: for people one line a step, for programs JSON, and cheap when nobody reads it."""

from __future__ import annotations

import json
from timeit import repeat

from tests.transport.routing.scene import connector, domain, envelope, from_ann, ident, tenant, world
from transport.routing.connectors import explain_selection
from transport.routing.route import route
from transport.routing.trace import Considered, StepKind, Trace, Verdict


def test_the_trace_tells_the_whole_story_in_order() -> None:
    there = world()
    connectors = [
        connector("Internet", "*"),
        connector("Off", "gmail.example", enabled=False),
        connector("B", ("*", 5)),
    ]
    there.add(tenant("contoso", [domain("contoso.com")], connectors))

    assert there.route(from_ann("carol@gmail.example")).trace.lines() == [
        "client Client: accepted: Came in through the receive connector “Client” from 192.0.2.1, as submission.",
        "sender ann@contoso.com: accepted: The client may use this sender.",
        "recipient carol@gmail.example: relayed: gmail.example is accepted by nobody here: "
        "goes out by a send connector.",
        "connector gmail.example: chosen: Send connector “Internet” (*, cost 1) takes it, routing: dns.",
        "    Internet: won: its address space * covers the domain, cost 1",
        "    B: lost: cost 5 > 1",
        "    Off: lost: disabled",
    ]


def test_the_trace_survives_json() -> None:
    told = world().route(from_ann("carol@gmail.example", "nobody@contoso.com", "bob@fabrikam.com")).trace.to_json()

    assert json.loads(json.dumps(told)) == told
    last = [step for step in told["steps"] if step["subject"] == "nobody@contoso.com"][-1]
    assert (last["step"], last["verdict"], last["reason"]) == ("recipient", "refused", "recipient.unknown")
    assert last["detail"] == "Refused: 550 5.1.1 User unknown"


def test_a_wait_names_its_reason_and_every_connector() -> None:
    there = world().add(tenant("contoso", [domain("contoso.com")], [connector("Other", "x.example")]))
    step = there.route(from_ann("carol@gmail.example")).trace.steps[-1]

    assert (step.kind, step.verdict, step.reason_code) == (StepKind.CONNECTOR, Verdict.WAITING, "route.no_connector")
    assert [one.why() for one in step.considered] == ["no matching address space for gmail.example"]


def test_texts_can_be_translated_before_the_facts_are_filled_in() -> None:
    trace = world().route(envelope("x@y.example", "carol@gmail.example")).trace

    assert trace.lines(translate=lambda text: text.replace("Refused", "Abgelehnt"))[-1].endswith(
        "Abgelehnt: 550 5.7.1 Unable to relay"
    )


def test_hostile_facts_cannot_reach_into_objects_or_break_the_text() -> None:
    trace = Trace()
    trace.add(StepKind.RECIPIENT, "x", Verdict.REFUSED, "{who} of {nothing}", {"who": "{who.__class__}{0}"})

    assert trace.steps[0].detail() == "{who.__class__}{0} of …"


def test_what_is_considered_is_worked_out_only_when_read() -> None:
    calls: list[str] = []
    trace = Trace()

    def consider() -> tuple[Considered, ...]:
        calls.append("read")
        return ()

    trace.add(StepKind.CONNECTOR, "d", Verdict.CHOSEN, "", {}, consider)

    assert not calls
    assert trace.steps[0].considered == ()
    assert calls == ["read"]


def test_explaining_is_stable() -> None:
    there = world().tenants[ident("contoso")]

    assert explain_selection(there, "a.contoso.net", 1) == explain_selection(there, "a.contoso.net", 1)


def test_a_warm_decision_costs_tens_of_microseconds() -> None:
    """About 20 µs on the reference machine; the bound here only catches a cost of another order."""
    one = from_ann("carol@gmail.example")
    warm = world().warm(one)

    assert min(repeat(lambda: route(one, warm), number=200, repeat=5)) / 200 < 300e-6
