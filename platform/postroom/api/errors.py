"""Errors as RFC 9457 problem details, with `code` from the registry of reasons and `errors` by field."""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, OperationalError, transaction
from django.http import Http404
from psycopg.errors import CheckViolation
from rest_framework import exceptions
from rest_framework.response import Response

from postroom.explain import explain, explain_problem
from tenants.problems import Problem
from transport.routing.reasons import Explanation, Fix
from transport.usage.web import TOO_MUCH, seconds_until_retry

logger = logging.getLogger(__name__)
CONTENT_TYPE = "application/problem+json"
CODES: dict[type[Exception], tuple[int, str]] = {
    exceptions.ValidationError: (400, "api.invalid"),
    exceptions.ParseError: (400, "api.malformed"),
    exceptions.NotAuthenticated: (401, "api.unauthenticated"),
    exceptions.AuthenticationFailed: (401, "api.unauthenticated"),
    exceptions.PermissionDenied: (403, "api.forbidden"),
    PermissionDenied: (403, "api.forbidden"),
    exceptions.NotFound: (404, "api.not_found"),
    Http404: (404, "api.not_found"),
    exceptions.MethodNotAllowed: (405, "api.method_not_allowed"),
    exceptions.NotAcceptable: (406, "api.not_acceptable"),
    exceptions.UnsupportedMediaType: (415, "api.unsupported_media_type"),
    exceptions.Throttled: (429, "api.rate"),
    OperationalError: (503, "system.unavailable"),
    InterfaceError: (503, "system.unavailable"),
    # What the fields' own checks let through: refused without the database's words, which go to the log.
    DataError: (400, "api.invalid"),
    IntegrityError: (409, "api.conflict"),
}
FORBIDDEN = {
    "api.permission_lacking",
    "api_key.role_above",
    "app_password.not_yours",
    "api.tenant_suspended",
    "member.owners_only",
    "member.not_yours",
}
# What collides with a state of things, not with a rule of form, is a conflict.
CONFLICTS = (
    "suspension.none",
    "domain.suspended",
    "tenant.being_deleted",
    "tenant.deletion_asked",
    "tenant.deletion_none",
    ".taken",
    ".duplicate",
    "_taken",
    ".in_use",
    ".not_actionable",
    "api.conflict",
    "api.idempotency_conflict",
    "invitation.exists",
    "member.exists",
)


def problem_details(error: Exception, context: dict[str, Any]) -> Response | None:
    """Return the answer for an error; None for one that nobody foresaw: a 500, its traceback in the log."""
    if getattr(context.get("view"), "is_in_scope", False):
        transaction.set_rollback(True)
    if isinstance(error, RequestDataTooBig):
        error = Problem("api.too_large", limit=settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
    if isinstance(error, Problem):
        return _of_problem(error)
    if isinstance(error, IntegrityError) and isinstance(error.__cause__, CheckViolation):
        return _of_exception(error, 400, "api.invalid", context)
    for kind, (status, code) in CODES.items():
        if isinstance(error, kind):
            return _of_exception(error, status, code, context)
    return None


def _of_problem(problem: Problem) -> Response:
    explanation = explain_problem(problem)
    body = details(_status_of(problem), explanation)
    if problem.field:
        body["errors"] = {problem.field: [explanation.text or explanation.title]}
    response = _respond(body)
    if body["status"] == 429:
        response["Retry-After"] = str(seconds_until_retry(problem))
    return response


def _status_of(problem: Problem) -> int:
    if problem.code in {"api.tenant_unknown", "api.not_found"}:
        return 404
    if problem.code == "api.too_large":
        return 413
    if problem.code in FORBIDDEN:
        return 403
    if problem.code in TOO_MUCH:
        return 429
    return 409 if problem.code.endswith(CONFLICTS) else 400


def _of_exception(error: Exception, status: int, code: str, context: dict[str, Any]) -> Response:
    request = context.get("request")
    facts = {"method": getattr(request, "method", ""), "wait": getattr(error, "wait", "")}
    if isinstance(error, exceptions.ParseError):
        facts["why"] = str(error.detail)
    elif isinstance(error, DatabaseError | InterfaceError):
        logger.warning("The database refused a request of the API.", exc_info=error)
    body = details(status, explain(code, **facts))
    if isinstance(error, exceptions.ValidationError):
        body["errors"] = error.detail if isinstance(error.detail, dict) else {"": error.detail}
    elif isinstance(error, exceptions.AuthenticationFailed | exceptions.PermissionDenied):
        body["detail"] = str(error.detail)
    response = _respond(body)
    if header := getattr(error, "auth_header", None):
        response["WWW-Authenticate"] = header
    return response


def details(status: int, explanation: Explanation) -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": explanation.title,
        "status": status,
        "detail": explanation.text,
        "code": explanation.code,
    }
    if explanation.fixes:
        body["fixes"] = [fix_as_json(fix) for fix in explanation.fixes]
    return body


def fix_as_json(fix: Fix) -> dict[str, Any]:
    return {"action": fix.action.value, "label": fix.label, "params": dict(fix.params)}


def _respond(body: dict[str, Any]) -> Response:
    return Response(body, status=body["status"], content_type=CONTENT_TYPE)
