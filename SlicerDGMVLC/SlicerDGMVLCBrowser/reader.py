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

THUMBNAIL = 72  # pixels
MOST_BESIDE = 50  # files without images that are looked at for a report


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


def report_of(path: Path, series: int | None) -> str:
    """The report that lies with a DICOM folder: a structured report or PDF in it, a report file an
    archive left there, or words in the images' headers; "" for none or one nobody can read."""
    import pydicom

    from DGMVLCCore.archive.reports import is_report, report_in, report_texts
    from DGMVLCCore.errors import DGMVLCError
    from DGMVLCCore.imaging.dicom_series import series_of
    from DGMVLCCore.language.report_files import read_report

    if not path.is_dir():
        return ""
    try:
        if left := report_in(path):
            return read_report(left).text
        found = series_of(path)
        images = {file for one in found for file in one.files}
        beside = [file for file in sorted(path.iterdir()) if file.is_file() and file not in images]
        own = next((one for one in found if one.number == (series or 1)), found[0])
        study = _header(own.files[0]).get("StudyInstanceUID", "")
        for file in beside[:MOST_BESIDE]:
            header = _header(file)
            same = header.get("StudyInstanceUID", "") == study  # never another patient's words
            if same and is_report(str(header.get("SOPClassUID", ""))):
                return read_report(file).text
        return report_texts(own.files[0])
    except (DGMVLCError, OSError, ValueError, IndexError, pydicom.errors.InvalidDicomError):
        return ""


def _header(file: Path) -> dict[str, Any]:
    """Storage class and study of a DICOM file; nothing of any other."""
    import pydicom

    tags = ["SOPClassUID", "StudyInstanceUID"]
    try:
        header = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=tags)
    except (OSError, ValueError, pydicom.errors.InvalidDicomError):
        return {}
    return {tag: header.get(tag, "") for tag in tags}


def picture_of(files: tuple[Path, ...]) -> str:
    """The middle image of a series as a small picture, as an address of its own; "" for one that
    cannot be drawn."""
    import base64
    import io

    import numpy as np
    import pydicom
    from PIL import Image

    try:
        image = pydicom.dcmread(files[len(files) // 2])
        pixels = np.asarray(image.pixel_array, np.float32)
        pixels = pixels[len(pixels) // 2] if pixels.ndim == 3 else pixels
        slope, start = image.get("RescaleSlope", 1), image.get("RescaleIntercept", 0)
        hu = pixels * float(slope) + float(start)
        low, high = np.percentile(hu, (2, 99))
        grey = np.clip((hu - low) / max(high - low, 1) * 255, 0, 255).astype(np.uint8)
        small, data = Image.fromarray(grey), io.BytesIO()
        small.thumbnail((THUMBNAIL, THUMBNAIL))
        small.save(data, "PNG")
    except (OSError, ValueError, AttributeError, TypeError, RuntimeError):
        return ""
    return "data:image/png;base64," + base64.b64encode(data.getvalue()).decode("ascii")


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
        "slices": volume.shape[volume.orientation().axes[0]],
        "modality": volume.modality,
        "title": title_of(path, series),
        "report": report_of(path, series),
    }


def series_to_choose(path: Path) -> list[dict[str, Any]]:
    """The series of a folder that holds several ({number, words, picture}), none otherwise."""
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
            "picture": picture_of(one.files),
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
