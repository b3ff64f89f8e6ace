from __future__ import annotations

import re

import pytest

from transport.dsn.japanese import SENTENCES
from transport.dsn.text import MESSAGE_IDS

_FIELD = re.compile(r"\{\w+\}")


@pytest.mark.parametrize("sentence", MESSAGE_IDS)
def test_each_sentence_of_a_notice_is_there_with_its_fields(sentence: str) -> None:
    assert re.search(r"[ぁ-んァ-ヶ一-龠]", SENTENCES[sentence])
    assert sorted(_FIELD.findall(SENTENCES[sentence])) == sorted(_FIELD.findall(sentence))
