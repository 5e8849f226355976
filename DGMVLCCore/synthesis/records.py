"""The records of this room as their files hold them: lines of manifest.jsonl, synthesis.json."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, TypedDict

from msgspec import UNSET, Meta, Struct, UnsetType

from DGMVLCCore.results.manifest import GateFact, Synthetic
from DGMVLCCore.results.records import FileFact, Record, Sha256, Software

Kind = Literal["editor", "denoiser", "one pass"]
ItemId = Annotated[str, Meta(pattern="^[0-9a-f]{12}$")]


@dataclass(frozen=True)
class Settings:
    """What, beside order and scan, decides an item."""

    seed: int
    steps: Annotated[int, Meta(ge=1)]
    weights_sha256: str


class HashedFile(Struct, frozen=True):
    """A file that was read or written."""

    name: str
    sha256: Sha256


class NetworkFact(Struct, frozen=True, forbid_unknown_fields=True):
    """Which network this is."""

    kind: Kind
    weights: str
    sha256: str


class OrderFact(Struct, frozen=True):
    """What was ordered; None was drawn."""

    scan: str
    finding: str
    size_mm: float | None
    side: Literal["left", "right"] | None
    zone: Literal["lower", "middle", "upper"] | None
    spiculated: bool


class Presence(Struct, frozen=True):
    """How much of a lesion the editor sees, with its interval."""

    value: float
    low: float
    high: float


class LesionFacts(Struct, frozen=True):
    """What the manifest says of a lesion that was made."""

    sentence: str
    size_mm: float
    attempts: int
    rejected: list[str]
    presence: Presence
    gates: list[GateFact]
    mean_change_hu: float
    lesion_voxels: int


class ItemRow(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A line of manifest.jsonl: an item that was made, as `LesionFacts`, or `refused`."""

    ALSO: ClassVar[dict[str, object]] = {
        "oneOf": [
            {"required": ["refused"]},
            {"required": list(LesionFacts.__struct_fields__)},
        ]
    }
    schema_version: Literal["1.0"]
    id: ItemId
    synthetic: Synthetic
    notice: str
    software: Software
    source: HashedFile
    order: OrderFact
    settings: Settings
    made_by: NetworkFact | UnsetType = UNSET
    judged_by: NetworkFact | UnsetType = UNSET
    refused: str | UnsetType = UNSET
    sentence: str | UnsetType = UNSET
    size_mm: Annotated[float, Meta(description="of the drawn shape")] | UnsetType = UNSET
    attempts: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    rejected: (
        Annotated[list[str], Meta(description="the checks that each earlier attempt failed")]
        | UnsetType
    ) = UNSET
    presence: Presence | UnsetType = UNSET
    gates: list[GateFact] | UnsetType = UNSET
    mean_change_hu: float | UnsetType = UNSET
    lesion_voxels: Annotated[int, Meta(ge=1)] | UnsetType = UNSET
    files: list[HashedFile]

    def __post_init__(self) -> None:
        if not self.synthetic:
            raise ValueError("the lesion is synthetic")
        said = all(getattr(self, name) is not UNSET for name in LesionFacts.__struct_fields__)
        if said != (self.refused is UNSET):
            raise ValueError("an item was either made or refused")


class MaskAgreement(TypedDict):
    """How a generated chest keeps to its mask: Dice by class, 0..1; None in neither."""

    method: str
    generated: dict[str, float | None]
    mask_painted_flat: dict[str, float | None]


class ChestRecord(Record, frozen=True, kw_only=True):
    """synthesis.json: generated slices; agreement: of a whole chest with its mask."""

    source: FileFact
    sentence: str
    seed: int
    slices: tuple[int, int]
    made_by: NetworkFact
    files: list[HashedFile]
    agreement: MaskAgreement | UnsetType = UNSET
