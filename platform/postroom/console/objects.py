"""From an object that the audit log or the history names to its page."""

from __future__ import annotations

from typing import Final

from django.urls import NoReverseMatch, reverse

from postroom.audit_words import model_of

PAGES: Final = {
    "accepteddomain": "console:accepted-domain",
    "mailbox": "console:mailbox",
    "message": "console:tracking-timeline",
    "queue": "console:queue",
    "receiveconnector": "console:receive-connector",
    "sendconnector": "console:send-connector",
}


def page_of(object_type: str, object_id: str) -> str:
    """Return the address of an object's page; empty where it has none, or is gone. Call it inside a scope."""
    name, model = PAGES.get(object_type), model_of(object_type)
    if name is None or model is None:
        return ""
    try:
        url = reverse(name, args=[object_id])
    except NoReverseMatch:
        return ""
    return url if model._default_manager.filter(pk=object_id).exists() else ""
