"""Does the dual encoder tell regions apart? Retrieval, zero-shot, negation and proposals on
held-out patients."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from DGMVLCCore.editing.alignment import AlignmentPipeline
from DGMVLCCore.editing.find import find, heat_maps
from DGMVLCCore.evaluation.cases import Case, make_case
from DGMVLCCore.language.bank import Phrase
from DGMVLCCore.language.findings import Finding
from DGMVLCCore.language.prompts import absent_prompt, present_prompt
from DGMVLCCore.models.denoiser import PATCH
from DGMVLCCore.models.dual import UNKNOWN_PLACE, Look
from DGMVLCCore.models.units import anatomy_channels, to_units
from DGMVLCCore.simulation.insert import KINDS, Lesion
from DGMVLCCore.simulation.phrases import SIZED, TERMS, say
from DGMVLCCore.stats import over_patients, roc_area
from DGMVLCCore.training.examples import ExampleMaker
from DGMVLCCore.training.masks import random_edit_mask
from DGMVLCCore.training.pairs import FALSE, verdict

RETRIEVED = 50


@dataclass(eq=False)
class Seen:
    """A region the encoder has looked at: its vector, its patient, and what is known of it (None:
    clear lung)."""

    vector: Tensor
    patient: str
    lesion: Lesion | None


def auroc(positive: list[float], negative: list[float]) -> dict[str, Any]:
    """Area under the ROC curve with its counts; None without both kinds."""
    if not positive or not negative:
        return {"value": None, "n": [len(positive), len(negative)]}
    return {
        "value": round(float(roc_area(np.asarray(positive), np.asarray(negative))), 3),
        "n": [len(positive), len(negative)],
    }


def _mean(rows: Iterable[tuple[str, float]]) -> dict[str, Any]:
    """Mean of (patient, value) rows with n and an interval over patients."""
    mean = over_patients(rows)
    return mean.rounded() if mean else {"value": None, "n": 0, "patients": 0, "ci95": None}


def cases(shards: Path, seeds: int) -> Iterator[Case]:
    """Every kind in every patient, at native spacing, `seeds` times."""
    for seed in range(seeds):
        for kind in KINDS:
            for path in sorted(shards.glob("scan-native-*.npz")):
                yield make_case(path, kind, 100 + seed)


def see_cases(pipe: AlignmentPipeline, found: list[Case]) -> list[Seen]:
    """Each case with its lesion, and the same region of the untouched scan."""
    seen = []
    for case in found:
        seen.append(
            Seen(pipe.region_vector(case.scan, case.anatomy, case.mask), case.patient, case.lesion)
        )
        seen.append(
            Seen(pipe.region_vector(case.true, case.anatomy, case.mask), case.patient, None)
        )
    return seen


def _nodule_look(
    maker: ExampleMaker, index: int, device: torch.device
) -> tuple[Look, np.ndarray, np.ndarray, Lesion]:
    """A real nodule's look (one slice), its mask and the lungs (3,48,48), and what its readers
    said."""
    hu, nodule, lungs, labels, lesion = maker.nodule(index)
    anatomy = anatomy_channels(labels[1])
    look = Look(
        torch.from_numpy(to_units(hu))[None],
        torch.from_numpy(anatomy)[None],
        torch.tensor([[1.0, 2.0]]),
        torch.tensor([UNKNOWN_PLACE]),
    )
    return look.to(device), nodule, lungs, lesion


@torch.no_grad()
def see_nodules(pipe: AlignmentPipeline, shards: Path, seed: int = 0) -> list[Seen]:
    """Every real nodule of the shards under a ragged mask around it."""
    maker, seen = ExampleMaker(shards, 0.0), []
    for index in range(len(maker.nodules["hu"])):
        look, nodule, lungs, lesion = _nodule_look(maker, index, pipe.device)
        mask = random_edit_mask(
            nodule, lungs, (2.0, 1.0, 1.0), np.random.default_rng([seed, index])
        )[1]
        _, vector = pipe.model(
            look, torch.from_numpy(mask.astype(np.float32))[None, None].to(pipe.device)
        )
        seen.append(Seen(vector[0], str(maker.nodules["patient"][index]), lesion))
    return seen


@torch.no_grad()
def point_nodules(pipe: AlignmentPipeline, shards: Path) -> dict[str, Any]:
    """In 48 mm squares around real nodules: does the map of the nodule's plain sentence peak in it,
    and its IoU at half the peak."""
    maker = ExampleMaker(shards, 0.0)
    found: dict[str, list[tuple[str, float]]] = {
        name: [] for name in ("pointing", "iou", "pointing, random")
    }
    for index in range(len(maker.nodules["hu"])):
        look, nodule, lungs, lesion = _nodule_look(maker, index, pipe.device)
        cells, _ = pipe.model(look, look.anatomy[:, :1])
        asked, _ = pipe.text([present_prompt(lesion.term)])
        heat = (
            pipe.model.logit(torch.einsum("bchw,kc->bkhw", cells, asked), 0)
            .sigmoid()[0, 0]
            .cpu()
            .numpy()
        )
        fine = ndimage.zoom(heat, PATCH, order=1, mode="nearest", grid_mode=True) * lungs[1]
        hot, patient = fine >= 0.5 * fine.max(), str(maker.nodules["patient"][index])
        values = (
            bool(nodule[1].ravel()[fine.argmax()]),
            (hot & nodule[1]).sum() / (hot | nodule[1]).sum(),
            nodule[1].sum() / max(lungs[1].sum(), 1),
        )
        for name, value in zip(found, values):
            found[name].append((patient, float(value)))
    return {name: _mean(rows) for name, rows in found.items()}


def describe(lesion: Lesion, family: str | None, rng: np.random.Generator) -> Phrase:
    """A full sentence of a lesion: side, zone and size where they are known."""
    return say(
        lesion.term,
        rng,
        present=True,
        side=lesion.side,
        zone=lesion.zone,
        size_mm=lesion.size_mm if lesion.term in SIZED else None,
        descriptors=lesion.descriptors,
        family=family,
    )


def retrieval(
    pipe: AlignmentPipeline,
    seen: list[Seen],
    family: str | None = None,
    draws: int = 20,
    shuffled: bool = False,
) -> dict[str, Any]:
    """R@1 and R@5 of the sentence among 50 different ones, mean over draws of 50 regions; ties
    count as misses.

    Several of the 50 are often true of one region (“Nodule noted on the left.” of many), so
    `first_true` counts how often
    the first one says nothing false of it; sizes one step off and unknown places count as not
    false.
    """
    rng, hits = np.random.default_rng(0), []
    lesions = [one for one in seen if one.lesion is not None]
    for _ in range(draws):
        pairs: dict[str, tuple[Phrase, Seen]] = {}
        for index in rng.permutation(len(lesions)):
            lesion = lesions[index].lesion
            if lesion is not None:
                phrase = describe(lesion, family, rng)
                pairs.setdefault(phrase.text, (phrase, lesions[index]))
            if len(pairs) == RETRIEVED:
                break
        _, texts = pipe.text(list(pairs))
        if shuffled:
            texts = texts[torch.from_numpy(rng.permutation(len(texts)))]
        said, regions = [phrase for phrase, _ in pairs.values()], [one for _, one in pairs.values()]
        scores = torch.stack([one.vector for one in regions]) @ texts.T
        rank = (scores >= scores.diagonal()[:, None]).sum(1).cpu().numpy()
        true = [
            verdict(said[int(best)], one.lesion) != FALSE
            for best, one in zip(scores.argmax(1), regions)
        ]
        hits.append([(rank <= 1).mean(), (rank <= 5).mean(), np.mean(true), len(pairs)])
    first, fifth, true_first, among = np.mean(hits, 0)
    return {
        "r1": round(float(first), 3),
        "r5": round(float(fifth), 3),
        "first_true": round(float(true_first), 3),
        "among": round(float(among)),
        "draws": draws,
    }


def zero_shot(pipe: AlignmentPipeline, seen: list[Seen]) -> dict[str, Any]:
    """AUROC of each finding's plain sentence: regions with it against all other regions."""
    scores = {
        term: [pipe.agreement_of(one.vector, [present_prompt(term)])[0] for one in seen]
        for term in TERMS
    }
    return {
        term: auroc(
            [v for v, one in zip(values, seen) if one.lesion and one.lesion.term == term],
            [v for v, one in zip(values, seen) if not one.lesion or one.lesion.term != term],
        )
        for term, values in scores.items()
    }


