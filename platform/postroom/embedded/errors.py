"""The one exception that everything under `embedded` raises for what its user has to mend."""

from __future__ import annotations


class StartError(Exception):
    """Something cannot start; the message is one line that says what to do."""
