"""What of a DICOM object decides whose and which it is."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import NamedTuple

from DGMVLCCore.errors import UnreadableError

MAKER = "DGM-VLC"  # of what this program derived, as results/dicom_source.py writes it


class Facts(NamedTuple):
    """Identity of an object; patient: id and its issuer."""

    uid: str
    sop_class: str
    study: str
    series: str
    patient: str
    maker: str
    when: str


def facts_of(data: bytes | Path, name: str) -> Facts:
    """Identity of a DICOM file.

    Raises:
        UnreadableError: no DICOM object, or cut.
    """
    import pydicom

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            source = io.BytesIO(data) if isinstance(data, bytes) else data
            header = pydicom.dcmread(source, stop_before_pixels=True)
            values = [
                str(header.get(keyword, None) or "").strip()
                for keyword in (
                    "SOPInstanceUID",
                    "SOPClassUID",
                    "StudyInstanceUID",
                    "SeriesInstanceUID",
                    "PatientID",
                    "Manufacturer",
                )
            ]
            when = "".join(
                str(header.get(keyword, None) or "") for keyword in ("ContentDate", "ContentTime")
            )
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 (pydicom raises whatever a damaged part leads to)
        raise UnreadableError(f"{name} is no whole DICOM file; export it again.") from None
    if not all(values[:4]):
        raise UnreadableError(f"{name} is a DICOM file without identifiers; export it again.")
    return Facts._make([*values, when])


def facts_of_file(path: Path) -> Facts:
    """`facts_of` of a file on the disk."""
    return facts_of(path, path.name)
