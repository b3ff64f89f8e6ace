"""Reading a request's JSON (RFC 8259) within bounds: its depth, and text that can be stored; Django bounds its size."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser
from typing_extensions import override


class BoundedJsonParser(JSONParser):
    """Refuses what would cost us a crash later: nested too deep, or lone surrogates, which no UTF-8 can hold."""

    @override
    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        try:
            text = stream.read().decode("utf-8")
            data = json.loads(text, parse_constant=_no_constant)
            if "\\ud" in text or "\\uD" in text:
                json.dumps(data, ensure_ascii=False).encode()
        except UnicodeError:
            raise ParseError("Text has to be UTF-8, without lone surrogates.") from None
        except RecursionError:
            raise ParseError("It is nested too deeply.") from None
        except ValueError as error:
            raise ParseError(str(error)) from None
        return data


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON.")
