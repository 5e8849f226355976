"""What each modality's numbers mean, and how to show them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from DGMVLCCore.errors import UnsuitableInputError

MODALITIES = ("CT", "MR", "XR")


@dataclass(frozen=True)
class Profile:
    """Window and unit of a modality; `note` is said to the user when the scan is loaded."""

    modality: str
    unit: str
    fixed_window: tuple[float, float] | None
    note: str

    def window(self, array: np.ndarray) -> tuple[float, float]:
        """(low, high): fixed in HU for CT, the 1st and 99th percentile otherwise."""
        if self.fixed_window:
            return self.fixed_window
        low, high = np.percentile(array, (1, 99))
        return float(low), float(max(high, low + 1e-6))

    def normalise(self, array: np.ndarray) -> np.ndarray:
        """(D,H,W) in stored units -> float32 -1..1 over the window."""
        low, high = self.window(array)
        return (2 * (np.clip(array, low, high) - low) / (high - low) - 1).astype(np.float32)


OTHER = "The shipped weights are for chest CT; this {} can be loaded and shown, but not edited with them."
PROFILES = {
    "CT": Profile("CT", "HU", (-1250.0, 250.0), ""),
    "MR": Profile("MR", "a.u.", None, OTHER.format("MR scan")),
    "XR": Profile("XR", "a.u.", None, OTHER.format("X-ray image")),
}


def looks_like_ct(array: np.ndarray) -> bool:
    """True when voxels hold air (below -700 HU) and soft tissue (-150..200 HU), as every chest CT does."""
    sample = array[:: max(len(array) // 16, 1), ::4, ::4]
    return bool((sample < -700).mean() > 0.02 and ((sample > -150) & (sample < 200)).mean() > 0.02)


def check_modality(array: np.ndarray, modality: str, name: str) -> str:
    """The modality the user or the file names, if it is known and the voxels agree.

    Raises:
        UnsuitableInputError: unknown, or a "CT" without HU.
    """
    modality = {"CR": "XR", "DX": "XR", "MRI": "MR"}.get(modality.upper(), modality.upper())
    if modality not in MODALITIES:
        raise UnsuitableInputError(f"The modality {modality} of {name} is not known; choose one of {', '.join(MODALITIES)}.")
    if modality == "CT" and not looks_like_ct(array):
        raise UnsuitableInputError(f"{name} holds values from {array.min():g} to {array.max():g} without the air and soft tissue of a "
                                   "chest CT in HU; load the CT, or say which modality this is.")
    return modality


def guess_modality(array: np.ndarray, name: str) -> str:
    """"CT" when the voxels look like HU.

    Raises:
        UnsuitableInputError: they do not, so the user must say.
    """
    if looks_like_ct(array):
        return "CT"
    raise UnsuitableInputError(f"{name} holds values from {array.min():g} to {array.max():g}, which are not HU of a chest CT; "
                               "say the modality (MR or XR) if it is another kind of image.")


def window(hu: np.ndarray, level: float = -500.0, width: float = 1500.0) -> np.ndarray:
    """HU -> uint8 grey values of a display window (lung window by default)."""
    return (np.clip((hu - level) / width + 0.5, 0, 1) * 255).round().astype(np.uint8)
