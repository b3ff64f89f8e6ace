from __future__ import annotations

import pytest

from postroom.console.mail import TAGS, as_text, sanitised


@pytest.mark.timeout(40)  # it takes two seconds, on a machine with nothing else to do
def test_a_letter_of_tags_in_each_other_opens_in_bounded_time() -> None:
    """2.11: a hundred thousand nested tags took 50 seconds."""
    bomb = "<div>" * 200_000 + "x"
    assert as_text(bomb) == "x"
    assert sanitised(bomb).count("<div>") == sanitised(bomb).count("</div>")


def test_a_cut_between_pieces_lets_nothing_through() -> None:
    for before in range(TAGS - 3, TAGS + 1):
        html = "<br>" * before + '<script>alert(1)</script><a title="<" onclick=x href="javascript:y">z</a><img src=x>'
        shown = sanitised(html)
        assert "<script" not in shown
        assert "onclick=x href" not in shown.replace("&quot;", '"').partition("<a")[2].partition(">")[0]
        assert "src=" not in shown.replace("&lt;", "").partition("<img")[2].partition(">")[0]
    assert as_text("a<br>" * (TAGS * 2)) == "\n".join("a" * (TAGS * 2))
