"""Lung mask and sentence -> CT slices: the whole of both lungs is the network's, inside the patient's own chest wall."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from DGMVLCCore.anatomy.segment import Anatomy
from DGMVLCCore.counterfactual.pipeline import CounterfactualPipeline
from DGMVLCCore.counterfactual.result import EditPlan
from DGMVLCCore.errors import UnsuitableInputError, UsageError
from DGMVLCCore.export.folders import whole_folder
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.language.prompts import describe_prompt
from DGMVLCCore.synthesis.dataset import save_synthetic

RECORD = "synthesis.json"
NOTICE = "Synthetic. Research use only; not a medical device. The lungs were generated; they are no patient's."


def make_lungs(pipe: CounterfactualPipeline, volume: Volume, anatomy: Anatomy, sentence: str, slices: tuple[int, int], seed: int, *, steps: int = 10,
               should_cancel: Callable[[], bool] | None = None) -> tuple[Volume, np.ndarray]:
    """Slices [first, last) of a chest whose lungs are generated from their mask and a sentence.

    The patient's voxels in the lungs are not shown to the network: they are replaced by air of -860 HU before, so that nothing of them can come back.

    Args:
        volume: gives chest wall and geometry, CT in HU. anatomy: its lungs are the mask. slices: canonical, counted from the feet.

    Returns:
        The slices as a volume of their own (canonical), and the generated voxels, bool (D,H,W).

    Raises:
        UnsuitableInputError: the sentence names nothing that was taught, or the slices show no lung. UsageError: no such slices.
    """
    meaning = describe_prompt(sentence)
    scan, turn = volume.canonical()
    first, last = slices
    if not 0 <= first < last <= len(scan.array):
        raise UsageError(f"The slices {first}:{last} are not within 0:{len(scan.array)}.")
    straight = anatomy.reoriented(turn)
    affine = scan.affine.copy()
    affine[:3, 3] += first * affine[:3, 2]
    part, labels = slice(first, last), straight.labels[first:last]
    lungs = straight.lungs[part]
    if not lungs.any():
        raise UnsuitableInputError(f"The slices {first}:{last} show no lung; choose others.")
    emptied = scan.with_array(np.where(lungs, -860, scan.array[part]).astype(np.float32), affine=affine)
    plan = EditPlan(lungs, "", sentence, meaning.term or "", removes=not meaning.present)
    result = pipe(emptied, plan, anatomy=Anatomy(labels, straight.origin), noises=1, steps=steps, seed=seed, should_cancel=should_cancel)
    return result.counterfactual, result.mask


def write_lungs(made: tuple[Volume, np.ndarray], out: Path, *, source: dict[str, str], sentence: str, seed: int, slices: tuple[int, int],
                weights_sha256: str) -> dict[str, Any]:
    """Write generated slices as a folder with ct.nrrd, lesion.seg.nrrd (the generated voxels) and synthesis.json; whole or not at all.

    Raises:
        OutputError: the folder is there already, or cannot be written.
    """
    from DGMVLCCore import __version__

    with whole_folder(out, False, RECORD) as folder:
        files = save_synthetic(*made, "lungs (synthetic)", folder, NOTICE)
        record = {"schema_version": "1.0", "software": {"name": "dgmvlc", "version": __version__}, "synthetic": True, "notice": NOTICE, "source": source,
                  "sentence": sentence, "seed": seed, "slices": list(slices), "weights_sha256": weights_sha256, "files": files}
        (folder / RECORD).write_text(json.dumps(record, indent=1, ensure_ascii=False), encoding="utf-8")
    return record