def negation(pipe: AlignmentPipeline, seen: list[Seen]) -> dict[str, Any]:
    """How often a region prefers the true one of “X.” and “No X. Clear lung.”; clear regions are
    asked about every finding."""
    right: dict[str, list[tuple[str, float]]] = {"present": [], "absent": []}
    for one in seen:
        for term in [one.lesion.term] if one.lesion else TERMS:
            said, denied = pipe.agreement_of(
                one.vector, [present_prompt(term), absent_prompt(term)]
            )
            right["present" if one.lesion else "absent"].append(
                (one.patient, float((said > denied) == bool(one.lesion)))
            )
    return {kind: _mean(rows) for kind, rows in right.items() if rows}


def nodule_probes(pipe: AlignmentPipeline, seen: list[Seen]) -> dict[str, Any]:
    """Zero-shot on real nodules: solid against non-solid, spiculated or not, large (15 mm or more)
    against small (below 8 mm)."""

    def contrast(one: Seen, yes: str, no: str) -> float:
        a, b = pipe.agreement_of(one.vector, [yes, no])
        return float(np.log(a / (1 - a + 1e-9) + 1e-9) - np.log(b / (1 - b + 1e-9) + 1e-9))

    rows = [(one, one.lesion) for one in seen if one.lesion]
    solid = [
        (contrast(one, "Solid nodule.", "Ground-glass opacity."), lesion.term == "nodule")
        for one, lesion in rows
    ]
    spiked = [
        (contrast(one, "Spiculated nodule.", "Nodule."), "spiculated" in lesion.descriptors)
        for one, lesion in rows
        if lesion.term == "nodule"
    ]
    large = [
        (contrast(one, "20 mm nodule.", "6 mm nodule."), lesion.size_mm >= 15)
        for one, lesion in rows
        if lesion.size_mm >= 15 or lesion.size_mm < 8
    ]
    return {
        name: auroc([v for v, true in values if true], [v for v, true in values if not true])
        for name, values in (("solid", solid), ("spiculated", spiked), ("large", large))
    }


