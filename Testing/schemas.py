"""Writes the JSON schemas of the typed records into DGMVLCCore/results/schema.

python Testing/schemas.py

A record's fields are declared once, in its type; a test holds the files against the types.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from DGMVLCCore.readers import records as readers
from DGMVLCCore.report.fill import FillRecord
from DGMVLCCore.results.records import SCHEMAS, Record, schema_of

RECORDS: dict[str, tuple[type[Record], str]] = {
    "cases": (readers.CasesRecord, "DGM-VLC set of cases, as its reader sees it"),
    "keys": (readers.KeysRecord, "DGM-VLC answer key of a set of cases"),
    "quiz": (readers.QuizRecord, "DGM-VLC quiz"),
    "fill": (FillRecord, "DGM-VLC filled region of an MR or X-ray picture"),
    "study": (readers.StudyRecord, "DGM-VLC reader study"),
}


def texts() -> dict[Path, str]:
    """Schema file -> what its type says."""
    return {
        SCHEMAS / f"{name}.schema.json": schema_of(kind, title)
        for name, (kind, title) in RECORDS.items()
    }


if __name__ == "__main__":
    for path, text in texts().items():
        path.write_text(text, encoding="utf-8")
