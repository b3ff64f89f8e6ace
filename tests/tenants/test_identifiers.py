from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from tenants.identifiers import first_uuid7_of, uuid7


def test_identifiers_made_one_after_the_other_are_in_that_order() -> None:
    """Many of them within a millisecond: a message's events are listed by them."""
    made = [uuid7() for _ in range(1000)]
    # A clock may stand still, or be set back a little, between two of them; by chance half would be out of order.
    assert sum(later <= earlier for earlier, later in pairwise(made)) < 10


def test_an_identifier_lies_within_the_bounds_of_its_time() -> None:
    before = datetime.now(UTC)
    made = uuid7()
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert first_uuid7_of(before) <= made < first_uuid7_of(datetime.now(UTC) + timedelta(milliseconds=1))
