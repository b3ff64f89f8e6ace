"""A mailbox in the browser: its letters, and one of them. What a stranger wrote is text, or shut in a frame."""

from __future__ import annotations

import html as entities
import re
from collections.abc import Iterator
from itertools import islice
from typing import Any, Final
from uuid import UUID

import nh3
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import content_disposition_header, urlencode
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from postroom.console.requests import ConsoleRequest, needs
from postroom.paging import paginate
from tenants.access import mailboxes_of, one
from tenants.models import Mailbox
from tenants.permissions import Permission
from transport.access import letters
from transport.actions.letters import discard_letter, mark_seen
from transport.message.parse import part_content, readable
from transport.models import Folder, MailboxMessage

# Nothing loads and nothing runs in the frame; a link opens in a tab of its own that knows nothing of us.
FRAME_POLICY = "; ".join(
    [
        "default-src 'none'",
        "style-src 'unsafe-inline'",
        "frame-ancestors 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "sandbox allow-popups allow-popups-to-escape-sandbox",
    ]
)
STYLES = {
    *("color", "background-color", "font-size", "font-weight", "font-style", "font-family", "text-align"),
    *("text-decoration", "line-height", "padding", "margin", "border", "border-collapse", "width", "max-width"),
    *("vertical-align", "white-space"),
}
ATTRIBUTES = {
    "*": {"style", "align", "dir", "lang"},
    "a": {"href", "title"},
    "img": {"alt", "width", "height"},  # no src: a remote picture would tell its sender who reads
    "table": {"width", "cellpadding", "cellspacing", "border"},
    "td": {"width", "colspan", "rowspan", "valign"},
    "th": {"width", "colspan", "rowspan", "valign"},
}

TAGS: Final = 4_000  # of a letter's HTML that are read together
# Where a line ends in HTML, more or less: good enough for reading.
BLOCK = re.compile(r"<(?:br|/?(?:p|div|tr|li|ul|ol|table|blockquote|h[1-6]))\b", re.IGNORECASE)


def own_mailbox(request: ConsoleRequest) -> Mailbox | None:
    """Return the mailbox that the user works in: the one asked for, or the first of their own."""
    rows = mailboxes_of(request.membership.tenant_id, request.user)
    wanted = request.GET.get("box") or request.POST.get("box")
    return one(rows, wanted) if wanted else rows.first()


@needs(Permission.READ_OWN_MAIL)
def index(request: ConsoleRequest) -> HttpResponse:
    mailbox = own_mailbox(request)
    if mailbox is None:
        return render(request, "console/mail/none.html")
    folder = request.GET.get("folder", Folder.INBOX)
    if folder not in Folder.values:
        raise Http404
    page = paginate(request, letters(mailbox).filter(folder=folder), ["-uid", "-id"])
    others = list(mailboxes_of(request.membership.tenant_id, request.user)[:20])
    context = {"mailbox": mailbox, "mailboxes": others, "folder": folder, "folders": Folder.choices, "page": page}
    template = "console/mail/letters.html" if request.htmx else "console/mail/index.html"
    return render(request, template, context)


@needs(Permission.READ_OWN_MAIL)
def letter(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    row = _letter(request, pk)
    mark_seen(letter=row)
    told = readable(bytes(row.body.content))
    context: dict[str, Any] = {
        "letter": row,
        "mailbox": row.mailbox,
        "told": told,
        "headers": [(name, value) for name, value in told.headers if name not in {"Subject", "Message-ID"}],
        "text": told.text or as_text(told.html),
        "folders": Folder.choices,
    }
    return render(request, "console/mail/letter.html", context)


@needs(Permission.READ_OWN_MAIL)
def html(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    """Answer with a letter's HTML for the frame: sanitised, and under a policy that lets nothing load or run."""
    told = readable(bytes(_letter(request, pk).body.content))
    response = render(request, "console/mail/frame.html", {"content": sanitised(told.html)})
    response.headers["Content-Security-Policy"] = FRAME_POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def sanitised(text: str) -> str:
    return "".join(_sanitised_piece(piece) for piece in _pieces(text))


def _sanitised_piece(text: str) -> str:
    return nh3.clean(
        text,
        clean_content_tags={"script", "style", "title"},
        attributes=ATTRIBUTES,
        filter_style_properties=STYLES,
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )


def as_text(text: str) -> str:
    """Return HTML without its tags: what there is to read where a letter has no text part."""
    pieces = (BLOCK.sub(r"\n\g<0>", piece) for piece in _pieces(text))
    dropped = {"script", "style", "title"}
    plain = entities.unescape("".join(nh3.clean(piece, tags=set(), clean_content_tags=dropped) for piece in pieces))
    return "\n".join(line for line in (line.strip() for line in plain.splitlines()) if line)


def _pieces(text: str) -> Iterator[str]:
    """Cut HTML with very many tags: the work of reading it grows with the square of their nesting (reliability 2.11).

    Each piece is sanitised by itself, so a cut can spoil the looks of a letter and nothing else.
    """
    start = 0
    for cut in islice(re.finditer("<", text), TAGS, None, TAGS):
        yield text[start : cut.start()]
        start = cut.start()
    yield text[start:]


@needs(Permission.READ_OWN_MAIL)
def source(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    row = _letter(request, pk)
    return _download(bytes(row.body.content), "message/rfc822", f"{row.message_id}.eml")


@needs(Permission.READ_OWN_MAIL)
def attachment(request: ConsoleRequest, pk: UUID, number: int) -> HttpResponse:
    part = part_content(bytes(_letter(request, pk).body.content), number)
    if part is None:
        raise Http404
    return _download(part.content, part.content_type, part.name)


def _download(content: bytes, content_type: str, name: str) -> HttpResponse:
    """Answer with something to save, never to show: its sender chose both its type and its bytes."""
    response = HttpResponse(content, content_type=content_type)
    response.headers["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


@require_POST
@needs(Permission.READ_OWN_MAIL)
def delete(request: ConsoleRequest, pk: UUID) -> HttpResponse:
    row = _letter(request, pk)
    folder, box = row.folder, str(row.mailbox_id)
    gone = discard_letter(letter=row) is None
    messages.success(request, _("Deleted.") if gone else _("Moved to the trash."))
    return redirect(f"{reverse('console:mail')}?{urlencode({'box': box, 'folder': folder})}")


def _letter(request: ConsoleRequest, pk: UUID) -> MailboxMessage:
    own = mailboxes_of(request.membership.tenant_id, request.user).values("pk")
    rows = MailboxMessage.objects.filter(tenant_id=request.membership.tenant_id, mailbox__in=own)
    return one(rows.select_related("body", "mailbox"), pk)
