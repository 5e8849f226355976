"""What a viewer has done while its user reads the scan: volume, lungs and what the dual encoder
sees, kept for every later edit of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from DGMVLCCore.ground.devices import choose_device
from DGMVLCCore.imaging.io import save_volume
from DGMVLCCore.imaging.profiles import require_ct
from DGMVLCCore.imaging.untilt import Reading
from DGMVLCCore.jobs.progress import guarded

if TYPE_CHECKING:
    from DGMVLCCore.jobs.session import Session


class Prepare(Struct, frozen=True):
    """A scan that edits will be asked of. out: where its anatomy is written (a new .nrrd of labels
    on its grid); series, untilt, orientation: how it is read, as `Reading`."""

    image: Path
    out: Path
    series: int | None = None
    untilt: bool = False
    orientation: str | None = None
    device: str | None = None


class Prepared(Struct, frozen=True):
    """The file of the anatomy's labels, and what is uncertain of the lungs."""

    labels: str
    notes: list[str]


def prepare(
    session: Session,
    request: Prepare,
    tell: Callable[[str, float], None],
    should_cancel: Callable[[], bool],
) -> Prepared:
    """Read the scan, find its lungs, look at it.

    Raises:
        DGMVLCError: every refusal, with its sentence.
    """
    tell = guarded(tell, should_cancel)
    tell("loading", 0.0)
    how = Reading(request.series, request.untilt, request.orientation)
    scan = require_ct(session.memory.volume(request.image, None, how), request.image.name)
    tell("loading", 0.3)
    anatomy = session.memory.anatomy(scan, None)
    save_volume(scan.with_array(anatomy.labels, stored_dtype="uint8"), request.out)
    tell("loading", 1.0)
    pipe = session.pipeline().to(choose_device(request.device))
    if pipe.alignment is not None:
        looking = session.memory.look
        looking(pipe.alignment, scan, anatomy, lambda _, share: tell("reading", share))
    return Prepared(str(request.out), list(anatomy.notes))
