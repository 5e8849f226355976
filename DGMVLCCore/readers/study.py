"""A reader study: every reader reads every case twice, alone and with the counterfactual, in a
counterbalanced random order with a washout between."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import numpy as np

from DGMVLCCore.errors import UnreadableError, UnsuitableInputError, UsageError
from DGMVLCCore.readers.cases import CaseSet
from DGMVLCCore.readers.readings import COLUMNS, Item, Mode, Reading, read_readings, write_readings
from DGMVLCCore.readers.records import CaseKey, StudyRecord, head
from DGMVLCCore.results.csv_table import csv_text
from DGMVLCCore.results.folders import whole_folder
from DGMVLCCore.results.records import read_typed, write_text, write_typed

MARKER = "study.json"
ALONE: Mode = "scan"
AIDED: Mode = "scan + counterfactual"
MODES = (ALONE, AIDED)
SESSIONS: tuple[Literal[1, 2], ...] = (1, 2)
LEAST = 2  # cases with and without a finding; below, no ROC curve has an interval
MOST_READERS = 100


def _blocks(keys: dict[str, CaseKey], rng: np.random.Generator) -> tuple[set[str], set[str]]:
    """Two halves of the cases with equally many findings in each, to within one."""
    halves: tuple[set[str], set[str]] = (set(), set())
    for present in (True, False):
        names = sorted(name for name, key in keys.items() if bool(key.term) == present)
        for turn, index in enumerate(rng.permutation(len(names))):
            halves[(turn + (not present)) % 2].add(names[int(index)])
    return halves


def crossover(keys: dict[str, CaseKey], readers: list[str], seed: int) -> list[Item]:
    """The order of all readings.

    Half of the cases is read alone first and with the counterfactual in the second session, the
    other half the other way round; which half is which
    alternates between readers. The order within a session is drawn anew for each reader and
    session.
    """
    rng = np.random.default_rng(seed)
    first, _ = _blocks(keys, rng)
    items = []
    for number, reader in enumerate(readers):
        for session in SESSIONS:
            order = [sorted(keys)[int(i)] for i in rng.permutation(len(keys))]
            for position, case in enumerate(order, 1):
                aided = ((case in first) + number + session) % 2 == 0
                items.append(Item(reader, session, position, case, MODES[aided], keys[case].asked))
    return items


def reader_names(text: list[str]) -> list[str]:
    """`["4"]` as R1 … R4, or the given names.

    Raises:
        UsageError: none, too many, one twice, or a name that no file can have.
    """
    names = (
        [f"R{i + 1}" for i in range(min(int(text[0]), MOST_READERS + 1))]
        if len(text) == 1 and text[0].isdigit()
        else list(text)
    )
    if not 1 <= len(names) <= MOST_READERS:
        raise UsageError(
            f"A study has 1 to {MOST_READERS} readers; give their number or their codes."
        )
    if strange := [
        n
        for n in names
        if not n.replace("-", "").replace("_", "").isalnum() or len(n) > 40 or not n.isascii()
    ]:
        raise UsageError(f"The reader {strange[0]!r:.60} needs a code of letters, digits, - and _.")
    if len({n.lower() for n in names}) < len(names):
        raise UsageError("Two readers have the same code; give each their own.")
    return names


def plan_study(
    folder: Path | str,
    out: Path | str,
    readers: list[str],
    *,
    washout_days: float = 28.0,
    seed: int = 0,
    overwrite: bool = False,
) -> StudyRecord:
    """Plan a study over a folder of cases; writes `study.json` and a table to fill in for each
    reader.

    Args:
        readers: codes, not names of people. washout_days: least time between the two readings of a
            case.

    Raises:
        UnsuitableInputError: too few cases with or without a finding, or cases without a
            counterfactual. OutputError: as `whole_folder`.
    """
    cases, readers = CaseSet.read(folder), reader_names(readers)
    keys = _require_cases(cases)
    if seed < 0 or not 0 <= washout_days <= 3650:
        raise UsageError("The seed must be 0 or more and the washout 0 to 3650 days.")
    items = crossover(keys, readers, seed)
    alone = "One reader: intervals hold for this reader alone and say nothing about others."
    record = StudyRecord(
        **head("study", seed),
        cases=str(cases.folder.absolute()),
        keys_sha256=cases.record.keys.sha256,
        readers=readers,
        washout_days=washout_days,
        items=items,
        notes=[alone] if len(readers) == 1 else [],
    )
    with whole_folder(Path(out), overwrite, MARKER) as made:
        _write_plan(record, made)
    return record


def _write_plan(record: StudyRecord, folder: Path) -> None:
    """The record of a study, and a table to fill in for each of its readers."""
    for name in ("tables", "readings"):
        (folder / name).mkdir()
    write_typed(record, folder / MARKER)
    for reader in record.readers:
        table = blank_table(item for item in record.items if item.reader == reader)
        write_text(table, folder / "tables" / f"{reader}.csv")


def _require_cases(cases: CaseSet) -> dict[str, CaseKey]:
    """The keys of cases that a study can be made of.

    Raises:
        UnsuitableInputError: too few with or without a finding, or cases without a counterfactual.
    """
    keys = cases.keys()
    present = sum(bool(key.term) for key in keys.values())
    if min(present, len(keys) - present) < LEAST:
        raise UnsuitableInputError(
            f"The set has {present} case(s) with and {len(keys) - present} without a finding; a "
            f"study needs at least {LEAST} of each "
            "(dgmvlc cases --number N --clear N)."
        )
    if missing := [case.id for case in cases.record.cases if case.counterfactual is None]:
        raise UnsuitableInputError(
            f"{len(missing)} of {len(keys)} cases have no counterfactual to read beside them; "
            "make the set with --counterfactual."
        )
    return keys


def blank_table(items: Iterable[Item]) -> str:
    """A table to fill in elsewhere: one row a reading, in the order to read."""
    return csv_text(COLUMNS, map(vars, items))


@dataclass(eq=False)
class Study:
    """A planned study and the readings made so far."""

    folder: Path
    record: StudyRecord
    cases: CaseSet

    @classmethod
    def read(cls, folder: Path | str) -> Study:
        """Open a study.

        Raises:
            UnreadableError: no study, or its cases are gone. UnsuitableInputError: the cases were
                made anew since it was planned.
        """
        folder = Path(folder)
        record = read_typed(folder / MARKER, StudyRecord)
        cases = CaseSet.read(record.cases)
        if cases.record.keys.sha256 != record.keys_sha256:
            raise UnsuitableInputError(
                f"The cases in {cases.folder} were made anew after the study was planned; plan "
                "it again."
            )
        return cls(folder, record, cases)

    @property
    def items(self) -> list[Item]:
        """All readings of the plan."""
        return self.record.items

    def of(self, reader: str) -> list[Item]:
        """The readings of one reader in order; UsageError when the plan has no such reader."""
        if reader not in self.record.readers:
            raise UsageError(
                f"The study has no reader {reader[:40]!r}; it has {', '.join(self.record.readers)}."
            )
        return sorted(
            (i for i in self.items if i.reader == reader), key=lambda i: (i.session, i.position)
        )

    def table(self, reader: str) -> Path:
        """Where the readings of a reader are kept."""
        return self.folder / "readings" / f"{reader}.csv"

    def readings(self, reader: str) -> list[Reading]:
        """What a reader has read so far, checked against the plan."""
        path = self.table(reader)
        return read_readings(path, self.of(reader)) if path.exists() else []

    def next_item(self, reader: str, now: datetime | None = None) -> Item | None:
        """What a reader reads next; None when all is read.

        Raises:
            UnsuitableInputError: the washout is not over.
        """
        done = {(r.item.session, r.item.case): r for r in self.readings(reader)}
        item = next((i for i in self.of(reader) if (i.session, i.case) not in done), None)
        if item is not None and item.session == 2 and self.record.washout_days > 0:
            times = [r.read_at for r in done.values() if r.item.session == 1 and r.read_at]
            opens = max(times) + timedelta(days=self.record.washout_days) if times else None
            if opens and (now or datetime.now()) < opens:
                raise UnsuitableInputError(
                    f"The first session of {reader} ended less than "
                    f"{self.record.washout_days:g} days ago; the second one opens on "
                    f"{opens:%Y-%m-%d at %H:%M}."
                )
        return item

    def add(self, reader: str, new: list[Reading]) -> None:
        """Save readings of a reader; those that are there stay as they were.

        Raises:
            UnsuitableInputError: one was made already. OutputError: it cannot be written; nothing
                is lost.
        """
        kept = self.readings(reader)
        have = {(r.item.session, r.item.case) for r in kept}
        if again := [r for r in new if (r.item.session, r.item.case) in have]:
            raise UnsuitableInputError(
                f"{reader} has read {again[0].item.case} in session {again[0].item.session} "
                "already; a reading is not replaced."
            )
        write_readings([*kept, *new], self.table(reader))

    def take_in(self, path: Path) -> dict[str, int]:
        """Readings from a table filled elsewhere; all of it or nothing. Returns reader -> number of
        readings."""
        items = {reader: self.of(reader) for reader in self.record.readers}
        readings = read_readings(path, [item for own in items.values() for item in own])
        if not readings:
            raise UnreadableError(
                f"{path.name} holds no reading yet; fill in the column confidence."
            )
        taken: dict[str, list[Reading]] = {}
        for reading in readings:
            taken.setdefault(reading.item.reader, []).append(reading)
        for reader, new in taken.items():  # all are checked before the first is written
            have = {(r.item.session, r.item.case) for r in self.readings(reader)}
            if again := [r for r in new if (r.item.session, r.item.case) in have]:
                raise UnsuitableInputError(
                    f"{reader} has read {again[0].item.case} in session {again[0].item.session} "
                    "already; "
                    f"take these rows out of {path.name}."
                )
        for reader, new in taken.items():
            self.add(reader, new)
        return {reader: len(new) for reader, new in taken.items()}
