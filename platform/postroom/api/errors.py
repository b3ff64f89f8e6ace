"""Errors as RFC 9457 problem details."""

from __future__ import annotations

from typing import Any

from rest_framework.response import Response


def problem_details(error: Exception, context: dict[str, Any]) -> Response | None:
    return None
