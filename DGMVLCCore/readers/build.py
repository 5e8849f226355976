"""An order for cases, carried out: scans in, a folder of cases out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from DGMVLCCore.errors import UsageError
from DGMVLCCore.imaging.untilt import AS_IT_IS, Reading
from DGMVLCCore.readers.cases import MARKER, make_cases, write_cases
from DGMVLCCore.readers.design import Wish, check_wish, plan_cases
from DGMVLCCore.readers.records import CasesRecord
from DGMVLCCore.readers.source import load_clear_scan, sample_scan
from DGMVLCCore.results.folders import check_output

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Order:
    """What to make.

    Args:
        number, clear: cases with and without a finding. source: "simulated" or "generated". aid:
            also a counterfactual beside each case.
        scans: (scan, segmentation of what is to be avoided or None); the sample when empty.
        reading: how each of them is read.
    """

    wish: Wish
    number: int
    clear: int = 0
    seed: int = 0
    balanced: bool = False
    source: str = "simulated"
    aid: bool = False
    scans: tuple[tuple[Path, Path | None], ...] = ()
    reading: Reading = AS_IT_IS


def build_cases(
    order: Order,
    out: Path,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
    pipe: Any = None,
    weights: Path | None = None,
    device: str | None = None,
) -> CasesRecord:
    """Make the cases of an order; returns the record in `cases.json`.

    Args:
        pipe: a loaded `CounterfactualPipeline`; loaded when needed and None.

    Raises:
        DGMVLCError: every refusal, with its sentence; then nothing was written.
    """
    check_wish(order.wish)
    if (seed := order.seed) < 0:
        raise UsageError(f"The seed must be 0 or more, not {seed}.")
    check_output(out, overwrite, MARKER)
    if progress:
        progress("loading", 0.0)
    given = [load_clear_scan(path, avoid, order.reading) for path, avoid in order.scans]
    scans = given or [sample_scan()]
    offered = [place for scan in scans for place in scan.places]
    balanced, clear = order.balanced, order.clear
    specs = plan_cases(order.wish, order.number, offered, seed=seed, balanced=balanced, clear=clear)
    generated, aid = order.source == "generated", None
    if order.aid or generated:
        pipe = pipe or _pipeline(weights, device)
    if order.aid:
        from DGMVLCCore.readers.aid import aid_writer

        aid = aid_writer(pipe)
    made = make_cases(scans, specs, seed=seed, pipe=pipe if generated else None, progress=progress)
    names = [[path.name, avoid.name if avoid else None] for path, avoid in order.scans]
    options = {**asdict(order), "scans": names}
    return write_cases(made, out, seed=seed, asked_for=options, aid=aid, overwrite=overwrite)


def _pipeline(weights: Path | None, device: str | None) -> Any:
    from DGMVLCCore.editing.pipeline import CounterfactualPipeline
    from DGMVLCCore.ground.devices import choose_device

    return CounterfactualPipeline.from_pretrained(weights).to(choose_device(device))
