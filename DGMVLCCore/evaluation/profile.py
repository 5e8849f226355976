"""How much an evaluation runs: the quick profile shows that the machinery works, the full one how
good the model is."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from DGMVLCCore.errors import UsageError
from DGMVLCCore.simulation.insert import KINDS

QUICK_NOTE = (
    "This is the quick profile: it shows that every part of the evaluation runs, on a few "
    "lesions in one scan with few steps. "
    "It does not show how good the model is; the full profile on held-out patients does."
)


@dataclass(frozen=True)
class Profile:
    """Numbers of everything.

    Args:
        kinds: lesion kinds put into every patient. seeds: lesions of each kind in each patient.
            slab: slices of a case.
        noises, steps: of the model's own edits.
        methods, localisers: names to run; all when None.
        nodules: real nodules at most; all when None. clean: clean regions. sanity: cases whose maps
            are read again with random weights.
        ablations: cases of the ablation table. ablation_groups: its groups; all when None.
        tumours: also edit the sample's nodule and the data folder's tumours.
    """

    name: str
    kinds: tuple[str, ...] = KINDS
    seeds: int = 1
    slab: int = 3
    noises: int = 8
    steps: int = 10
    methods: tuple[str, ...] | None = None
    localisers: tuple[str, ...] | None = None
    nodules: int | None = None
    clean: int = 12
    sanity: int = 4
    ablations: int = 4
    ablation_groups: tuple[str, ...] | None = None
    tumours: bool = True
    note: str = ""

    def to_dict(self) -> dict[str, object]:
        """As JSON holds it."""
        return asdict(self)


PROFILES = {
    "quick": Profile(
        "quick",
        kinds=("spiculated_nodule", "ground_glass"),
        noises=2,
        steps=4,
        methods=("mean lung", "smooth fill", "biharmonic", "Telea", "SDEdit 0.5", "flow inversion"),
        localisers=("reading pass", "dual encoder", "threshold", "centre", "random"),
        nodules=0,
        clean=1,
        sanity=1,
        ablations=1,
        ablation_groups=("as shipped", "text", "mode"),
        note=QUICK_NOTE,
    ),
    "full": Profile("full"),
}


def find_profile(name: str) -> Profile:
    """A profile by its name.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in PROFILES:
        raise UsageError(f"There is no profile {name!r}; choose one of {', '.join(PROFILES)}.")
    return PROFILES[name]
