"""Makes refusals out of reason codes, so that reply, explanation and facts always come from the same entry."""

from __future__ import annotations

from typing import Any

from transport.routing.reasons import reply_for
from transport.routing.result import Refusal


def refuse(reason_code: str, /, **facts: Any) -> Refusal:
    """Return the refusal with the registry's reply for the reason; the facts become what JSON can hold."""
    plain = {
        name: value if isinstance(value, int) else str(value) for name, value in facts.items() if value is not None
    }
    return Refusal(reason_code, reply_for(reason_code, **plain), plain)
