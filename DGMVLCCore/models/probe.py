"""A held-out judge: a small network that says whether a lesion is in a masked region of lung. It
never guides an edit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn
from torch.nn import functional as F

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.resample import crop, resize_in_plane
from DGMVLCCore.models.checks import load_network, weights_folder
from DGMVLCCore.models.units import to_units

WEIGHTS = "weights/dgmvlc-probe"
SQUARE, CELL = 96, 4  # pixels of 1 mm; pixels a cell
OUTSIDE_HU = -1024.0
WIDEST_MM = 80.0
LUNG_CENTRE, LUNG_WIDTH = -850.0, 150.0
# slices with less of the mask than this share of the fullest one hold its margin, not its content
FULLEST = 0.5


def square(hu: np.ndarray, mask: np.ndarray, spacing: tuple[float, float, float]) -> np.ndarray:
    """What the probe sees of a slice: a square of 96 mm around the mask's centre, resampled to
    pixels of 1 mm.

    Args:
        hu: (H,W) HU. mask: bool (H,W), not empty. spacing: (z,y,x) mm.

    Returns:
        float32 (3,96,96): model units, a lung window (-850 HU = 0, 150 HU = 1, cut to -1..1), and
        the mask's share of each pixel.
    """
    ys, xs = np.nonzero(mask)
    tall, wide = (max(round(SQUARE / mm), 2) for mm in spacing[1:])
    top, left = (round(float(at.mean())) - side // 2 for at, side in ((ys, tall), (xs, wide)))
    box = (top, top + tall, left, left + wide)
    planes = np.stack(
        [
            crop(hu[None].astype(np.float32), box, OUTSIDE_HU)[0],
            crop(mask[None].astype(np.float32), box, 0)[0],
        ]
    )
    planes = resize_in_plane(planes, (SQUARE, SQUARE), order=1)
    lung = np.clip(
        (planes[0] - LUNG_CENTRE) / LUNG_WIDTH, -1, 1
    )  # emphysema is 100 HU, a tenth of the wide window
    return np.stack([to_units(planes[0]), lung, np.clip(planes[1], 0, 1)]).astype(np.float32)


def parts(mask: np.ndarray, spacing: tuple[float, float, float]) -> list[np.ndarray]:
    """A slice's mask, bool (H,W), not empty, cut into pieces of 80 mm or less each way, so that a
    square holds each with its surroundings."""
    pieces = [mask]
    for axis, mm in ((0, spacing[1]), (1, spacing[2])):
        cut = []
        for piece in pieces:
            at = np.nonzero(piece.any(1 - axis))[0]
            count = int(np.ceil((at[-1] + 1 - at[0]) * mm / WIDEST_MM))
            for rows in np.array_split(np.arange(at[0], at[-1] + 1), count):
                kept = np.zeros(mask.shape, bool)
                where = (
                    (slice(rows[0], rows[-1] + 1), slice(None))
                    if axis == 0
                    else (slice(None), slice(rows[0], rows[-1] + 1))
                )
                kept[where] = piece[where]
                cut += [kept] if kept.any() else []
        pieces = cut
    return pieces


class _Step(nn.Module):
    """Two convolutions with a residual; the first may halve the grid."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.norm1 = (
            nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
            nn.GroupNorm(8, outputs),
        )
        self.conv2, self.norm2 = (
            nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False),
            nn.GroupNorm(8, outputs),
        )
        self.skip = nn.Conv2d(inputs, outputs, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        """(B,Cin,H,W) -> (B,Cout,H/stride,W/stride)."""
        h = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(h)) + self.skip(x))


