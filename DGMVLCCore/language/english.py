"""Only English is read: a plain check of the language."""

from __future__ import annotations

import re
import unicodedata

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.language.vocabulary import cues, load_vocabulary

ENGLISH = frozenset(cues("english"))
# Function words of German, Dutch, French, Spanish, Portuguese, Italian, Polish and Swedish that are
# no English words.
FOREIGN = frozenset(cues("foreign"))
DENIALS = frozenset(cues("foreign_denials"))  # an unread denial would turn its finding upside down
WORD = re.compile(r"[^\W\d_]+")
LEAST_LATIN = 0.6  # share of the letters


def check_english(text: str) -> None:
    """Refuse what this parser cannot read instead of finding nothing in it; a few foreign words do
    no harm.

    Raises:
        UnsuitableInputError: most letters are of another script, or the function words are those of
            another language.
    """
    words = [word.lower() for word in WORD.findall(text[:20000])]
    letters = "".join(words)
    latin = (
        len(letters)
        if letters.isascii()
        else sum(c.isascii() or unicodedata.name(c, "").startswith("LATIN") for c in letters)
    )
    if letters and latin < LEAST_LATIN * len(letters):
        raise UnsuitableInputError(
            "The report is not written in Latin letters; only English is read, so translate it "
            "first."
        )
    foreign = sum(word in FOREIGN for word in words)
    english = sum(word in ENGLISH for word in words)
    denied = any(word in DENIALS for word in words)
    if (
        denied
        and not english
        or foreign >= 2
        and foreign > 1.5 * english
        or foreign
        and not english
        and not load_vocabulary().pattern.search(text)
    ):
        raise UnsuitableInputError(
            "The report does not look like English; only English is read, so translate it first."
        )
