"""`python -m SlicerDGMVLCBrowser.reader PATH OUT.nrrd [READING]`: reads a scan with the core's
checks, in a process of its own.

A damaged file then costs a sentence and never the viewer. READING is a JSON object: "series",
"untilt", "orientation". Prints one JSON object: facts of the scan, or {"error": sentence, "option":
what of these would make it readable}.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def title_of(path: Path, series: int | None) -> str:
    """Whose scan it is, for the header: patient, study date and series of a DICOM folder or file,
    else the names of folder and file."""
    import pydicom

    from DGMVLCCore.errors import DGMVLCError
    from DGMVLCCore.imaging.dicom import series_headers

    try:
        header = (
            series_headers(path, series)[0]
            if path.is_dir()
            else pydicom.dcmread(path, stop_before_pixels=True)
        )
    except (DGMVLCError, OSError, IndexError, ValueError, pydicom.errors.InvalidDicomError):
        return path.name if path.is_dir() else f"{path.parent.name} / {path.name}"
    date = str(header.get("StudyDate", ""))
    words = (
        str(header.get("PatientName", "")).replace("^", " ").strip()
        or str(header.get("PatientID", "")),
        f"{date[:4]}-{date[4:6]}-{date[6:8]}" if len(date) == 8 else "",
        str(header.get("SeriesDescription", "")),
    )
    return " · ".join(filter(None, words)) or path.name


def read(path: Path, out: Path, series: int | None = None, **how: Any) -> dict[str, Any]:
    """Convert `path` to an uncompressed NRRD that MRML loads at once; returns size (x,y,z), spacing
    (mm) and modality.

    Args:
        series: which series of a DICOM folder that holds several, from 1. how: "untilt",
            "orientation", as `load_volume`.

    Raises:
        DGMVLCError: unreadable, or nothing that can be shown as one scan.
    """
    import SimpleITK as sitk

    from DGMVLCCore.imaging.io import load_volume, to_image

    volume = load_volume(path, series=series, **how)
    sitk.WriteImage(to_image(volume), str(out), False)
    return {
        "size": list(volume.shape[::-1]),
        "spacing": [round(float(s), 3) for s in volume.spacing[::-1]],
        "modality": volume.modality,
        "title": title_of(path, series),
    }


def series_to_choose(path: Path) -> list[dict[str, Any]]:
    """The series of a folder that holds several ({number, words}), none otherwise."""
    from DGMVLCCore.errors import DGMVLCError
    from DGMVLCCore.imaging.dicom_series import series_of

    try:
        found = series_of(path) if path.is_dir() else []
    except (DGMVLCError, OSError):
        return []
    return [
        {
            "number": one.number,
            "words": f"{one.description or 'no description'} · {one.modality or 'no modality'} · "
            f"{len(one.files)} images of {one.step_mm:.3g} mm",
        }
        for one in found
        if len(found) > 1
    ]


def main(arguments: list[str]) -> int:
    """Read, and print what came of it; 0 when the scan was read."""
    from DGMVLCCore.errors import DGMVLCError

    try:
        answer = read(
            Path(arguments[0]),
            Path(arguments[1]),
            **(json.loads(arguments[2]) if len(arguments) > 2 else {}),
        )
    except DGMVLCError as error:
        answer = {"error": str(error), "option": getattr(error, "option", "")}
        if answer["option"] == "series":
            answer["series"] = series_to_choose(Path(arguments[0]))
    except MemoryError:
        answer = {"error": f"{Path(arguments[0]).name} does not fit into memory; crop it first."}
    except (OSError, RuntimeError) as error:
        answer = {
            "error": (
                f"{Path(arguments[0]).name} could not be read "
                f"({str(error).splitlines()[-1][:160]}); "
                "export it again."
            )
        }
    sys.stdout.write(json.dumps(answer))
    return 1 if "error" in answer else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
