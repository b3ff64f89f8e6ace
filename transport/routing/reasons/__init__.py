"""Reasons: why a message waits or was refused, in one registry (design §2.6)."""

from __future__ import annotations

from transport.routing.reasons.reason import Action, Fix, Reason, Side
from transport.routing.reasons.registry import REASONS, Explanation, explain, reply_for

__all__ = ["REASONS", "Action", "Explanation", "Fix", "Reason", "Side", "explain", "reply_for"]
