"""What went wrong last, for programs: our class of error, the peer's words apart, the explanation and the fixes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from postroom.api.errors import fix_as_json
from postroom.api.schema import FixSerializer
from postroom.explain import explain
from transport.queue.listing import QueueError


class LastErrorSerializer(serializers.Serializer[Any]):
    code = serializers.IntegerField(allow_null=True)
    enhanced = serializers.CharField()
    text = serializers.CharField(help_text="The outer words, as Exchange has them.")
    reason = serializers.CharField(help_text="Of the registry of reasons.")
    title = serializers.CharField()
    explanation = serializers.CharField()
    peer_text = serializers.CharField(help_text="The peer's reply, verbatim.")
    phase = serializers.CharField()
    endpoint = serializers.CharField()
    at = serializers.DateTimeField(allow_null=True)
    fixes = FixSerializer(many=True)


def last_error(error: QueueError | None, facts: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return an error as JSON; `facts` fill the reason's words."""
    if error is None:
        return None
    explanation = explain(error.reason, **facts)
    return {
        "code": error.code,
        "enhanced": error.enhanced,
        "text": error.text,
        "reason": error.reason,
        "title": explanation.title,
        "explanation": explanation.text,
        "peer_text": error.peer_text,
        "phase": error.phase,
        "endpoint": error.endpoint,
        "at": error.at,
        "fixes": [fix_as_json(fix) for fix in explanation.fixes],
    }
