"""The review as the viewer says it: worklist, the shown study's regions, and what undo takes
back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from SlicerDGMVLCLib.reading import stepFrom

LONGEST_COMMENT = 2000


@dataclass(frozen=True)
class Act:
    """A decision that was taken, with what stood there before it. region: its number."""

    study: str
    region: int
    verdict: str
    comment: str


class Worklist:
    """A review session's lists. Keys act on the region that is shown; undo acts on the last act,
    wherever it was, and shows it."""

    def __init__(self) -> None:
        self.session = ""
        self.studies: list[dict[str, Any]] = []
        self.counts: dict[str, int] = {}
        self.acts: list[Act] = []
        self.leave()

    def open(self, session: str) -> None:
        """Another session: nothing of the one before is left."""
        self.acts = self.acts if session == self.session else []
        self.session, self.studies, self.counts = session, [], {}
        self.leave()

    def leave(self) -> None:
        """No study of the list is shown."""
        self.study, self.region = "", 0
        self.regions: list[dict[str, Any]] = []
        self.unseen: list[str] = []
        self.notes: list[str] = []
        self.series: list[str] = []
        self.chosen = 0

    def show(self, study: str) -> None:
        """Go to a study; its regions come with `take`."""
        self.leave()
        self.study = study

    def take(self, listed: dict[str, Any]) -> None:
        """A study's regions, unless another one is shown by now."""
        if listed["study"] != self.study:
            return
        self.regions, self.unseen = listed["regions"], listed["unseen"]
        self.notes, self.series, self.chosen = listed["notes"], listed["series"], listed["chosen"]
        if self.row is None:
            self.region = 0

    @property
    def row(self) -> dict[str, Any] | None:
        """The shown region."""
        return next((row for row in self.regions if row["number"] == self.region), None)

    @property
    def undecided(self) -> int:
        """The first region without a verdict, else the first, 0 for none."""
        first = int(self.regions[0]["number"]) if self.regions else 0
        return next((int(row["number"]) for row in self.regions if not row["verdict"]), first)

    def choose(self, number: int) -> dict[str, Any] | None:
        """Show a region; None when the study has none of that number."""
        if any(row["number"] == number for row in self.regions):
            self.region = number
            return self.row
        return None

    def step(self, by: int) -> tuple[int, str]:
        """Where a step leads: (region, "") in this study or (0, study), (0, "") at the end."""
        return stepFrom(self.regions, self.region, self.studies, self.study, by)

    def remember(self) -> Act | None:
        """Keep what the shown region says now, before it is decided anew; None when none is
        shown."""
        row = self.row
        if row is None:
            return None
        act = Act(self.study, self.region, row["verdict"], row["comment"])
        self.acts.append(act)
        return act

    def undo(self) -> Act | None:
        """The last act, which is to be taken back; None when there is none."""
        return self.acts.pop() if self.acts else None

    def undo_words(self) -> str:
        """What undo would take back."""
        if not self.acts:
            return ""
        act = self.acts[-1]
        return f"region {act.region} of {act.study}"
