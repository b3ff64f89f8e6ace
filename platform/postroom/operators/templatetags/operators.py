"""Template tags of the operators' pages."""

from __future__ import annotations

from typing import Any

from django import template
from django.contrib.admin.views.main import PAGE_VAR, ChangeList
from django.utils.safestring import SafeString, mark_safe

from postroom.operators.words import query
from transport.queue.across import QueueFilter

register = template.Library()


@register.simple_tag
def filter_query(chosen: QueueFilter) -> SafeString:
    """Return a filter as a page's query; it is quoted, and so fit for an attribute."""
    return mark_safe(query(chosen).replace("&", "&amp;"))  # noqa: S308


@register.simple_tag
def pages_of(changelist: ChangeList) -> dict[str, Any]:
    """Return where a list goes on and back to: nobody has counted how many pages there are."""
    number = changelist.page_num
    here = changelist.paginator.page(number)
    return {
        "number": number,
        "rows": len(changelist.result_list),
        "previous_url": changelist.get_query_string({PAGE_VAR: number - 1}) if number > 1 else "",
        "next_url": changelist.get_query_string({PAGE_VAR: number + 1}) if here.has_next() else "",
    }
