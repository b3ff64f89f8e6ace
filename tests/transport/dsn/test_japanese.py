from __future__ import annotations

import re

import pytest

from transport.dsn.japanese import EXPLANATIONS, SENTENCES
from transport.dsn.text import MESSAGE_IDS
from transport.routing.reasons import REASONS

_FIELD = re.compile(r"\{\w+\}")


@pytest.mark.parametrize("sentence", MESSAGE_IDS)
def test_each_sentence_of_a_notice_is_there_with_its_fields(sentence: str) -> None:
    assert re.search(r"[ぁ-んァ-ヶ一-龠]", SENTENCES[sentence])
    assert sorted(_FIELD.findall(SENTENCES[sentence])) == sorted(_FIELD.findall(sentence))


@pytest.mark.parametrize("code", EXPLANATIONS)
def test_each_explanation_is_of_a_reason_and_names_what_that_names(code: str) -> None:
    assert re.search(r"[ぁ-んァ-ヶ一-龠]", EXPLANATIONS[code])
    assert set(_FIELD.findall(EXPLANATIONS[code])) <= set(_FIELD.findall(REASONS[code].explanation))


def test_who_refuses_a_recipient_is_explained() -> None:
    wanted = {code for code in REASONS if code.startswith(("peer.recipient", "peer.mailbox"))}
    assert wanted <= set(EXPLANATIONS)
