"""What each part is worth: the trained network with a part taken away when it is used (not trained
anew without it)."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.evaluation import metrics
from DGMVLCCore.evaluation.cases import Case
from DGMVLCCore.evaluation.hole import Hole, removal
from DGMVLCCore.evaluation.tables import SettingRow
from DGMVLCCore.language.encoder import LanguageEncoder, TextStates
from DGMVLCCore.models.denoiser import Denoiser, ResBlock, Stage

NOISES = (1, 4, 8, 16)
STEPS = (1, 2, 3)
Change = Callable[[CounterfactualPipeline], CounterfactualPipeline]


class RandomWords(LanguageEncoder):
    """The same tokens with random vectors instead of the encoder's states: one for each spelling,
    as long as the state it stands for.

    Args:
        encoder: whose tokens and lengths are taken. seed: of the vectors.
    """

    def __init__(self, encoder: LanguageEncoder, seed: int = 0) -> None:
        super().__init__(encoder.folder, encoder.device, encoder.max_tokens)
        self.spoken, self.seed = encoder, seed

    def encode(self, texts: list[str]) -> TextStates:
        """As `LanguageEncoder.encode`."""
        known = self.spoken.encode(texts)
        tokens = np.zeros_like(known.tokens)
        for index, words in enumerate(known.words):
            for place, word in enumerate(words):
                digest = hashlib.sha256(f"{self.seed}:{word}".encode()).digest()
                vector = np.random.default_rng(
                    int.from_bytes(digest[:8], "little")
                ).standard_normal(tokens.shape[2])
                tokens[index, place] = (
                    vector / np.linalg.norm(vector) * np.linalg.norm(known.tokens[index, place])
                )
        pooled = tokens.sum(1) / known.mask.sum(1, keepdims=True)
        return TextStates(tokens, known.mask, pooled.astype(np.float32), known.words)


def _with_model(pipe: CounterfactualPipeline, model: Denoiser) -> CounterfactualPipeline:
    return CounterfactualPipeline(
        model, pipe.encoder, pipe.weights_sha256, pipe.weights, pipe.alignment
    ).to(pipe.device)


def without_units(
    pipe: CounterfactualPipeline, *, affine: bool, cross: bool
) -> CounterfactualPipeline:
    """The pipeline with the affine units, the cross-attention units or both taken out; the scan's
    embedding, if it has one, goes with the affine units that read it."""
    model = copy.deepcopy(pipe.model)
    for part in model.modules():
        if isinstance(part, ResBlock) and affine:
            part.affine = None
        if isinstance(part, Stage) and cross:
            part.cross = None
    return _with_model(pipe, model)


def without_anatomy(pipe: CounterfactualPipeline) -> CounterfactualPipeline:
    """The pipeline with zeros for body, lungs and airway."""
    # Without the private entries: one of them names values to be replaced by their defaults.
    public = {name: value for name, value in pipe.model.config.items() if not name.startswith("_")}
    model: Any = type(pipe.model).from_config({**public, "anatomy": False})
    model.load_state_dict(pipe.model.state_dict())
    return _with_model(pipe, model)


def random_words(pipe: CounterfactualPipeline) -> CounterfactualPipeline:
    """See `RandomWords`."""
    return CounterfactualPipeline(
        pipe.model, RandomWords(pipe.encoder), pipe.weights_sha256, pipe.weights, pipe.alignment
    ).to(pipe.device)


@dataclass(frozen=True)
class Setting:
    """One line of the table.

    Args:
        group: what is compared. name: the choice. change: makes the pipeline; None leaves it. mode,
            steps: of the edit.
        target: sentence instead of the finding's denial. whole_slice: crop around both lungs.
    """

    group: str
    name: str
    change: Change | None = None
    mode: str = "replace"
    steps: int = 10
    target: str | None = None
    whole_slice: bool = False


SETTINGS: tuple[Setting, ...] = (
    Setting("as shipped", "replace, one noise"),
    Setting(
        "text", "affine units only", lambda pipe: without_units(pipe, affine=False, cross=True)
    ),
    Setting(
        "text", "cross-attention only", lambda pipe: without_units(pipe, affine=True, cross=False)
    ),
    Setting("text", "neither unit", lambda pipe: without_units(pipe, affine=True, cross=True)),
    Setting("text", "both units, empty sentence", target=""),
    Setting("text", "random vectors for the tokens", random_words),
    Setting("conditions", "no anatomy channels", without_anatomy),
    Setting("mode", "shift", mode="shift"),
    *(Setting("steps", f"{steps} steps", steps=steps) for steps in STEPS),
    Setting("grid", "whole slice", whole_slice=True),
)


def scores(made: np.ndarray, case: Case) -> dict[str, float]:
    """mae_hu in the mask, sd_ratio and gradient_w1 in its lung."""
    inside = case.mask & case.anatomy.lungs
    mae_hu = metrics.mae(made, case.true.array, case.mask)
    return {"mae_hu": mae_hu, **metrics.texture_error(made, case.true.array, inside)}


def _row(group: str, name: str, case: Case, made: np.ndarray) -> SettingRow:
    found = scores(made, case)
    return {
        "group": group,
        "name": name,
        "case": case.name,
        "patient": case.patient,
        "mae_hu": found["mae_hu"],
        "sd_ratio": found["sd_ratio"],
        "gradient_w1": found["gradient_w1"],
    }


def setting_rows(
    pipe: CounterfactualPipeline,
    cases: list[Case],
    seed: int = 0,
    settings: Iterable[Setting] = SETTINGS,
) -> list[SettingRow]:
    """One row a setting and case, one noise each."""
    rows = []
    for setting in settings:
        changed = setting.change(pipe) if setting.change else pipe
        for case in cases:
            plan, hole = removal(case, setting.mode), Hole.cut(case, setting.whole_slice)
            plan = plan if setting.target is None else replace(plan, target=setting.target)
            made = hole.filled(*hole.samples(changed, plan, seed, steps=setting.steps))
            rows.append(_row(setting.group, setting.name, case, made))
    return rows


def noise_rows(
    pipe: CounterfactualPipeline,
    cases: list[Case],
    seed: int = 0,
    noises: tuple[int, ...] = NOISES,
    steps: int = 10,
) -> list[SettingRow]:
    """One row a number of noises and case: the mean of the first of one set of samples."""
    rows: list[SettingRow] = []
    for case in cases:
        hole = Hole.cut(case)
        samples = hole.samples(pipe, removal(case), seed, noises=max(noises), steps=steps)
        rows += [
            _row("noises", f"mean of {count}", case, hole.filled(*samples[:count]))
            for count in noises
        ]
    return rows
