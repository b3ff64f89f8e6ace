"""Tables for a spreadsheet (RFC 4180), in which no cell is taken for a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Final

# What LibreOffice and Excel begin a formula with, wide forms too; a tab or a line break before one is skipped by them.
FORMULA: Final = tuple("=+-@\t\r\n＝＋－＠")
BYTE_ORDER_MARK: Final = "\ufeff"  # Excel reads UTF-8 by it


def safe_cell(text: str) -> str:
    """Return the text so that a spreadsheet shows it: with an apostrophe in front where it would calculate."""
    return f"'{text}" if text.startswith(FORMULA) else text


def csv_file(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """Return a file of the rows, every cell quoted and safe."""
    out = io.StringIO()
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows([safe_cell(cell) for cell in row] for row in rows)
    return (BYTE_ORDER_MARK + out.getvalue()).encode("utf-8", "replace")