def proposals(pipe: AlignmentPipeline, found: list[Case]) -> dict[str, list[dict[str, Any]]]:
    """Of each case, without and with its side and size in the words: does the first (or one of
    three) proposals lie on the lesion, its IoU, the map's peak."""
    rows: dict[str, list[dict[str, Any]]] = {"no place": [], "side and size": []}
    for case in found:
        lesion, truth = case.lesion, case.lesion.mask & case.anatomy.lungs
        heat = heat_maps(pipe, case.scan, case.anatomy, [present_prompt(lesion.term)])[0]
        for name, part in rows.items():
            side, size = (
                (lesion.side, lesion.size_mm if lesion.term in SIZED else None)
                if name != "no place"
                else (None, None)
            )
            said = Finding(lesion.term, "present", side, None, size, (), (0, 0), "", "")
            regions = find(pipe, case.scan, case.anatomy, said, heat=heat, most=3)
            ious = [float((p.mask & truth).sum() / (p.mask | truth).sum()) for p in regions] or [
                0.0
            ]
            inside = [
                bool((p.mask & truth).sum() > 0.5 * min(p.mask.sum(), truth.sum())) for p in regions
            ] or [False]
            part.append(
                {
                    "patient": case.patient,
                    "kind": lesion.kind,
                    "size_mm": round(lesion.size_mm, 1),
                    "hit1": inside[0],
                    "hit3": any(inside),
                    "iou1": ious[0],
                    "pointing": bool(truth.ravel()[heat.argmax()]),
                    "regions": len(regions),
                }
            )
    return rows


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Means of the proposals' scores, with intervals over patients, and by kind."""
    out: dict[str, Any] = {"n": len(rows)}
    out |= {
        key: _mean((row["patient"], row[key]) for row in rows)
        for key in ("hit1", "hit3", "iou1", "pointing")
    }
    out["by kind"] = {
        kind: {
            key: round(float(np.mean([row[key] for row in rows if row["kind"] == kind])), 2)
            for key in ("hit1", "iou1", "pointing")
        }
        for kind in dict.fromkeys(row["kind"] for row in rows)
    }
    return out