class ProbeNet(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """A small residual network, read out where the mask is.

    Args:
        widths: channels at 4, 8 and 16 mm. offset: added to the logit of a region, so that 0 parts
            regions with and without lesion evenly.
    """

    @register_to_config
    def __init__(self, widths: tuple[int, int, int] = (40, 48, 48), offset: float = 0.0) -> None:
        super().__init__()
        a, b, c = widths
        self.stem = nn.Conv2d(3 * CELL**2, a, 3, padding=1)
        self.step1, self.step2, self.step3 = _Step(a, a, 1), _Step(a, b, 2), _Step(b, c, 2)
        self.head = nn.Sequential(nn.Linear(2 * (a + b + c), 48), nn.ReLU(), nn.Linear(48, 1))

    def forward(self, squares: Tensor) -> Tensor:
        """(B,3,96,96) of `square` -> logit (B,) that a lesion is in the mask."""
        with torch.autocast(
            squares.device.type, enabled=False
        ):  # so small that bf16 slows it down on a CPU
            squares, mask = squares.float(), squares[:, -1:].float()
            fine = self.step1(self.stem(F.pixel_unshuffle(squares, CELL)))
            middle = self.step2(fine)
            return self.head(
                torch.cat([_read(grid, mask) for grid in (fine, middle, self.step3(middle))], 1)
            )[:, 0]


def _read(features: Tensor, mask: Tensor) -> Tensor:
    """Mean and largest values of features (B,C,h,w) inside a mask (B,1,H,W) -> (B,2C)."""
    share = F.adaptive_avg_pool2d(mask, features.shape[-1])
    mean = (features * share).sum((2, 3)) / share.sum((2, 3)).clamp_min(1e-3)
    inside = share > 0.25 * share.amax((2, 3), keepdim=True)
    return torch.cat(
        [mean, torch.where(inside, features, features.new_tensor(-1.0)).amax((2, 3))], 1
    )


class Probe:
    """The probe on regions of a scan.

    Example:
        >>> Probe.from_pretrained().score(volume.array, mask, anatomy.lungs, volume.spacing)
        3.2
    """

    def __init__(self, model: ProbeNet, weights_sha256: str = "") -> None:
        self.model, self.weights_sha256 = model.eval(), weights_sha256

    @classmethod
    def from_pretrained(cls, path: str | Path | None = None) -> Probe:
        """Load weights from a folder (the shipped ones by default); nothing is downloaded.

        Raises:
            WeightsError: missing, altered, or of another architecture.
        """
        return cls(*load_network(ProbeNet, weights_folder(path, WEIGHTS), "probe"))

    @torch.no_grad()
    def score(
        self,
        hu: np.ndarray,
        mask: np.ndarray,
        lungs: np.ndarray,
        spacing: tuple[float, float, float],
    ) -> float:
        """Logit that a lesion is in the region: the mean, by area, of its slices' logits, plus the
        offset.

        Slices count that hold at least half as much of the mask as the fullest one; where the mask
        is wider than 80 mm, its pieces count
        (on training patients the mean told regions apart better than the largest logit, which a
        large mask raises by chance).

        Args:
            hu: HU (D,H,W). mask, lungs: bool (D,H,W); what of the mask lies outside the lungs does
                not count. spacing: (z,y,x) mm.

        Raises:
            UnsuitableInputError: no part of the mask lies in the lungs, or HU that are not finite.
        """
        inside = mask & lungs
        if not inside.any():
            raise UnsuitableInputError(
                "The probe's mask holds no voxel of the lungs; give a mask inside them."
            )
        area = inside.sum((1, 2))
        rows = np.nonzero(area >= FULLEST * area.max())[0]
        if not np.isfinite(hu[rows]).all():
            raise UnsuitableInputError(
                "The scan to be probed holds values that are not finite; give HU."
            )
        pieces = [(z, piece) for z in rows for piece in parts(inside[z], spacing)]
        logits = self.model(
            torch.from_numpy(np.stack([square(hu[z], piece, spacing) for z, piece in pieces]))
        ).numpy()
        return float(np.average(logits, weights=[piece.sum() for _, piece in pieces])) + float(
            self.model.config["offset"]
        )


def flipped(before: float, after: float) -> bool | None:
    """Whether an edit took the lesion away in the probe's eyes: probability above 0.5 before (logit
    > 0) and below after; None when it saw none before."""
    return after < 0 if before > 0 else None
