"""What a generator learns from a cohort: true sentences of each patient, written as shards."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from msgspec import Struct

from DGMVLCCore.cohort.frame import PatientScan
from DGMVLCCore.cohort.groups import Contrast, Rows
from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.language.bank import plain_bank
from DGMVLCCore.language.clinical import JOIN, Value, clause
from DGMVLCCore.language.encoder import MAX_TOKENS, LanguageEncoder
from DGMVLCCore.language.schema import ClinicalSchema
from DGMVLCCore.models.checks import COHORT


class Taught(Struct, frozen=True):
    """What weights learned of a cohort: attributes, and the keys of the scans."""

    attributes: list[str] = []
    scans: list[str] = []


class Sentences:
    """What is said of a patient: the asked attribute always, the others as far as the encoder's
    length allows.

    Args:
        names: the attributes that are said. encoder: counts tokens.
    """

    def __init__(
        self, names: Iterable[str], schema: ClinicalSchema, encoder: LanguageEncoder
    ) -> None:
        self.names = tuple(dict.fromkeys(names))
        self.schema, self.encoder = schema, encoder

    def say(self, row: dict[str, Value], first: str, others: bool = True) -> str:
        """A row's sentence with `first` in it, in the schema's order.

        Raises:
            UnsuitableInputError: the clause of `first` alone is too long.
        """
        chosen = [first]
        for name in self.names if others else ():
            if (
                name in row
                and name != first
                and self.encoder.count_tokens(self._joined(row, [*chosen, name])) <= MAX_TOKENS
            ):
                chosen.append(name)
        text = self._joined(row, chosen)
        if self.encoder.count_tokens(text) > MAX_TOKENS:
            raise UnsuitableInputError(
                f"The clause “{text[:60]}” of {first} is longer than the {MAX_TOKENS} tokens the "
                "network reads; shorten the value."
            )
        return text

    def _joined(self, row: dict[str, Value], names: list[str]) -> str:
        return JOIN.join(clause(a, row[a.name]) for a in self.schema.attributes if a.name in names)

    def all_of(self, row: dict[str, Value]) -> list[str]:
        """True sentences to learn from: of each attribute alone, and with the others."""
        return list(
            dict.fromkeys(
                self.say(row, name, others)
                for name in self.names
                if name in row
                for others in (False, True)
            )
        )

    def with_value(self, row: dict[str, Value], contrast: Contrast, value: Value) -> str:
        """The row's sentence with another value of the contrast's attribute; what cannot be true
        beside it goes."""
        attribute = next(a for a in self.schema.attributes if a.name == contrast.attribute)
        gone = {
            *attribute.excludes.get(str(row[attribute.name]), ()),
            *attribute.excludes.get(str(value), ()),
        }
        return self.say(
            {name: v for name, v in row.items() if name not in gone} | {attribute.name: value},
            attribute.name,
        )


def scan_key(scan: PatientScan) -> str:
    """Which scan this is, by its voxels alone: the beginning of their SHA-256."""
    return hashlib.sha256(scan.hu.tobytes()).hexdigest()[:16]


def write_shards(
    folder: Path, scans: Sequence[PatientScan], rows: Rows, sentences: Sentences
) -> None:
    """Shards of a cohort: one file a patient, and the bank of encoded sentences. They are patients'
    scans: keep the folder as the scans are kept.

    Raises:
        UnsuitableInputError: no patient has anything said of it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    said = {scan.name: texts for scan in scans if (texts := sentences.all_of(rows[scan.name]))}
    if not said:
        raise UnsuitableInputError("No patient's row says anything of the attributes asked about.")
    texts = list(dict.fromkeys(text for mine in said.values() for text in mine))
    np.savez(folder / "phrases.npz", **plain_bank(texts, sentences.encoder))  # type: ignore[arg-type]
    number = {text: index for index, text in enumerate(texts, 1)}
    for index, scan in enumerate(s for s in scans if s.name in said):
        np.savez(
            folder / f"cohort-{index:05d}.npz",
            hu=scan.hu,
            labels=scan.labels,
            spacing=np.array(scan.spacing),
            texts=np.array([number[text] for text in said[scan.name]]),
        )
    facts = {
        "attributes": sentences.names,
        "scans": sorted(scan_key(s) for s in scans if s.name in said),
    }
    (folder / COHORT).write_text(json.dumps(facts), encoding="utf-8")
