"""A quiz over a set of cases: find it, name it, see the answer; every step is saved before it is
shown."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from DGMVLCCore.errors import OutputError, UnsuitableInputError, UsageError
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.readers.cases import MARKER, CaseSet
from DGMVLCCore.readers.records import head
from DGMVLCCore.results.records import read_record, write_record

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


@dataclass
class Quiz:
    """One reader's way through a set of cases; `record` is what the file `path` holds."""

    path: Path
    record: dict[str, Any]
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
        record = {
            **head("quiz", seed),
            "reader": str(reader)[:80],
            "cases": str(cases.folder.absolute()),
            "keys_sha256": cases.record["keys"]["sha256"],
            "order": order,
            "answers": [],
        }
        write_record(record, path, "quiz.schema.json")
        return cls(path, record, cases)

    @classmethod
    def resume(cls, path: Path | str) -> Quiz:
        """Go on where a quiz was left.

        Raises:
            UnreadableError: no quiz, or its cases are gone. UnsuitableInputError: the cases were
                made anew since.
        """
        path = Path(path)
        record = read_record(path, "quiz.schema.json")
        beside = (path.parent / MARKER).is_file()  # a folder that was moved takes its quiz along
        cases = CaseSet.read(path.parent if beside else record["cases"])
        if cases.record["keys"]["sha256"] != record["keys_sha256"]:
            raise UnsuitableInputError(
                f"The cases in {cases.folder} were made anew after this quiz began; start a new "
                "quiz."
            )
        return cls(path, record, cases)

    @property
    def current(self) -> str | None:
        """The case to read now; None at the end."""
        done = len(self.record["answers"])
        return str(self.record["order"][done]) if done < len(self.record["order"]) else None

    def answer(
        self, case: str, named: str, point: Point | None = None, seconds: float | None = None
    ) -> dict[str, Any]:
        """Answer the current case, save, and say what was right.

        Args:
            named: one of the choices, or `NOTHING`. point: LPS mm; None when nothing was found.

        Raises:
            UsageError: not the current case, an unknown name, or a mark for “no finding”.
                UnsuitableInputError: the mark lies outside the scan.
        """
        if case != self.current:
            raise UsageError(
                f"The case to answer now is {self.current or 'none, the quiz is over'}, not "
                f"{case[:40]}."
            )
        if named not in (*self.cases.record["choices"], NOTHING):
            raise UsageError(
                f"“{named[:60]}” is no choice of this quiz; choose from: "
                f"{', '.join((*self.cases.record['choices'], NOTHING))}."
            )
        if (named == NOTHING) != (point is None):
            raise UsageError("Click where it is and name it, or say “no finding” without a mark.")
        key, mask = self.cases.keys()[case], self.cases.mask(case)
        away = distance_mm(mask, self.cases.volume(case), point) if point is not None else math.inf
        found = away <= TOLERANCE_MM if key["term"] else point is None
        entry = {
            "case": case,
            "named": named,
            "point_mm": [round(float(c), 2) for c in point] if point is not None else None,
            "distance_mm": round(away, 1) if math.isfinite(away) else None,
            "found": bool(found),
            "right_name": named == (key["term"] or NOTHING),
            "seconds": round(float(seconds), 1) if seconds is not None else None,
            "at": time.strftime("%Y-%m-%dT%H:%M:%S"),
        }
        changed = {**self.record, "answers": [*self.record["answers"], entry]}
        write_record(
            changed, self.path, "quiz.schema.json"
        )  # first on disk, then in memory: a full disk loses no step
        self.record = changed
        return entry

    def reveal(self, case: str) -> dict[str, Any]:
        """The key of an answered case, the answer in words, and the files to show.

        Raises:
            UsageError: it was not answered yet.
        """
        entry = next((a for a in self.record["answers"] if a["case"] == case), None)
        if entry is None:
            raise UsageError(f"The case {case[:40]} was not answered yet, so its key stays closed.")
        key = self.cases.keys()[case]
        return {
            "key": key,
            "answer": entry,
            "words": in_words(entry, key),
            "scan": str(self.cases.path(case)),
            **{
                what: str(self.cases.key_path(case, what))
                for what in ("before", "difference", "segments")
            },
        }

    def score(self) -> dict[str, Any]:
        """Counts over the answered cases, with and without a finding apart, and by finding, size
        and subtlety."""
        keys = self.cases.keys()
        rows = [(answer, keys[answer["case"]]) for answer in self.record["answers"]]
        present = [(a, k) for a, k in rows if k["term"]]
        groups = {
            by: {
                level: _count([r for r in present if r[1][by] == level])
                for level in dict.fromkeys(str(k[by]) for _, k in present)
            }
            for by in ("term", "size", "subtlety")
        }
        timed = [a["seconds"] for a, _ in rows if a["seconds"] is not None]
        return {
            "cases": len(self.record["order"]),
            "answered": len(rows),
            "with a finding": _count(present),
            "without a finding": {
                "n": len(rows) - len(present),
                "left alone": sum(a["found"] for a, k in rows if not k["term"]),
            },
            "by": groups,
            "median_seconds": float(np.median(timed)) if timed else None,
        }

    def review(self) -> list[dict[str, Any]]:
        """Every answered case with its key and the answer in words."""
        return [self.reveal(answer["case"]) for answer in self.record["answers"]]


def _count(rows: list[tuple[dict[str, Any], dict[str, Any]]]) -> dict[str, int]:
    return {
        "n": len(rows),
        "found": sum(a["found"] for a, _ in rows),
        "named": sum(a["right_name"] for a, _ in rows),
        "found and named": sum(a["found"] and a["right_name"] for a, _ in rows),
    }


def in_words(entry: dict[str, Any], key: dict[str, Any]) -> str:
    """What was right and what not."""
    if not key["term"]:
        return (
            "Right: no finding was put into this scan."
            if entry["found"]
            else f"No finding was put into this scan; you marked “{entry['named']}”."
        )
    if entry["point_mm"] is None:
        return f"Missed. {key['sentence']}"
    away = f", {entry['distance_mm']:.0f} mm away" if entry["distance_mm"] else ""
    place = "Right place" if entry["found"] else f"Not the place{away}"
    name = "right name" if entry["right_name"] else f"not “{entry['named']}”"
    return f"{place}, {name}. {key['sentence']}"
