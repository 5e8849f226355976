"""Rows of a running evaluation, one JSON object a line, so that an interrupted run goes on where it
stopped."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from DGMVLCCore.errors import UnreadableError, UsageError
from DGMVLCCore.evaluation.tables import Row
from DGMVLCCore.ground.whole import whole_file
from DGMVLCCore.results.records import plain, write_text

ROWS = "rows.jsonl"
STORE = "arrays"


class Records:
    """Rows by (stage, key), and a folder of arrays kept for figures and for what is scored over all
    cases.

    The first line says what the run is; another run's rows are refused.
    """

    def __init__(self, folder: Path, about: Mapping[str, object], resume: bool) -> None:
        self.folder, self.path = folder, folder / ROWS
        self.rows: dict[tuple[str, str], Row] = {}
        (folder / STORE).mkdir(parents=True, exist_ok=True)
        about = plain(about)
        if resume and self.path.exists():
            self._read(about)
        else:
            write_text(json.dumps({"about": about}) + "\n", self.path)

    def _read(self, about: Mapping[str, object]) -> None:
        """Rows of the interrupted run; a last line that was cut off is dropped.

        Raises:
            UsageError: they belong to another run. UnreadableError: they cannot be read.
        """
        lines = self.path.read_text(encoding="utf-8").split("\n")
        whole = lines[:-1]  # what follows the last line break was cut off
        try:
            entries = [json.loads(line) for line in whole]
            found = entries[0]["about"]
            rows = {(entry["stage"], entry["key"]): entry["row"] for entry in entries[1:]}
        except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
            raise UnreadableError(
                f"{self.path} is not a readable list of rows; remove it and start again without "
                "--resume."
            ) from error
        if found != about:
            differs = ", ".join(
                sorted(key for key in {*found, *about} if found.get(key) != about.get(key))
            )
            raise UsageError(
                f"The interrupted run in {self.folder} differs in: {differs}; give the same "
                "options and weights, or start without --resume."
            )
        self.rows = rows
        write_text("\n".join(whole) + "\n", self.path)

    @classmethod
    def reading(cls, folder: Path) -> Records:
        """The rows of a folder, whatever run made them.

        Raises:
            UnreadableError: there are none that can be read.
        """
        try:
            about = json.loads((folder / ROWS).read_text(encoding="utf-8").split("\n", 1)[0])[
                "about"
            ]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UnreadableError(
                f"{folder / ROWS} is not a readable list of rows; score again."
            ) from error
        return cls(folder, about, resume=True)

    def has(self, stage: str, key: str) -> bool:
        """True when this row was made already."""
        return (stage, key) in self.rows

    def add(self, stage: str, key: str, row: Mapping[str, object]) -> None:
        """Append a row and flush it to the disk."""
        line: Row = plain(row)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(
                json.dumps({"stage": stage, "key": key, "row": line}, ensure_ascii=False) + "\n"
            )
            file.flush()
            os.fsync(file.fileno())
        self.rows[stage, key] = line

    def of(self, stage: str) -> list[Row]:
        """Rows of a stage in the order they were made."""
        return [row for (name, _), row in self.rows.items() if name == stage]

    def keep(self, key: str, arrays: dict[str, np.ndarray]) -> None:
        """Keep arrays of a case; written whole or not at all."""
        with (
            whole_file(self.folder / STORE / f"{key}.npz") as temporary,
            temporary.open("wb") as file,
        ):
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]

    def kept(self, key: str) -> dict[str, np.ndarray]:
        """Arrays of a case."""
        with np.load(self.folder / STORE / f"{key}.npz") as file:
            return {name: file[name] for name in file.files}

    def keys(self, stage: str) -> Iterator[str]:
        """Keys of a stage in the order they were made."""
        return (key for name, key in self.rows if name == stage)
