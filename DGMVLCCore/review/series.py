"""What is known of a DICOM series before it is read, and which one is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta

# a path within the folder of studies
Inside = Annotated[str, Meta(pattern=r"^(?!/|[A-Za-z]:|\\)(?!(.*[/\\])?\.\.([/\\]|$))")]

SAME_REACH = 0.9
MIN_IMAGES = 4


@dataclass(frozen=True)
class SeriesFacts:
    """What is known of a series before it is read; `number` as `load_volume(folder, series=number)`
    takes it."""

    folder: Inside
    number: Annotated[int, Meta(ge=1)]
    description: str
    modality: str
    images: int
    reach_mm: float
    step_mm: float
    axial: bool

    @property
    def words(self) -> str:
        """The series in words."""
        return (
            f"{self.description or 'no description'}, {self.modality or 'no modality'}, "
            f"{self.images} images, {self.reach_mm:.0f} mm"
        )


def best_series(series: tuple[SeriesFacts, ...]) -> int | None:
    """Index of the CT series to read: the longest reach along the body, and among those within a
    tenth of it the thinnest step; None without a CT.

    A series with fewer than four images, or not axial, is taken only when there is no other.
    """
    ct = [i for i, one in enumerate(series) if one.modality in ("CT", "")]
    usual = [i for i in ct if series[i].axial and series[i].images >= MIN_IMAGES] or ct
    if not usual:
        return None
    longest = max(series[i].reach_mm for i in usual)
    long_enough = [i for i in usual if series[i].reach_mm >= SAME_REACH * longest]
    return min(long_enough, key=lambda i: (series[i].step_mm, -series[i].images, i))
