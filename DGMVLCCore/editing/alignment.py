"""Regions of a scan and sentences, compared: agreement, ranked findings of a region, direction of
an edit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.masks import rows_around
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.imaging.zones import height, thirds_in_view, zone_edges
from DGMVLCCore.language.encoder import LanguageEncoder
from DGMVLCCore.language.prompts import said_plainly
from DGMVLCCore.models.checks import load_network, move, weights_folder
from DGMVLCCore.models.dual import UNKNOWN_PLACE, DualEncoder, Look
from DGMVLCCore.models.region import Region, cut_region
from DGMVLCCore.models.units import anatomy_channels, neighbours, to_units

WEIGHTS = "weights/dgmvlc-dual"
LOOK_MM = 1.0  # coarsest fine enough for nodules below 10 mm
BATCH_PIXELS = 8 * 256 * 256


@dataclass(frozen=True)
class Match:
    """A finding and how well it fits a region.

    Args:
        term: canonical finding. sentence: as it was asked. agreement: 0..1, that the sentence is
            true of the region.
    """

    term: str
    sentence: str
    agreement: float


class AlignmentPipeline:
    """The dual encoder on whole scans.

    Example:
        >>> look = AlignmentPipeline.from_pretrained()
        >>> look.explain(volume, anatomy, mask)[0]
        Match(term='nodule', sentence='Nodule.', agreement=0.97)
    """

    def __init__(
        self,
        model: DualEncoder,
        encoder: LanguageEncoder,
        weights_sha256: str = "",
        weights: str = "",
    ) -> None:
        self.model, self.encoder = model.eval(), encoder
        self.weights_sha256, self.weights = weights_sha256, weights
        self.device = torch.device("cpu")

    @classmethod
    def from_pretrained(
        cls, path: str | Path | None = None, encoder: LanguageEncoder | None = None
    ) -> AlignmentPipeline:
        """Load weights from a folder (the shipped ones by default); nothing is downloaded.

        Raises:
            WeightsError: missing, altered, or of another architecture.
        """
        folder = weights_folder(path, WEIGHTS)
        model, sha256 = load_network(DualEncoder, folder, "dual encoder")
        return cls(model, encoder or LanguageEncoder(), sha256, folder.name)

    def to(self, device: str | torch.device) -> AlignmentPipeline:
        """Move to a device ("cpu", "cuda:0", "mps")."""
        move(self.model, device)
        self.device = torch.device(device)
        return self

    @property
    def findings(self) -> tuple[str, ...]:
        """Terms the encoder was taught."""
        return tuple(self.model.config["findings"])

    def text(self, sentences: list[str]) -> tuple[Tensor, Tensor]:
        """Sentences -> unit vectors (K,E) for cells and for regions."""
        pooled = torch.from_numpy(self.encoder.encode(sentences).pooled).to(self.device)
        with torch.no_grad():
            return self.model.text(pooled)

    def look(self, region: Region, rows: list[int], heights: np.ndarray) -> Look:
        """The given slices of a region; heights (D,) of the region's slices."""
        image = torch.from_numpy(
            np.stack([to_units(region.hu[neighbours(r, len(region.hu))]) for r in rows])
        )
        anatomy = torch.from_numpy(anatomy_channels(region.labels[rows]))
        geometry = torch.tensor(
            [[region.spacing[2], region.spacing[0]]], dtype=torch.float32
        ).expand(len(rows), -1)
        return Look(image, anatomy, geometry, torch.from_numpy(heights[rows]).float()).to(
            self.device
        )

    def batches(self, region: Region, rows: list[int]) -> list[list[int]]:
        """Slices of a region in batches that fit the memory."""
        size = max(int(BATCH_PIXELS / region.hu[0].size), 1)
        return [rows[start : start + size] for start in range(0, len(rows), size)]

    @torch.no_grad()
    def region_vector(self, volume: Volume, anatomy: Anatomy, mask: np.ndarray) -> Tensor:
        """Unit vector (E,) of a region: its slices' vectors, weighted by their share of the mask.

        Args:
            volume: CT in HU. anatomy, mask: on its grid; mask bool (D,H,W).

        Raises:
            UnsuitableInputError: empty mask.
        """
        if not mask.any():
            raise UnsuitableInputError("The region is empty; draw or choose one.")
        region, place = cut_to_look(volume, anatomy, mask)
        total: Any = 0
        for rows in self.batches(region, region.filled):
            chosen = torch.from_numpy(region.mask[rows]).float()[:, None].to(self.device)
            _, vectors = self.model(self.look(region, rows, place), chosen)
            total = total + (vectors * chosen.sum((1, 2, 3))[:, None]).sum(0)
        return total / total.norm().clamp_min(1e-6)

    def agreement(
        self, volume: Volume, anatomy: Anatomy, mask: np.ndarray, sentences: list[str]
    ) -> list[float]:
        """How well each sentence fits a region, 0..1 (sigmoid of the trained logit; not a
        probability of disease)."""
        return self.agreement_of(self.region_vector(volume, anatomy, mask), sentences)

    def agreement_of(self, vector: Tensor, sentences: list[str]) -> list[float]:
        """The same for a region's vector that is already there."""
        _, texts = self.text(sentences)
        with torch.no_grad():
            return [float(value) for value in self.model.logit(texts @ vector, 1).sigmoid()]

    def explain(self, volume: Volume, anatomy: Anatomy, mask: np.ndarray) -> list[Match]:
        """Every finding the encoder knows, and clear lung, the best fitting a region first."""
        return self.rank(self.region_vector(volume, anatomy, mask))

    def rank(self, vector: Tensor) -> list[Match]:
        """The same for a region's vector that is already there."""
        asked = [(term, said_plainly(term)) for term in (*self.findings, "clear lung")]
        values = self.agreement_of(vector, [sentence for _, sentence in asked])
        matches = [Match(term, sentence, value) for (term, sentence), value in zip(asked, values)]
        return sorted(matches, key=lambda match: -match.agreement)

    def direction(self, before: Tensor, after: Tensor, source: str, target: str) -> float:
        """Directional similarity cos(ΔI, ΔT) of an edit (Gal et al. 2022), -1..1; 0 when nothing
        changed.

        Args:
            before, after: region vectors of the original and the counterfactual.
        """
        _, texts = self.text([source, target])
        image, words = after - before, texts[1] - texts[0]
        size = float(image.norm() * words.norm())
        return float(image @ words) / size if size > 1e-6 else 0.0


def cut_to_look(volume: Volume, anatomy: Anatomy, mask: np.ndarray) -> tuple[Region, np.ndarray]:
    """A region of a scan as the dual encoder looks at it, and the heights (D,) of its slices."""
    scan, turn = volume.canonical()
    inside, canonical = np.ascontiguousarray(turn.apply(mask)), anatomy.reoriented(turn)
    rows = rows_around(inside)
    spacing_mm = max(LOOK_MM, *scan.spacing[1:])
    region = cut_region(scan, canonical, inside, rows, spacing_mm=spacing_mm)
    return region, slice_heights(canonical, scan)[slice(*rows)]


def slice_heights(anatomy: Anatomy, scan: Volume) -> np.ndarray:
    """(D,) place of each canonical slice along the lungs, 0 = base, 1 = apex; -1 where too little
    lung is in view to know."""
    edges, slices = zone_edges(anatomy.lungs), np.arange(len(scan.array))
    return (
        height(edges, slices)
        if thirds_in_view(edges, scan.spacing[0])
        else np.full(len(slices), UNKNOWN_PLACE)
    )
