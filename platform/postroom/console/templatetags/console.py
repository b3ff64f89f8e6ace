"""Template tags of the console: icons, states, fixes, sizes and times."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template
from django.forms import CheckboxInput, RadioSelect
from django.forms.boundfield import BoundField
from django.template.context import Context
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext

from postroom.console.fixes import buttons
from postroom.console.forms import mark_invalid
from postroom.explain import explain, explain_problem
from tenants.problems import Problem
from transport.actions.simulate import Outcome
from transport.checks.verdicts import Purpose
from transport.message.parse import ReadableAttachment
from transport.message.reply import Reply
from transport.models import DeliveryType, EventId, Queue
from transport.routing.reasons import Explanation
from transport.usage.words import amount, consequence, label_of

register = template.Library()

STATE_ICONS = {
    "passed": "circle-check",
    "warning": "alert-triangle",
    "failed": "circle-x",
    "unknown": "help-circle",
    "not_applicable": "circle-minus",
}
EVENTS: dict[str, tuple[str, str]] = {
    EventId.RECEIVE: ("accent", "login"),
    EventId.SEND: ("passed", "send"),
    EventId.DELIVER: ("passed", "inbox"),
    EventId.DEFER: ("warning", "clock"),
    EventId.FAIL: ("failed", "circle-x"),
    EventId.DSN: ("warning", "message-report"),
    EventId.RESUBMIT: ("accent", "route"),
    EventId.TRANSFER: ("accent", "switch-horizontal"),
    EventId.RESOLVE: ("", "at"),
    EventId.REDIRECT: ("", "mail-forward"),
    EventId.SUPPRESSED: ("warning", "mail-off"),
    EventId.REPORT: ("accent", "message-report"),
    EventId.DROP: ("failed", "trash"),
    EventId.POISONMESSAGE: ("failed", "alert-triangle"),
}


@register.simple_tag
def icon(name: str, extra: str = "") -> SafeString:
    """Return a decorative icon of the sprite."""
    return format_html(
        '<svg class="icon {}" aria-hidden="true"><use href="{}#{}"></use></svg>',
        extra,
        static("console/icons.svg"),
        name,
    )


@register.simple_tag
def event_icon(event_id: str) -> SafeString:
    """Return the icon of a tracking event."""
    return icon(EVENTS.get(event_id, ("", "circle-dot"))[1])


@register.filter
def mood(event_id: str) -> str:
    """Return whether an event is good news: passed, warning, failed, accent or nothing."""
    return EVENTS.get(event_id, ("", ""))[0]


@register.filter
def event_label(event_id: str) -> str:
    return str(EventId(event_id).label) if event_id in EventId.values else event_id


@register.simple_tag
def state_icon(state: object) -> SafeString:
    """Return the icon of a verdict, with its word for those who cannot see it."""
    words = {
        "passed": gettext("passed"),
        "warning": gettext("warning"),
        "failed": gettext("failed"),
        "unknown": gettext("not known yet"),
        "not_applicable": gettext("not applicable"),
    }
    key = str(state)
    return format_html(
        '<span class="state state-{}" title="{}">{}<span class="visually-hidden">{}</span></span>',
        key,
        words.get(key, key),
        icon(STATE_ICONS.get(key, "help-circle")),
        words.get(key, key),
    )


@register.inclusion_tag("console/fixes.html", takes_context=True)
def fix_buttons(context: Context, fixes: Any, limit: int = 0) -> dict[str, Any]:
    """Show what mends it, as far as this role may press it."""
    request = context["request"]
    membership = getattr(request, "membership", None)
    found = buttons(fixes, membership.role if membership else None)
    return {
        "buttons": found[:limit] if limit else found,
        "request": request,
        "back": context.get("back") or request.get_full_path(),
    }


@register.simple_tag
def explained_problem(problem: Problem) -> Explanation:
    return explain_problem(problem)


@register.simple_tag
def explained_outcome(outcome: Outcome) -> Explanation | None:
    return explain(outcome.reason_code, **outcome.facts) if outcome.reason_code else None


@register.simple_tag
def step_label(step: dict[str, Any]) -> str:
    """Return what a step of a routing trace decided about, in a word."""
    labels = {
        "client": gettext("who hands it in"),
        "sender": gettext("sender"),
        "recipient": gettext("recipient"),
        "connector": gettext("send connector"),
    }
    return labels.get(step["step"], str(step["step"]))


@register.filter
def validation_step(name: str) -> str:
    """Return what a step of a connector's validation is about."""
    labels = {
        "route": gettext("Is it the one that mail goes by?"),
        "dns": gettext("Look the next hop up (DNS)"),
        "policy": gettext("What the domain demands (MTA-STS)"),
        "connect": gettext("Connect"),
        "greeting": gettext("The peer greets"),
        "helo": gettext("We say who we are (EHLO)"),
        "starttls": gettext("Encrypt (STARTTLS)"),
        "auth": gettext("Log in (AUTH)"),
        "mail": gettext("The sender (MAIL)"),
        "rcpt": gettext("The recipient (RCPT)"),
        "data": gettext("The message (DATA)"),
        "quit": gettext("Say goodbye"),
    }
    return labels.get(name, name)


