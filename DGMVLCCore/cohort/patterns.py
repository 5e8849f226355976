"""Patterns: what the real groups and the model's sweep both say of a region."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from DGMVLCCore.cohort.frame import REGIONS, STATISTICS, PatientScan, lung_statistics
from DGMVLCCore.cohort.groups import (
    Contrast,
    Difference,
    Rows,
    Value,
    differences,
    nuisance,
)
from DGMVLCCore.cohort.sweep import SweepEffect, summarise, sweep
from DGMVLCCore.cohort.teach import Sentences, Taught, scan_key, write_shards
from DGMVLCCore.editing.alignment import AlignmentPipeline
from DGMVLCCore.editing.pipeline import CounterfactualPipeline
from DGMVLCCore.errors import UnreadableError, UnsuitableInputError
from DGMVLCCore.language.encoder import LanguageEncoder
from DGMVLCCore.language.schema import ClinicalSchema
from DGMVLCCore.models.checks import COHORT
from DGMVLCCore.results.records import read_typed
from DGMVLCCore.stats import false_discovery

FDR = 0.05
Tell = Callable[[str, float], None]


@dataclass(frozen=True)
class Options:
    """How to search.

    Args:
        permutations, seed: of the group test. minutes: of fine-tuning, both halves together; steps:
            of each half, instead of minutes.
        batch: slices a step. swept: patients swept for a contrast, both halves together. device:
            where the networks run. weights: to begin with.
    """

    permutations: int = 4999
    seed: int = 0
    minutes: float = 10.0
    steps: int = 0
    batch: int = 8
    swept: int = 24
    device: str = "cpu"
    weights: Path | None = None
    fdr: float = FDR


@dataclass(frozen=True)
class Answer:
    """One contrast in one region.

    Args:
        groups: statistic -> adjusted difference between the real groups. q: statistic -> its
            false-discovery-adjusted p.
        swept: the model's sweep in HU; None when there was none. pattern: both agree on the mean
            HU.
    """

    contrast: Contrast
    region: str
    groups: dict[str, Difference]
    q: dict[str, float]
    swept: SweepEffect | None
    pattern: bool = False


@dataclass
class Discovery:
    """All answers of a cohort; `adjusted` names the covariates of each contrast, `untold` the
    contrasts that could not be tested."""

    answers: list[Answer]
    adjusted: dict[str, list[str]] = field(default_factory=dict)
    untold: list[str] = field(default_factory=list)

    @property
    def patterns(self) -> list[Answer]:
        """What both ways agree on."""
        return [answer for answer in self.answers if answer.pattern]


def group_answers(
    scans: dict[str, PatientScan],
    rows: Rows,
    contrasts: Sequence[Contrast],
    schema: ClinicalSchema,
    options: Options,
    statistics: dict[str, np.ndarray] | None = None,
) -> Discovery:
    """The adjusted differences of every contrast, region and statistic, with q over all regions and
    contrasts (each statistic a family of its own).

    Args:
        statistics: id -> (R,S) of `lung_statistics`, when already known.
    """
    statistics = statistics or {name: lung_statistics(scan) for name, scan in scans.items()}
    told = {name for row in rows.values() for name in row}
    covariates = tuple(a.name for a in schema.attributes if a.name in told and a.kind != "text")
    found = Discovery([])
    for contrast in contrasts:
        held = [_held(rows[who][contrast.attribute], contrast) for who in contrast.patients]
        x = np.array([contrast.place(value) for value in held])
        basis, found.adjusted[contrast.name] = nuisance(rows, contrast, schema, covariates)
        values = np.stack([statistics[who].ravel() for who in contrast.patients])
        tested = differences(values, x, basis, options.permutations, options.seed)
        if not any(np.isfinite(d.p) for d in tested):
            found.untold.append(
                f"{contrast.name}: cannot be told apart from the other attributes in these "
                f"{len(x)} patients, or they are too few for them."
            )
        of = len(STATISTICS)
        found.answers += [
            Answer(contrast, region, dict(zip(STATISTICS, tested[of * i : of * i + of])), {}, None)
            for i, region in enumerate(REGIONS)
        ]
    found.answers = _with_q(found.answers)
    return found


def _with_q(answers: list[Answer]) -> list[Answer]:
    """The answers with the false-discovery rate over all of them, each statistic by itself."""
    q = {
        name: false_discovery(np.array([a.groups[name].p for a in answers])) for name in STATISTICS
    }
    return [
        replace(a, q={name: float(q[name][i]) for name in STATISTICS})
        for i, a in enumerate(answers)
    ]


def _held(value: Value, contrast: Contrast) -> Value:
    """A flag that names something ("to birds") is a yes."""
    return True if isinstance(contrast.high, bool) and isinstance(value, str) else value


def halves(names: Sequence[str], seed: int) -> tuple[list[str], list[str]]:
    """Two random halves of the patients."""
    order = [str(name) for name in np.random.default_rng(seed).permutation(list(names))]
    return order[::2], order[1::2]


def sweep_answers(
    scans: dict[str, PatientScan],
    rows: Rows,
    contrasts: Sequence[Contrast],
    schema: ClinicalSchema,
    options: Options,
    teach: Callable[..., Path],
    *,
    encoder: LanguageEncoder | None = None,
    alignment: AlignmentPipeline | None = None,
    tell: Tell | None = None,
) -> dict[Contrast, list[SweepEffect]]:
    """Each contrast's sweep by region: a network taught on one half of the patients sweeps the
    other half, and the other way round.

    Weights that know the attributes already (`taught_before`) sweep both halves as they are.

    Args:
        teach: fine-tunes a copy of the weights on a folder of shards (`training.tuning.fine_tune`).

    Raises:
        UnsuitableInputError: fewer than six patients. WeightsError: the weights cannot be loaded.
    """
    tell = tell or (lambda stage, share: None)
    encoder = encoder or LanguageEncoder()
    sentences = Sentences([c.attribute for c in contrasts], schema, encoder)
    parts = halves(list(scans), options.seed)
    if min(map(len, parts)) < 3:
        raise UnsuitableInputError(
            "The sweep needs at least 6 patients, because each half is swept by a network "
            f"taught on the other; there are {len(scans)}. "
            "Use --skip-sweep."
        )
    ready = taught_before(options.weights, contrasts, scans)
    changes: dict[Contrast, list[np.ndarray]] = {contrast: [] for contrast in contrasts}
    for turn, (taught, swept) in enumerate((parts, parts[::-1])):
        tell("teaching", turn / 2)
        with TemporaryDirectory(prefix="dgmvlc-cohort-") as folder:
            weights = options.weights
            if ready is None:
                write_shards(Path(folder), [scans[name] for name in taught], rows, sentences)
                weights = _teach(teach, Path(folder), options, turn)
            loaded = CounterfactualPipeline.from_pretrained(weights, encoder, alignment)
        pipe = loaded.to(options.device)
        tell("teaching", (turn + 1) / 2)
        how = {"most": options.swept // 2, "seed": options.seed}
        for index, contrast in enumerate(contrasts):
            part = _part(tell, turn * len(contrasts) + index, 2 * len(contrasts))
            made = sweep(pipe, scans, rows, contrast, sentences, swept, **how, tell=part)
            changes[contrast].append(made)
    return {contrast: summarise(both) for contrast, both in changes.items()}


def _teach(teach: Callable[..., Path], shards: Path, options: Options, turn: int) -> Path:
    """A copy of the weights that learned from one half of the patients."""
    return teach(
        shards,
        options.weights,
        minutes=options.minutes / 2,
        steps=options.steps,
        batch=options.batch,
        seed=2 * options.seed + turn,
    )


def _part(tell: Tell, done: int, of: int) -> Tell:
    """The progress of one of several equal parts."""
    return lambda stage, share: tell(stage, (done + share) / of)


def taught_before(
    weights: Path | None, contrasts: Sequence[Contrast], scans: dict[str, PatientScan]
) -> int | None:
    """How many of the scans the weights of a cohort learned from; None when the weights do not know
    all attributes asked about.

    Raises:
        UnsuitableInputError: they know some of the attributes only, so that one network could not
            sweep all.
    """
    try:
        facts = read_typed(weights / COHORT, Taught) if weights else Taught()
    except UnreadableError:
        return None
    known = set(facts.attributes)
    asked = {contrast.attribute for contrast in contrasts}
    if not known:
        return None
    if asked - known:
        raise UnsuitableInputError(
            f"The weights in {weights} were taught {', '.join(sorted(known))}, but not "
            f"{', '.join(sorted(asked - known))}; "
            "ask about the former with --attribute, or leave --weights out."
        )
    return sum(scan_key(scan) in facts.scans for scan in scans.values())


def agree(difference: Difference, q: float, swept: SweepEffect, fdr: float = FDR) -> bool:
    """True when the groups differ (q) and the sweep's interval lies on the same side of zero."""
    if not (np.isfinite(q) and np.isfinite(swept.low)) or q > fdr:
        return False
    return swept.low > 0 if difference.effect > 0 else swept.high < 0


def with_sweep(
    found: Discovery,
    swept: dict[Contrast, list[SweepEffect]],
    fdr: float = FDR,
    seen: int | None = None,
) -> Discovery:
    """The answers with the sweep beside them, and the patterns marked.

    Args:
        seen: how many of the patients the network had learned from; a sweep that only repeats their
            groups makes no pattern.
    """
    answers = []
    for answer in found.answers:
        effect = swept[answer.contrast][REGIONS.index(answer.region)]
        answers.append(
            replace(
                answer,
                swept=effect,
                pattern=not seen
                and agree(answer.groups["mean_hu"], answer.q["mean_hu"], effect, fdr),
            )
        )
    return replace(found, answers=answers)
