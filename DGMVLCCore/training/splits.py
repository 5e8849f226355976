"""The one frozen split, by patient, that training, tuning and testing share."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.ground.resources import resource


@dataclass(frozen=True)
class Splits:
    """Which patient belongs to "train", "val" or "test", and what no training sees.

    Args:
        volumes: volume id -> part. lidc_patients, single_slice_patients: patient -> part.
        held_out: "lesion_kind" and "phrase_family" kept from training. sha256: data file -> hash.
    """

    version: int
    volumes: dict[str, str]
    lidc_patients: dict[str, str]
    single_slice_patients: dict[str, str]
    test_scans: tuple[str, ...]
    held_out: dict[str, str]
    sha256: dict[str, str]

    def verify(self, data: Path) -> None:
        """Compare the data folder with the split's hashes.

        Raises:
            UnsuitableInputError: names the first file that is missing or differs.
        """
        for name, wanted in self.sha256.items():
            path = Path(data) / name
            if not path.exists():
                raise UnsuitableInputError(
                    f"The data folder {data} lacks {name}, which the frozen split names."
                )
            if hashlib.sha256(path.read_bytes()).hexdigest() != wanted:
                raise UnsuitableInputError(
                    f"{path} differs from the file the split was frozen with; restore it."
                )


@lru_cache(maxsize=1)
def load_splits() -> Splits:
    """The split shipped with the package."""
    fields = json.loads(resource("splits.json").read_text(encoding="utf-8"))
    return Splits(
        fields["version"],
        fields["volumes"],
        fields["lidc_patients"],
        fields["single_slice_patients"],
        tuple(fields["test_scans"]),
        fields["held_out"],
        fields["sha256"],
    )
