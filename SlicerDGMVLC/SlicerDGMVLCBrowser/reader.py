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
    }


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
