"""Columns of rows as PostgreSQL arrays in binary form, for `INSERT … SELECT FROM unnest(…)`.

psycopg's own list dumper looks at each element's type; at thousands of rows a second that is most of the
cost of storing them, and here the type of a column is known.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import ClassVar
from uuid import UUID

from psycopg.abc import Buffer
from psycopg.adapt import AdaptersMap, Dumper
from psycopg.pq import Format
from typing_extensions import override

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_NULL = b"\xff\xff\xff\xff"
_SIXTEEN = b"\x00\x00\x00\x10"
_TRUE, _FALSE = b"\x00\x00\x00\x01\x01", b"\x00\x00\x00\x01\x00"
_header = struct.Struct(">iiIii").pack
_length = struct.Struct(">i").pack
_int8 = struct.Struct(">iq").pack


class Column:
    """An encoded array; the subclass says of what."""

    __slots__ = ("data",)
    array_oid: ClassVar[int]
    element_oid: ClassVar[int]

    def __init__(self, encoded: Sequence[bytes], length: int) -> None:
        # One dimension, "may hold NULL", element type, length, lower bound 1.
        self.data = b"".join((_header(1, 1, self.element_oid, length, 1), *encoded))


class UuidColumn(Column):
    __slots__ = ()
    array_oid, element_oid = 2951, 2950


class TextColumn(Column):
    __slots__ = ()
    array_oid, element_oid = 1009, 25


class BytesColumn(Column):
    __slots__ = ()
    array_oid, element_oid = 1001, 17


class IntColumn(Column):
    __slots__ = ()
    array_oid, element_oid = 1016, 20


class BoolColumn(Column):
    __slots__ = ()
    array_oid, element_oid = 1000, 16


class TimeColumn(Column):
    __slots__ = ()
    array_oid, element_oid = 1185, 1184


class _ColumnDumper(Dumper):
    format = Format.BINARY

    @override
    def dump(self, obj: Column) -> Buffer | None:
        return obj.data


_DUMPERS = {
    kind: type(f"{kind.__name__}Dumper", (_ColumnDumper,), {"oid": kind.array_oid})
    for kind in (UuidColumn, TextColumn, BytesColumn, IntColumn, BoolColumn, TimeColumn)
}


def register_columns(adapters: AdaptersMap) -> None:
    """Teach a connection or a cursor to send columns."""
    for kind, dumper in _DUMPERS.items():
        adapters.register_dumper(kind, dumper)


def uuids(values: Sequence[UUID | None]) -> UuidColumn:
    return UuidColumn([_NULL if value is None else _SIXTEEN + value.bytes for value in values], len(values))


def texts(values: Sequence[str | None]) -> TextColumn:
    return TextColumn([_NULL if value is None else _text(value) for value in values], len(values))


def _text(value: str) -> bytes:
    # PostgreSQL's text holds no NUL, and UTF-8 no lone surrogates: neither may cost a batch its commit.
    encoded = value.encode("utf-8", "replace").replace(b"\0", b"")
    return _length(len(encoded)) + encoded


def blobs(values: Sequence[bytes]) -> BytesColumn:
    return BytesColumn([part for value in values for part in (_length(len(value)), value)], len(values))


def integers(values: Sequence[int | None]) -> IntColumn:
    return IntColumn([_NULL if value is None else _int8(8, value) for value in values], len(values))


def booleans(values: Sequence[bool]) -> BoolColumn:
    return BoolColumn([_TRUE if value else _FALSE for value in values], len(values))


def times(values: Sequence[datetime | None]) -> TimeColumn:
    return TimeColumn([_NULL if value is None else _int8(8, _microseconds(value)) for value in values], len(values))


def _microseconds(moment: datetime) -> int:
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
