"""Domain names that look like another: letters of several scripts in one label, or letters that pass for Latin ones.

After UTS 39 (5.2, highly restrictive, and a small part of its confusables). It warns; nobody is refused for a name.
"""

from __future__ import annotations

import unicodedata
from typing import Final

import idna

# Scripts that people write together (UTS 39 5.2); Latin goes with each of these.
_TOGETHER: Final = (
    frozenset({"LATIN"}),
    frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "CJK", "BOPOMOFO"}),
    frozenset({"LATIN", "CJK", "HANGUL"}),
)
# Letters of Cyrillic, Greek and Armenian that look like a Latin one in most typefaces.
_LIKE_LATIN: Final = frozenset("асеорхуіјѕԁһӏԛԝοναρυικωսոօհցզ")


def deceptive_label(domain: str) -> str | None:
    """Return the label, as people see it, of an A-label domain that passes for another name; None where none does."""
    for label in domain.split("."):
        if label.startswith("xn--"):
            shown = idna.decode(label)
            if _mixes_scripts(shown) or _passes_for_latin(shown):
                return shown
    return None


def _mixes_scripts(label: str) -> bool:
    scripts = {script for letter in label if (script := _script_of(letter))}
    return len(scripts) > 1 and not any(scripts <= allowed for allowed in _TOGETHER)


def _passes_for_latin(label: str) -> bool:
    letters = [letter for letter in label if letter.isalpha()]
    return bool(letters) and all(letter in _LIKE_LATIN for letter in letters)


def _script_of(letter: str) -> str:
    """Return the script of a letter by the first word of its Unicode name; nothing for digits, marks and hyphens."""
    if not unicodedata.category(letter).startswith("L"):
        return ""
    script = unicodedata.name(letter, "").partition(" ")[0]
    # The prolonged sound mark and the like are shared by the Japanese scripts.
    return {"KATAKANA-HIRAGANA": "KATAKANA", "IDEOGRAPHIC": "CJK"}.get(script, script)
