"""A quiz over a set of cases: find it, name it, see the answer; every step is saved before it is
shown."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from msgspec import Struct
from msgspec.structs import replace
from scipy import ndimage

from DGMVLCCore.errors import OutputError, UnsuitableInputError, UsageError
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.readers.cases import MARKER, CaseSet
from DGMVLCCore.readers.records import Answer, CaseKey, QuizRecord, head
from DGMVLCCore.results.records import read_typed, write_typed

NOTHING = "no finding"
TOLERANCE_MM = 5.0  # a click this close to the finding's border still counts: an eye is not a voxel
Point = tuple[float, float, float]


def distance_mm(mask: np.ndarray, volume: Volume, point: Point) -> float:
    """Distance of a place (LPS, mm) to the nearest voxel of a mask (D,H,W), 0 inside it; infinite
    for an empty mask.

    Raises:
        UnsuitableInputError: the place is no finite point, or outside the scan.
    """
    if len(point) != 3 or not all(isinstance(c, int | float) and math.isfinite(c) for c in point):
        raise UnsuitableInputError("A mark needs three finite coordinates (LPS, mm).")
    index = (np.linalg.inv(volume.affine) @ np.append(np.asarray(point, float), 1.0))[:3][::-1]
    voxel = tuple(int(i) for i in np.rint(index))
    if not all(0 <= i < n for i, n in zip(voxel, volume.shape)):
        raise UnsuitableInputError(
            f"The mark at {', '.join(f'{c:.1f}' for c in point)} mm lies outside the scan; click "
            "into the scan."
        )
    if not mask.any():
        return math.inf
    return float(ndimage.distance_transform_edt(~mask, sampling=volume.spacing)[voxel])


class Revealed(Struct, frozen=True):
    """An answered case: its key, the answer, that in words, and the files to show."""

    key: CaseKey
    answer: Answer
    words: str
    scan: str
    before: str
    difference: str
    segments: str


@dataclass
class Quiz:
    """One reader's way through a set of cases; `record` is what the file `path` holds."""

    path: Path
    record: QuizRecord
    cases: CaseSet

    @classmethod
    def start(
        cls, folder: Path | str, path: Path | str, reader: str = "reader", seed: int = 0
    ) -> Quiz:
        """Begin with all cases of a folder in an order drawn from the seed.

        Raises:
            OutputError: the file is there already. UnreadableError: no set of cases, or one without
                its key.
        """
        cases, path = CaseSet.read(folder), Path(path)
        if path.exists():
            raise OutputError(f"{path} exists already; go on with it, or choose another name.")
        cases.keys()
        order = [cases.ids[int(i)] for i in np.random.default_rng(seed).permutation(len(cases.ids))]
        record = QuizRecord(
            **head("quiz", seed),
            reader=str(reader)[:80],
            cases=str(cases.folder.absolute()),
            keys_sha256=cases.record.keys.sha256,
            order=order,
            answers=[],
        )
        write_typed(record, path)
        return cls(path, record, cases)

    @classmethod
    def resume(cls, path: Path | str) -> Quiz:
        """Go on where a quiz was left.

        Raises:
            UnreadableError: no quiz, or its cases are gone. UnsuitableInputError: the cases were
                made anew since.
        """
        path = Path(path)
        record = read_typed(path, QuizRecord)
        beside = (path.parent / MARKER).is_file()  # a folder that was moved takes its quiz along
        cases = CaseSet.read(path.parent if beside else record.cases)
        if cases.record.keys.sha256 != record.keys_sha256:
            raise UnsuitableInputError(
                f"The cases in {cases.folder} were made anew after this quiz began; start a new "
                "quiz."
            )
        return cls(path, record, cases)

    @property
    def current(self) -> str | None:
        """The case to read now; None at the end."""
        done, order = len(self.record.answers), self.record.order
        return order[done] if done < len(order) else None

    def answer(
        self, case: str, named: str, point: Point | None = None, seconds: float | None = None
    ) -> Answer:
        """Answer the current case, save, and say what was right.

        Args:
            named: one of the choices, or `NOTHING`. point: LPS mm; None when nothing was found.

        Raises:
            UsageError: not the current case, an unknown name, or a mark for “no finding”.
                UnsuitableInputError: the mark lies outside the scan.
        """
        self._require(case, named, point)
        key, mask = self.cases.keys()[case], self.cases.mask(case)
        away = distance_mm(mask, self.cases.volume(case), point) if point is not None else math.inf
        entry = Answer(
            str(case),
            str(named),
            _rounded(point),
            round(away, 1) if math.isfinite(away) else None,
            bool(away <= TOLERANCE_MM if key.term else point is None),
            named == (key.term or NOTHING),
            round(float(seconds), 1) if seconds is not None else None,
            time.strftime("%Y-%m-%dT%H:%M:%S"),
        )
        changed = replace(self.record, answers=[*self.record.answers, entry])
        write_typed(changed, self.path)  # first on disk: a full one loses no step
        self.record = changed
        return entry

    def _require(self, case: str, named: str, point: Point | None) -> None:
        """Refuse an answer to another case, or one that is none."""
        choices = (*self.cases.record.choices, NOTHING)
        if case != self.current:
            raise UsageError(
                f"The case to answer now is {self.current or 'none, the quiz is over'}, not "
                f"{case[:40]}."
            )
        if named not in choices:
            raise UsageError(
                f"“{named[:60]}” is no choice of this quiz; choose from: {', '.join(choices)}."
            )
        if (named == NOTHING) != (point is None):
            raise UsageError("Click where it is and name it, or say “no finding” without a mark.")

    def reveal(self, case: str) -> Revealed:
        """The key of an answered case, the answer in words, and the files to show.

        Raises:
            UsageError: it was not answered yet.
        """
        entry = next((a for a in self.record.answers if a.case == case), None)
        if entry is None:
            raise UsageError(f"The case {case[:40]} was not answered yet, so its key stays closed.")
        key, path = self.cases.keys()[case], self.cases.key_path
        return Revealed(
            key,
            entry,
            in_words(entry, key),
            str(self.cases.path(case)),
            str(path(case, "before")),
            str(path(case, "difference")),
            str(path(case, "segments")),
        )

    def score(self) -> dict[str, object]:
        """Counts over the answered cases, with and without a finding apart, and by finding, size
        and subtlety."""
        keys = self.cases.keys()
        rows = [(answer, keys[answer.case]) for answer in self.record.answers]
        present = [(a, k) for a, k in rows if k.term]
        groups = {
            by: {
                level: _count([r for r in present if getattr(r[1], by) == level])
                for level in dict.fromkeys(str(getattr(k, by)) for _, k in present)
            }
            for by in ("term", "size", "subtlety")
        }
        timed = [a.seconds for a, _ in rows if a.seconds is not None]
        return {
            "cases": len(self.record.order),
            "answered": len(rows),
            "with a finding": _count(present),
            "without a finding": {
                "n": len(rows) - len(present),
                "left alone": sum(a.found for a, k in rows if not k.term),
            },
            "by": groups,
            "median_seconds": float(np.median(timed)) if timed else None,
        }

    def review(self) -> list[Revealed]:
        """Every answered case with its key and the answer in words."""
        return [self.reveal(answer.case) for answer in self.record.answers]


def _rounded(point: Point | None) -> Point | None:
    if point is None:
        return None
    x, y, z = (round(float(c), 2) for c in point)
    return x, y, z


def _count(rows: list[tuple[Answer, CaseKey]]) -> dict[str, int]:
    return {
        "n": len(rows),
        "found": sum(a.found for a, _ in rows),
        "named": sum(a.right_name for a, _ in rows),
        "found and named": sum(a.found and a.right_name for a, _ in rows),
    }


def in_words(entry: Answer, key: CaseKey) -> str:
    """What was right and what not."""
    if not key.term:
        return (
            "Right: no finding was put into this scan."
            if entry.found
            else f"No finding was put into this scan; you marked “{entry.named}”."
        )
    if entry.point_mm is None:
        return f"Missed. {key.sentence}"
    away = f", {entry.distance_mm:.0f} mm away" if entry.distance_mm else ""
    place = "Right place" if entry.found else f"Not the place{away}"
    name = "right name" if entry.right_name else f"not “{entry.named}”"
    return f"{place}, {name}. {key.sentence}"