@register.filter
def weighed(step: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the connectors that a step weighed: the one that won, then those that came near it."""
    considered: list[dict[str, Any]] = step["considered"]
    return sorted(considered, key=lambda one: one["verdict"] != "won")[:10]


@register.inclusion_tag("console/field.html")
def field(bound: BoundField, label: str = "", extra: str = "") -> dict[str, Any]:
    """Show one field with label, help and errors."""
    widget = bound.field.widget
    return {
        "field": mark_invalid(bound),
        "label": label or bound.label,
        "is_check": isinstance(widget, CheckboxInput),
        "is_radio": isinstance(widget, RadioSelect),
        "extra": extra,
    }


@register.filter
def words(reply: Reply | None) -> str:
    """Return a reply as it was said; a peer's verbatim words hold their code already."""
    if reply is None:
        return ""
    return str(reply) if reply.code else reply.text


@register.filter
def purpose_label(purpose: str) -> str:
    """Return what a DNS record is for."""
    labels = {
        Purpose.VERIFICATION: gettext("Proof that the domain is yours"),
        Purpose.MX: gettext("Where its mail is brought (MX)"),
        Purpose.SPF: gettext("Who may send for it (SPF)"),
        Purpose.DMARC: gettext("What receivers do with forgeries (DMARC)"),
    }
    return labels[Purpose(purpose)]


@register.filter
def person(header: str) -> str:
    """Return the name in a From or To field, or the address where there is none."""
    name = header.partition("<")[0].strip(' "')
    return name or header.strip("<> ")


@register.filter
def file_label(file: ReadableAttachment) -> str:
    """Return an attachment's name, or what it is where its sender gave it none."""
    labels = {
        "message/delivery-status": gettext("Report for machines"),
        "message/rfc822": gettext("The letter that it is about"),
        "text/rfc822-headers": gettext("Header of the letter that it is about"),
    }
    return labels.get(file.content_type, file.name) if file.name == f"part-{file.index}" else file.name


@register.filter
def queue_status(value: str) -> str:
    return str(Queue.Status(value).label)


@register.filter
def delivery_type(value: str) -> str:
    return str(DeliveryType(value).label)


@register.filter
def size(value: int | None) -> str:
    """Return bytes as a person reads them."""
    number = float(value or 0)
    for unit in ("B", "KB", "MB", "GB"):
        if number < 1024 or unit == "GB":
            return f"{number:.0f} {unit}" if unit == "B" or number >= 100 else f"{number:.1f} {unit}"
        number /= 1024
    raise AssertionError("unreachable")


@register.filter
def limit_label(name: str) -> str:
    return label_of(name)


@register.filter
def limit_consequence(name: str) -> str:
    return consequence(name)


@register.filter
def limit_amount(value: int, name: str) -> str:
    """Return a figure of a limit as a person reads it."""
    return amount(name, value)


@register.simple_tag
def moment(value: datetime | str | None) -> SafeString | str:
    """Return a time in the tenant's zone, with how long ago or until as the short text."""
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    if value is None:
        return ""
    local = timezone.localtime(value)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        value.isoformat(),
        local.strftime("%Y-%m-%d %H:%M:%S %Z"),
        distance(value),
    )


@register.filter
def clock(value: datetime | None) -> str:
    return timezone.localtime(value).strftime("%Y-%m-%d %H:%M:%S") if value else ""


def distance(value: datetime) -> str:
    """Return “3 min ago” or “in 2 h”."""
    seconds = int((value - timezone.now()).total_seconds())
    text = _span(abs(seconds))
    if abs(seconds) < 5:
        return gettext("now")
    return gettext("in {time}").format(time=text) if seconds > 0 else gettext("{time} ago").format(time=text)


def _span(seconds: int) -> str:
    if seconds < 60:
        return gettext("{n} s").format(n=seconds)
    if seconds < 3600:
        return gettext("{n} min").format(n=seconds // 60)
    if seconds < 48 * 3600:
        return gettext("{n} h").format(n=seconds // 3600)
    days = seconds // 86400
    return ngettext("{n} day", "{n} days", days).format(n=days)
