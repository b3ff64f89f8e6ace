"""Reasons why the API or the console cannot do what was asked; none of them shows in SMTP."""

from __future__ import annotations

from typing import Final

from transport.routing.reasons.reason import Reason, Side
from transport.routing.wording import gettext_noop as _


def _invalid(code: str, title: str, explanation: str) -> Reason:
    return Reason(code, Side.TENANT, title, explanation)


REASONS: Final = (
    _invalid("api.invalid", _("The request is not valid"), _("One or more fields cannot be accepted; see errors.")),
    _invalid("api.malformed", _("The request cannot be read"), _("The body is no valid JSON. {why}")),
    _invalid("api.too_large", _("The request is too large"), _("A request has at most {limit} bytes.")),
    _invalid("api.unauthenticated", _("No valid key"), _("Send a key: Authorization: Bearer <key>.")),
    _invalid(
        "api.permission_lacking",
        _("The key's role does not allow this"),
        _(
            "This needs the permission “{permission}”, which a key of the role “{role}” does not have. "
            "Keys of these roles have it: {roles}. Members of these roles can make one: {makers}."
        ),
    ),
    _invalid("api_key.invalid_role", _("Not a role"), _("The roles are {known}.")),
    _invalid(
        "api_key.role_above",
        _("More than you may do yourself"),
        _("A key of the role “{role}” could do what your role, “{own}”, does not allow."),
    ),
    _invalid("api.forbidden", _("The key does not allow this"), _("The key's scopes do not cover this request.")),
    _invalid("api.not_found", _("There is no such thing"), _("Nothing with this id exists in this organisation.")),
    _invalid(
        "api.no_such_path", _("There is no such path"), _("{path} is no path of the API; /api/v1/schema/ lists them.")
    ),
    _invalid(
        "api.method_not_allowed", _("The method is not allowed here"), _("{method} is not possible on this path.")
    ),
    _invalid("api.unsupported_media_type", _("The format is not supported"), _("Send application/json.")),
    _invalid("api.not_acceptable", _("The format cannot be given"), _("Only application/json is given out.")),
    _invalid("api.rate", _("Too many requests"), _("Wait {wait} seconds and try again.")),
    _invalid(
        "api.tenant_required", _("Which organisation?"), _("An operator's key names one: X-Postroom-Tenant: <slug>.")
    ),
    _invalid("api.tenant_unknown", _("There is no such organisation"), _("No organisation has the short name {slug}.")),
    _invalid(
        "api.idempotency_conflict",
        _("The idempotency key was used for another request"),
        _("The same Idempotency-Key came with another body. Use a new key for a new request."),
    ),
    _invalid(
        "api.conflict", _("The thing has changed meanwhile"), _("Somebody else changed it. Read it again, then retry.")
    ),
    _invalid("api.unknown_field", _("There is no such field"), _("“{name}” is not a field that can be set here.")),
    _invalid("api.required", _("The field is missing"), _("This field is required.")),
    _invalid("api.immutable", _("The field cannot be changed"), _("This field is set once, at creation.")),
    _invalid(
        "name.not_printable",
        _("The name holds characters that cannot be shown"),
        _("Line breaks, control characters and marks that turn the text round are not allowed in names."),
    ),
    _invalid("message.invalid_header", _("A header field is not allowed"), _("The field {name} is refused. {why}")),
    _invalid("message.no_recipients", _("The message has no recipients"), _("Name at least one in to, cc or bcc.")),
    _invalid(
        "queue.preview_outdated",
        _("This preview can no longer be confirmed"),
        _("It is too old, or somebody else made it. Look again: a new preview shows what would be hit now."),
    ),
    _invalid(
        "queue.not_actionable",
        _("This cannot be done to the queue now"),
        _("The queue is {status}; {action} is not possible in this state."),
    ),
    _invalid(
        "message.in_transit",
        _("The message is on its way at this moment"),
        _("It is being delivered; what was asked takes effect only if the delivery fails."),
    ),
    Reason(
        "api.internal",
        Side.OURS,
        _("A fault of ours"),
        _("Something unforeseen happened. Nothing was changed; the log names the request {request_id}."),
    ),
)
