"""Every model in the operators' admin; the classes are by noun in their own modules."""

from __future__ import annotations

from postroom.operators import audit, configuration, limits, mailflow, people, receive_connectors

__all__ = ["audit", "configuration", "limits", "mailflow", "people", "receive_connectors"]
