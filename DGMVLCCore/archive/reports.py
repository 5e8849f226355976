"""Reports as archives hold them: structured reports, encapsulated PDF, or text in the images'
headers."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

REPORT_MODALITIES = ("SR", "DOC", "OT")
# Storage classes (PS3.6 annex A): basic text, enhanced, comprehensive, comprehensive 3D and
# extensible SR; encapsulated PDF. Dose reports and key images are none.
STRUCTURED = tuple(f"1.2.840.10008.5.1.4.1.1.88.{n}" for n in (11, 22, 33, 34, 35))
PDF = "1.2.840.10008.5.1.4.1.1.104.1"
TEXTS = ("InterpretationText", "Impressions", "ResultsComments")


def report_in(folder: Path) -> Path | None:
    """The latest report that `write_reports` left in a folder, None without one."""
    names = (f"report.{ending}" for ending in ("dcm", "pdf", "txt"))
    return next((folder / name for name in names if (folder / name).is_file()), None)


def is_report(sop_class: str) -> bool:
    """True for a storage class that holds reports."""
    return sop_class in (*STRUCTURED, PDF)


def report_texts(image: Path) -> str:
    """Report text in the header of an image; empty without any."""
    import pydicom

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        header = pydicom.dcmread(image, stop_before_pixels=True)
        parts = [str(header.get(keyword, None) or "").strip() for keyword in TEXTS]
    return "\n".join(part for part in parts if part)


def write_reports(folder: Path, reports: list[bytes], text: str) -> None:
    """The latest report as report.dcm or report.pdf, earlier ones numbered behind it; text only
    where there is no other."""
    for number, data in enumerate(reports, 1):
        name = "report" if number == 1 else f"report-{number}"
        document = _document(data)
        if document is None:
            (folder / f"{name}.dcm").write_bytes(data)
        else:
            (folder / f"{name}.pdf").write_bytes(document)
    if text and not reports:
        (folder / "report.txt").write_text(text + "\n", encoding="utf-8")


def _document(data: bytes) -> bytes | None:
    """The document of an encapsulated one."""
    import pydicom

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        document = pydicom.dcmread(io.BytesIO(data)).get("EncapsulatedDocument", None)
    return None if document is None else bytes(document).rstrip(b"\0")
