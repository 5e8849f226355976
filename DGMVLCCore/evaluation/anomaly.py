"""A denoising autoencoder that knows clear lung only: what it cannot give back is its anomaly
map."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from scipy import ndimage
from torch import Tensor, nn
from torch.nn import functional as F

from DGMVLCCore.ground.resources import resource
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.models.checks import load_network
from DGMVLCCore.models.region import cut_region
from DGMVLCCore.models.units import HU_SCALE, to_units
from DGMVLCCore.training.examples import Example, ExampleMaker
from DGMVLCCore.training.loop import Trainer
from DGMVLCCore.training.recipe import Recipe

WEIGHTS = "weights/dgmvlc-anomaly"
GRID_MM = 1.0
NOISE_CELLS = (
    8,
    16,
)  # pixels across a blob of the coarse noise: what a small and a large lesion measures
NOISE_UNITS = 0.8  # its standard deviation at most, 600 HU


class AnomalyNet(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """A small U-Net without text, trained to take coarse noise out of clear lung (Kascenas et al.
    2022, there for brain MRI).

    Args:
        widths: channels at a half, a quarter and an eighth of the resolution; pixels are rearranged
            two by two, nothing is lost.

    It predicts what is to be taken away and starts by taking nothing, so clear lung comes back as
    it is.
    """

    @register_to_config
    def __init__(self, widths: tuple[int, int, int] = (24, 48, 72)) -> None:
        super().__init__()
        a, b, c = widths

        def block(inputs: int, outputs: int) -> nn.Sequential:
            return nn.Sequential(
                nn.Conv2d(inputs, outputs, 3, padding=1),
                nn.GroupNorm(8, outputs),
                nn.SiLU(),
                nn.Conv2d(outputs, outputs, 3, padding=1),
                nn.GroupNorm(8, outputs),
                nn.SiLU(),
            )

        self.down0, self.down1, self.down2 = block(8, a), block(a, b), block(b, c)
        self.up1, self.up0 = block(c + b, b), block(b + a, a)
        self.head = nn.Conv2d(a, 4, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)  # type: ignore[arg-type]

    def forward(self, image: Tensor, lungs: Tensor) -> Tensor:
        """(B,1,H,W) slices in model units and their lungs 0..1, H and W multiples of 8 -> the
        slices as clear lung (B,1,H,W)."""
        h0 = self.down0(F.pixel_unshuffle(torch.cat([image, lungs], 1), 2))
        h1 = self.down1(F.avg_pool2d(h0, 2))
        h2 = self.down2(F.avg_pool2d(h1, 2))
        h = self.up1(torch.cat([F.interpolate(h2, scale_factor=2.0, mode="bilinear"), h1], 1))
        h = self.up0(torch.cat([F.interpolate(h, scale_factor=2.0, mode="bilinear"), h0], 1))
        return image + F.pixel_shuffle(self.head(h).float(), 2) * lungs


def coarse_noise(shape: tuple[int, ...]) -> Tensor:
    """(B,1,H,W) Gaussian blobs of random strength, shifted by up to a blob."""
    b, _, h, w = shape
    size = NOISE_CELLS[int(torch.randint(len(NOISE_CELLS), ()))]
    fine = F.interpolate(
        torch.randn(b, 1, h // size + 2, w // size + 2), scale_factor=float(size), mode="bilinear"
    )
    y, x = (int(torch.randint(size, ())) for _ in range(2))
    return fine[..., y : y + h, x : x + w] * NOISE_UNITS * torch.rand(b, 1, 1, 1)


class AnomalyTrainer(Trainer):
    """Trains an `AnomalyNet` on clear slices of the shards' scans; no lesion, real or simulated, is
    ever shown."""

    def build(self) -> AnomalyNet:
        """A new network."""
        return AnomalyNet()

    @staticmethod
    def batches(recipe: Recipe, seed: int) -> Iterator[Example]:
        """Endless batches of clear slices and their lungs."""
        maker, rng = ExampleMaker(Path(recipe.shards), 0.0), np.random.default_rng(seed)
        while True:
            images: list[np.ndarray] = []
            lungs: list[np.ndarray] = []
            while len(images) < recipe.batch:
                patch = maker.patch(rng)
                if patch is not None and (patch.lungs > 0).sum() >= 3000:
                    z = int(rng.integers(len(patch.hu)))
                    images.append(to_units(patch.hu[z])[None])
                    lungs.append((patch.lungs[z] > 0)[None].astype(np.float32))
            yield {"image": np.stack(images), "lungs": np.stack(lungs)}

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Squared error in the lungs after coarse noise was put there."""
        image, lungs = batch["image"], batch["lungs"]
        noisy = image + coarse_noise(image.shape).to(image.device) * lungs
        with self.accelerator.autocast():
            made = self.model(noisy, lungs).float()
        return {"denoising": ((made - image) ** 2 * lungs).sum() / lungs.sum().clamp_min(1)}


def load_anomaly(path: Path | None = None) -> AnomalyNet:
    """The shipped autoencoder, or one of a weights folder.

    Raises:
        WeightsError: missing, altered, or of another architecture.
    """
    model: AnomalyNet = load_network(AnomalyNet, path or resource(WEIGHTS), "anomaly network")[0]
    return model.eval()


@torch.no_grad()
def anomaly_map(model: AnomalyNet, volume: Volume, anatomy: Anatomy) -> np.ndarray:
    """|scan − scan as clear lung| in HU, median-filtered over 5 mm in the slice; float32 (D,H,W) on
    the scan's grid, 0 outside the lungs."""
    scan, turn = volume.canonical()
    lungs = anatomy.reoriented(turn).lungs
    region = cut_region(
        scan,
        anatomy.reoriented(turn),
        lungs,
        (0, len(lungs)),
        spacing_mm=max(GRID_MM, *scan.spacing[1:]),
    )
    error, device = np.zeros(region.hu.shape, np.float32), next(model.parameters()).device
    for z in np.nonzero(region.mask.any((1, 2)))[0]:
        image = torch.from_numpy(to_units(region.hu[z]))[None, None].to(device)
        inside = torch.from_numpy(np.isin(region.labels[z], (2, 3)).astype(np.float32))[
            None, None
        ].to(device)
        error[z] = ((model(image, inside) - image).abs() * inside)[0, 0].cpu().numpy() * HU_SCALE
    smooth = ndimage.median_filter(error, (1, 5, 5))
    return turn.restore(region.to_scan(smooth, scan.shape) * lungs)
