"""Where an evaluation is written: a working folder beside the output that survives an interruption,
renamed last."""

from __future__ import annotations

import shutil
from pathlib import Path

from DGMVLCCore.errors import OutputError
from DGMVLCCore.ground.whole import clean, put_in_place
from DGMVLCCore.results.folders import check_output

REPORT, EARLIER = "report.json", ".earlier"


def working_folder(out: Path) -> Path:
    """`NAME.partial` beside the output."""
    return out.absolute().with_name(f"{out.name}.partial")


def open_output(out: Path, *, resume: bool, overwrite: bool, name: str = REPORT) -> Path:
    """Check the output and make the working folder.

    Args:
        name: file by which a folder is known as an earlier output of this command, which
            --overwrite may replace.

    Raises:
        OutputError: something is there that may not be replaced, or the place cannot be written to.
    """
    out, work = out.absolute(), working_folder(out)
    clean(out)
    (out / EARLIER).unlink(missing_ok=True)
    if (work / EARLIER).exists():  # a run was killed after it had put its folder in place
        shutil.rmtree(work)
    check_output(out, overwrite, name)
    if work.exists() and not resume:
        if not overwrite:
            raise OutputError(
                f"{work} holds an interrupted run; add --resume to go on with it, or --overwrite "
                "to start anew."
            )
        shutil.rmtree(work)
    work.mkdir(exist_ok=True)
    return work


def close_output(work: Path, out: Path) -> None:
    """Rename the finished working folder.

    Raises:
        OutputError: it cannot be done; the working folder stays.
    """
    try:
        if out.is_dir():
            (out / EARLIER).touch()  # what has it is no interrupted run
        put_in_place(work, out.absolute())
    except OSError as error:
        raise OutputError(
            f"{out} could not be written ({error.strerror or error}); the finished run lies in "
            f"{work}."
        ) from error
