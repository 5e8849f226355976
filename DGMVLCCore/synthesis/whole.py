"""Lung mask and sentence -> CT slices: the whole of both lungs is the network's, inside the
patient's own chest wall."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from msgspec import UNSET

from DGMVLCCore.editing.pipeline import CounterfactualPipeline, Progress
from DGMVLCCore.editing.result import EditPlan
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.models.units import LUNG_DEFAULT
from DGMVLCCore.results.folders import whole_folder
from DGMVLCCore.results.records import SOFTWARE, FileFact, write_typed
from DGMVLCCore.synthesis.dataset import network_fact, save_synthetic
from DGMVLCCore.synthesis.from_mask import check_sentence
from DGMVLCCore.synthesis.records import ChestRecord, MaskAgreement
from DGMVLCCore.synthesis.slab import require_shown, slab

RECORD = "synthesis.json"
NOTICE = (
    "Synthetic. Research use only; not a medical device. The lungs were generated; they are no "
    "patient's."
)


def make_lungs(
    pipe: CounterfactualPipeline,
    volume: Volume,
    anatomy: Anatomy,
    sentence: str,
    slices: tuple[int, int],
    seed: int,
    *,
    steps: int = 10,
    callback: Progress | None = None,
) -> tuple[Volume, np.ndarray]:
    """Slices [first, last) of a chest whose lungs are generated from their mask and a sentence.

    The patient's voxels in the lungs are not shown to the network: they are replaced by air of -860
    HU before, so that nothing of them can come back.

    Args:
        volume: gives chest wall and geometry, CT in HU. anatomy: its lungs are the mask. slices:
            canonical, counted from the feet.

    Returns:
        The slices as a volume of their own (canonical), and the generated voxels, bool (D,H,W).

    Raises:
        UnsuitableInputError: the sentence names nothing that was taught, or the slices show no
            lung. UsageError: no such slices.
    """
    term, present = check_sentence(pipe, sentence)
    part, straight = slab(volume, anatomy, slices)
    lungs = straight.lungs
    require_shown(lungs, "lung", slices)
    emptied = part.with_array(np.where(lungs, LUNG_DEFAULT, part.array).astype(np.float32))
    plan = EditPlan(lungs, "", sentence, term, removes=not present, hidden=lungs)
    result = pipe(
        emptied, plan, anatomy=straight, noises=1, steps=steps, seed=seed, callback=callback
    )
    return result.counterfactual, result.mask


def write_lungs(
    made: tuple[Volume, np.ndarray],
    out: Path,
    pipe: CounterfactualPipeline,
    *,
    source: dict[str, str],
    sentence: str,
    seed: int,
    slices: tuple[int, int],
    agreement: MaskAgreement | None = None,
    notice: str = NOTICE,
) -> list[str]:
    """Write generated slices as a folder with ct.nrrd, lesion.seg.nrrd (the generated voxels) and
    synthesis.json, whole or not at all; returns the names of the first two.

    Args:
        agreement: given for a whole chest: how its anatomy agrees with the mask it was made from.

    Raises:
        OutputError: the folder is there already, or cannot be written.
    """
    with whole_folder(out, False, RECORD) as folder:
        title = f"{'lungs' if agreement is None else 'chest'} (synthetic)"
        files = save_synthetic(*made, title, folder, notice)
        record = ChestRecord(
            schema_version="1.0",
            software=SOFTWARE,
            notice=notice,
            synthetic=True,
            source=FileFact(**source),
            sentence=sentence,
            seed=seed,
            slices=slices,
            made_by=network_fact(pipe),
            files=files,
            agreement=agreement or UNSET,
        )
        write_typed(record, folder / RECORD)
    return [file.name for file in files]
