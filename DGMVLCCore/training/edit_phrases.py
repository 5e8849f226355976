"""Sentences of a phrase bank by what they ask of an editor."""

from __future__ import annotations

import numpy as np

from DGMVLCCore.language.bank import Phrase
from DGMVLCCore.simulation.insert import Lesion
from DGMVLCCore.simulation.phrases import TERMS
from DGMVLCCore.training.examples import PhraseBank

EVERYTHING = "Clear lung."  # the sentence that denies every finding


def agrees(phrase: Phrase, lesion: Lesion) -> bool:
    """True when the place that a phrase names, if any, is the lesion's."""
    return phrase.side in (None, "bilateral", lesion.side) and phrase.zone in (None, lesion.zone)


class EditPhrases:
    """Draws sentences of the bank by what they ask for."""

    def __init__(self, bank: PhraseBank) -> None:
        self.bank, self.phrases = bank, bank.phrases
        self.everything = 1 + next(
            (i for i, phrase in enumerate(self.phrases) if phrase.text == EVERYTHING), 0
        )
        denials: dict[tuple[str, bool], list[int]] = {}
        for index, phrase in enumerate(self.phrases, 1):
            if not phrase.present:
                denials.setdefault((phrase.term, "clear" in phrase.text.lower()), []).append(index)
        self.denials = denials

    def states(self, lesion: Lesion, rng: np.random.Generator) -> int:
        """A sentence that is true of a lesion."""
        return self.bank.choose(lesion, True, rng)

    def denies(
        self, lesion: Lesion, rng: np.random.Generator, *, here: bool = True, alone: bool = False
    ) -> int:
        """A sentence that denies a lesion's finding at its place (elsewhere with `here` False); one
        that says nothing of other findings with `alone`. 0 where the bank holds none."""
        if here and not alone and rng.random() < 0.2:
            return self.everything
        wordings = [False] if alone or not here else [False, True]
        options = [i for wording in wordings for i in self.denials.get((lesion.term, wording), [])]
        for index in rng.permutation(options):
            if agrees(self.phrases[index - 1], lesion) == here:
                return int(index)
        return 0

    def denies_other(self, terms: set[str], rng: np.random.Generator) -> int:
        """A sentence that denies a finding that is not among `terms`, and no other."""
        others = [term for term in TERMS if term not in terms]
        return int(rng.choice(self.denials[(str(rng.choice(others)), False)]))

    def denies_any(self, rng: np.random.Generator) -> int:
        """Any denial."""
        if rng.random() < 0.2:
            return self.everything
        return int(rng.choice([i for rows in self.denials.values() for i in rows]))
