"""Writes the JSON schemas of the typed records into DGMVLCCore/results/schema.

python Testing/schemas.py

A record's fields are declared once, in its type; a test holds the files against the types.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from msgspec import Struct

from DGMVLCCore.cohort.records import DiscoveryRecord
from DGMVLCCore.evaluation.benchmark.records import Benchmark
from DGMVLCCore.evaluation.tables import Report
from DGMVLCCore.readers import records as readers
from DGMVLCCore.report.fill import FillRecord
from DGMVLCCore.results.comparison import ComparisonRecord
from DGMVLCCore.results.dicom_result import DicomRecord
from DGMVLCCore.results.manifest import ResultRecord
from DGMVLCCore.results.records import SCHEMAS, schema_of
from DGMVLCCore.review import records as review
from DGMVLCCore.synthesis.records import ChestRecord, ItemRow

RECORDS: dict[str, tuple[type[Struct], str]] = {
    "result": (ResultRecord, "DGM-VLC result"),
    "discovery": (DiscoveryRecord, "DGM-VLC pattern discovery"),
    "synthesis": (ItemRow, "DGM-VLC synthetic item, one line of manifest.jsonl"),
    "chest": (ChestRecord, "DGM-VLC generated slices of a chest"),
    "evaluation": (Report, "Report of dgmvlc evaluate"),
    "benchmark": (Benchmark, "DGM-VLC benchmark of generators, benchmark.json"),
    "comparison": (ComparisonRecord, "DGM-VLC comparison of hypotheses"),
    "dicom": (DicomRecord, "DGM-VLC DICOM record"),
    "review-study": (review.StudyReview, "What a review found in one study"),
    "review-worklist": (review.Worklist, "Worklist of a review session"),
    "review-decision": (review.DecisionMade, "One decision of a reader"),
    "review-decisions": (review.Decisions, "What readers decided in a review session"),
    "cases": (readers.CasesRecord, "DGM-VLC set of cases, as its reader sees it"),
    "keys": (readers.KeysRecord, "DGM-VLC answer key of a set of cases"),
    "quiz": (readers.QuizRecord, "DGM-VLC quiz"),
    "fill": (FillRecord, "DGM-VLC filled region of an MR or X-ray picture"),
    "study": (readers.StudyRecord, "DGM-VLC reader study"),
    "analysis": (
        readers.AnalysisRecord,
        "DGM-VLC analysis of a reader study; first = scan alone, second = scan + counterfactual",
    ),
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
