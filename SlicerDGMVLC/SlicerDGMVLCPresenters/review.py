"""The review as the viewer says it: worklist, the shown study's regions, and what undo takes
back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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

    def take_list(self, listed: dict[str, Any]) -> None:
        """The worklist, and a study's regions when they came with it."""
        self.studies, self.counts = listed["studies"], listed["progress"]
        if "regions" in listed:
            self.take(listed)

    @property
    def counted(self) -> str:
        """How far the reader is."""
        counts = self.counts
        if not counts:
            return ""
        studies = "study" if counts["studies"] == 1 else "studies"
        decided = f"{counts['decided']} of {counts['regions']} regions decided"
        return f"{counts['studies']} {studies} · {decided}"

    @property
    def nothing(self) -> str:
        """Said of a study that was looked at and has no region."""
        looked = any(row["id"] == self.study and row["state"] == "done" for row in self.studies)
        return "No region stood out." if looked and not self.regions else ""

    @property
    def waiting(self) -> list[str]:
        """Studies that were not looked at as they are now."""
        return [str(row["id"]) for row in self.studies if row["waiting"]]

    @property
    def after(self) -> str:
        """The first of them behind the shown study, "" for none."""
        ids = [str(row["id"]) for row in self.studies]
        here = ids.index(self.study) + 1 if self.study in ids else 0
        return next((id for id in ids[here:] if id in self.waiting), "")

    def looked(self, study: str) -> None:
        """A study was looked at ahead; its words come with the next list."""
        for row in self.studies:
            row["waiting"] = row["waiting"] and row["id"] != study

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
        """Where a step leads: (region, "") in this study, (0, id) of the next study that can be
        read, (0, "") at the end. by: 1 or −1."""
        numbers = [int(row["number"]) for row in self.regions]
        at = numbers.index(self.region) if self.region in numbers else -1
        if 0 <= at + by < len(numbers):
            return numbers[at + by], ""
        ids = [str(row["id"]) for row in self.studies if row["readable"]]
        here = ids.index(self.study) if self.study in ids else -1
        return (0, ids[here + by]) if 0 <= here + by < len(ids) else (0, "")

    def remember(self, **decided: str) -> Act | None:
        """Keep what the shown region says now, before it is decided anew; None when none is
        shown. decided: its new verdict or comment, which the list shows before it is saved."""
        row = self.row
        if row is None:
            return None
        act = Act(self.study, self.region, row["verdict"], row["comment"])
        self.acts.append(act)
        row.update(decided)
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
