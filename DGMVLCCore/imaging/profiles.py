"""What each modality's numbers mean, how to tell it, and how to show it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.volume import Volume

MODALITIES = ("CT", "MR", "XR")
ALIASES = {"CR": "XR", "DX": "XR", "DR": "XR", "RG": "XR", "MRI": "MR"}
AIR_HU, TISSUE_HU, MIN_SHARE = (-1250.0, -700.0), (-150.0, 200.0), 0.02
UNSIGNED_OFFSET = 1024.0


@dataclass(frozen=True)
class Profile:
    """Window and unit of a modality; `note` says what the shipped weights can do with it."""

    modality: str
    unit: str
    fixed_window: tuple[float, float] | None
    note: str

    def window(self, array: np.ndarray) -> tuple[float, float]:
        """(low, high): fixed in HU for CT, the 1st and 99th percentile otherwise."""
        if self.fixed_window:
            return self.fixed_window
        low, high = np.percentile(array, (1, 99))
        return float(low), float(high if high > low else low + 1)


OTHER = (
    "The shipped weights are for chest CT; this {} can be loaded and shown, but not edited with "
    "them. Weights of its own: dgmvlc train --task image."
)
PROFILES = {
    "CT": Profile(
        "CT",
        "HU",
        (-1250.0, 250.0),
        "The shipped weights are for chest CT; scans of other parts of the body are not for them.",
    ),
    "MR": Profile("MR", "a.u.", None, OTHER.format("MR scan")),
    "XR": Profile("XR", "a.u.", None, OTHER.format("X-ray image")),
}

PLAIN = {"MR": "MR scan.", "XR": "X-ray image."}  # what is said of a picture that nobody described


def looks_like_ct(array: np.ndarray) -> bool:
    """True when voxels (D,H,W) hold air near -1000 HU and soft tissue, as every chest CT does;
    padding counts as neither."""
    sample = array[
        :: max(len(array) // 16, 1),
        :: max(array.shape[1] // 128, 1),
        :: max(array.shape[2] // 128, 1),
    ]
    return all(
        bool(((sample > low) & (sample < high)).mean() > MIN_SHARE)
        for low, high in (AIR_HU, TISSUE_HU)
    )


def _no_ct(array: np.ndarray, name: str) -> UnsuitableInputError:
    """Why these voxels are not HU of a chest CT."""
    values = f"{name} holds values from {array.min():g} to {array.max():g}"
    if array.min() >= 0 and looks_like_ct(array - UNSIGNED_OFFSET):
        return UnsuitableInputError(
            f"{values}, which look like HU with {UNSIGNED_OFFSET:g} added; subtract it, or load "
            "the original DICOM series."
        )
    return UnsuitableInputError(
        f"{values} without the air and soft tissue of a chest CT in HU; load the CT, or say the "
        "modality (MR or XR)."
    )


def settle_modality(
    array: np.ndarray, name: str, said: str | None = None, tagged: str | None = None
) -> str:
    """The modality of a scan.

    Args:
        array: (D,H,W) in stored units. said: by the user. tagged: by the file.

    Returns:
        "CT", "MR" or "XR"; without a word from either, "CT" if the voxels look like HU.

    Raises:
        UnsuitableInputError: unknown, user and file disagree, or a CT whose voxels are not HU.
    """
    said, tagged = (
        ALIASES.get(word.upper(), word.upper()) if word else "" for word in (said, tagged)
    )
    if said and tagged in MODALITIES and said != tagged:
        raise UnsuitableInputError(
            f"{name} is {tagged} by its DICOM header, but {said} was asked; load the right scan, "
            "or leave the modality out."
        )
    modality = said or tagged or "CT"
    if modality not in MODALITIES:
        raise UnsuitableInputError(
            f"The modality {modality} of {name} is not known; choose one of "
            f"{', '.join(MODALITIES)}."
        )
    if modality == "CT" and not looks_like_ct(array):
        raise _no_ct(array, name)
    return modality


def require_ct(volume: Volume, name: str) -> Volume:
    """The scan, when the shipped weights are for it.

    Raises:
        UnsuitableInputError: it is no CT.
    """
    if volume.modality != "CT":
        raise UnsuitableInputError(f"{name}: {PROFILES[volume.modality].note}")
    return volume


def window(hu: np.ndarray, level: float = -500.0, width: float = 1500.0) -> np.ndarray:
    """HU -> uint8 grey values of a display window (lung window by default); any shape."""
    return (np.clip((hu - level) / width + 0.5, 0, 1) * 255).round().astype(np.uint8)
