"""Makes refusals out of reason codes, so that reply, explanation and facts always come from the same entry."""

from __future__ import annotations

from typing import Any

from transport.routing.reasons import reply_for
from transport.routing.result import Refusal, RoutedRecipient


def refuse(reason_code: str, /, **facts: Any) -> Refusal:
    """Return the refusal with the registry's reply for the reason."""
    return Refusal(reason_code, reply_for(reason_code, **facts), facts)


def refused(original: str, refusal: Refusal) -> RoutedRecipient:
    return RoutedRecipient(original, original, None, refusal)
