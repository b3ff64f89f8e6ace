from __future__ import annotations

import pytest

from transport.authentication.scram import (
    dummy_verify,
    make_verifier,
    parse_verifier,
    verify,
)

# The example of RFC 7677 3: user "user", password "pencil", salt W22ZaJ0SNY7soEsUEjb6gQ==, 4096 iterations.
PENCIL = (
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
    "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
)


def test_it_knows_the_password_of_the_rfc() -> None:
    assert verify("pencil", PENCIL)
    assert not verify("Pencil", PENCIL)


@pytest.mark.parametrize("password", ["secret", "", "パスワード", "nul\0", "x" * 5000, "\udc80"])
def test_a_password_matches_its_own_verifier_only(password: str) -> None:
    verifier = make_verifier(password, 10)
    assert verify(password, verifier)
    assert not verify("other", verifier)


def test_two_spellings_of_one_text_are_one_password() -> None:
    assert verify("e\u0301t\u00e9", make_verifier("\u00e9te\u0301", 10))


def test_the_verifier_is_salted_and_does_not_hold_the_password() -> None:
    one, other = make_verifier("secret", 10), make_verifier("secret", 10)
    assert one != other
    assert "secret" not in one


@pytest.mark.parametrize(
    "verifier",
    [
        "",
        "plain",
        PENCIL[:-1],
        PENCIL + "x",
        PENCIL.replace("4096", "0"),
        PENCIL.replace("4096", "9999999"),
        PENCIL + "\n",
        PENCIL.replace("W22Z", "===="),
    ],
)
def test_what_is_no_verifier_matches_nothing(verifier: str) -> None:
    assert not verify("pencil", verifier)


def test_the_dummy_never_matches() -> None:
    assert not dummy_verify("")
    assert not dummy_verify("pencil")


def test_the_verifier_can_serve_the_scram_mechanism() -> None:
    parsed = parse_verifier(PENCIL)
    assert parsed is not None
    assert (parsed.iterations, len(parsed.salt), len(parsed.stored_key)) == (4096, 16, 32)
