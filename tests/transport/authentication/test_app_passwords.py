from __future__ import annotations

import pytest

from transport.authentication.app_passwords import as_app_password, make_app_password, prefix_of
from transport.authentication.scram import verify


def test_app_passwords_hold_130_secret_bits_and_are_never_the_same() -> None:
    made = [make_app_password() for _ in range(20)]
    assert len({one.text for one in made}) == 20
    letters = [one.text.replace("-", "") for one in made]
    assert all((len(text) - len(one.prefix)) * 5 == 130 for text, one in zip(letters, made, strict=True))


def test_however_it_is_typed_it_is_the_same() -> None:
    made = make_app_password()
    typed = made.text.upper().replace("-", " ").replace("O", "0").replace("L", "1").replace("B", "8") + " "
    assert verify(as_app_password(typed), made.verifier)
    assert prefix_of(as_app_password(typed)) == made.prefix


@pytest.mark.parametrize("typed", ["", "correct horse battery", "a" * 29, "a" * 31, "9" * 30, "a" * 100_000, "ä" * 30])
def test_what_cannot_be_one_is_none(typed: str) -> None:
    assert as_app_password(typed) == ""
