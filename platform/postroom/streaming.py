"""Sending a long file while it is read, under ASGI as under WSGI, with neither thread nor memory taken for long."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest, StreamingHttpResponse
from django.utils.http import content_disposition_header

from transport.actions.exports import Export


def send_export(request: HttpRequest, export: Export) -> StreamingHttpResponse:
    """Return the response that sends an export as a file."""
    # Django reads an ordinary iterator to its end before it sends the first byte, where it serves by ASGI.
    parts = _one_by_one(export.parts) if isinstance(request, ASGIRequest) else export.parts
    disposition = content_disposition_header(as_attachment=True, filename=export.file_name)
    headers = {"Content-Disposition": disposition or "attachment", "Cache-Control": "no-store"}
    return StreamingHttpResponse(parts, content_type=export.content_type, headers=headers)


async def _one_by_one(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Read each part in the request's own thread, where its database connection is."""
    following = sync_to_async(_next, thread_sensitive=True)
    while (part := await following(parts)) is not None:
        yield part


def _next(parts: Iterator[bytes]) -> bytes | None:
    return next(parts, None)
