"""A user's ImageNet Inception network, for the Fréchet distance that papers report; nothing is
downloaded, and nothing depends on it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from DGMVLCCore.errors import UsageError, WeightsError
from DGMVLCCore.models.units import HU_HIGH, HU_LOW

SIDE, MARGIN_MM = 299, 15.0
MEAN, SPREAD = (
    (0.485, 0.456, 0.406),
    (0.229, 0.224, 0.225),
)  # what torchvision's ImageNet weights were trained with


class Inception:
    """torchvision's Inception v3 without its last layer.

    Args:
        model: (B,3,299,299) -> (B,2048). weights_sha256: of the file.
    """

    def __init__(self, model: Any, weights_sha256: str) -> None:
        self.model, self.weights_sha256 = model, weights_sha256

    @classmethod
    def from_file(cls, path: Path) -> Inception:
        """From the state of torchvision's `inception_v3`, stored as safetensors.

        Raises:
            WeightsError: no such file, or other weights. UsageError: torchvision is not installed.
        """
        if path.suffix != ".safetensors" or not path.is_file():
            raise WeightsError(
                f"{path} is no .safetensors file; give the state of torchvision's inception_v3, "
                "saved by safetensors.torch.save_file."
            )
        try:
            from torchvision.models import inception_v3
        except ImportError as error:
            raise UsageError(
                "--inception needs torchvision; install it with: pip install dgmvlc[inception]."
            ) from error
        import torch
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        from DGMVLCCore.results.manifest import sha256_of

        model = inception_v3(
            weights=None, aux_logits=True, transform_input=False, init_weights=False
        )
        try:
            model.load_state_dict(load_file(path))
        except (SafetensorError, RuntimeError) as error:
            raise WeightsError(
                f"{path} does not hold the state of torchvision's inception_v3 "
                f"({str(error).splitlines()[0][:120]})."
            ) from error
        model.fc = torch.nn.Identity()
        return cls(model.eval(), sha256_of(path))

    def features(
        self, hu: np.ndarray, mask: np.ndarray, spacing: tuple[float, float, float]
    ) -> np.ndarray:
        """Features (2048,) of a region's fullest slice and 15 mm around it; HU cut to -1100..400
        for every slice alike, never rescaled by its own values.

        Args:
            hu: (D,H,W) HU. mask: bool (D,H,W), not empty. spacing: (z,y,x) mm.
        """
        import torch

        z = int(mask.sum((1, 2)).argmax())
        box = tuple(
            slice(max(int(at.min() - MARGIN_MM / mm), 0), int(at.max() + MARGIN_MM / mm) + 1)
            for at, mm in zip(np.nonzero(mask[z]), spacing[1:])
        )
        grey = torch.from_numpy(
            ((np.clip(hu[z][box], HU_LOW, HU_HIGH) - HU_LOW) / (HU_HIGH - HU_LOW)).astype(
                np.float32
            )
        )
        picture = torch.nn.functional.interpolate(
            grey[None, None], (SIDE, SIDE), mode="bilinear", align_corners=False, antialias=True
        )
        shown = (picture - torch.tensor(MEAN)[None, :, None, None]) / torch.tensor(SPREAD)[
            None, :, None, None
        ]
        with torch.no_grad():
            return np.asarray(self.model(shown)[0].float().numpy(), np.float32)
