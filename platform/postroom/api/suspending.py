"""What a request to suspend says."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from tenants.models import SuspensionMode


class SuspendSerializer(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=500, help_text="Those concerned read it.")
    mode = serializers.ChoiceField(
        choices=SuspensionMode.choices,
        default=SuspensionMode.TEMPORARY,
        help_text="Incoming mail meanwhile: put off (4xx) or refused (5xx).",
    )


def suspension_asked(data: Any) -> dict[str, Any]:
    """Return the reason and the mode of a request; raises ValidationError."""
    serializer = SuspendSerializer(data=data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)
