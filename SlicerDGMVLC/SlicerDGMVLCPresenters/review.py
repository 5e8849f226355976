"""The review as the viewer says it: worklist, the shown study's regions, and what undo takes
back."""

from __future__ import annotations

from dataclasses import dataclass, replace

from .review_records import Counts, Listed, RegionRow, Regions, StudyRow

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
        self.studies: list[StudyRow] = []
        self.counts: Counts | None = None  # None before the first list
        self.acts: list[Act] = []
        self.leave()

    def open(self, session: str) -> None:
        """Another session: nothing of the one before is left."""
        self.acts = self.acts if session == self.session else []
        self.session, self.studies, self.counts = session, [], None
        self.leave()

    def leave(self) -> None:
        """No study of the list is shown."""
        self.show("")

    def show(self, study: str) -> None:
        """Go to a study; its regions come with `take`."""
        self.shown, self.region = Regions(study), 0

    @property
    def study(self) -> str:
        """Id of the shown study, "" for none."""
        return self.shown.study

    def take(self, regions: Regions) -> None:
        """A study's regions, unless another one is shown by now."""
        if regions.study != self.study:
            return
        self.shown = regions
        if self.row is None:
            self.region = 0

    def take_list(self, listed: Listed) -> None:
        """The worklist."""
        self.studies, self.counts = listed.studies, listed.progress

    @property
    def counted(self) -> str:
        """How far the reader is."""
        counts = self.counts
        if counts is None:
            return ""
        studies = "study" if counts.studies == 1 else "studies"
        decided = f"{counts.decided} of {counts.regions} regions decided"
        return f"{counts.studies} {studies} · {decided}"

    @property
    def nothing(self) -> str:
        """Said of a study that was looked at and has no region."""
        looked = any(row.id == self.study and row.state == "done" for row in self.studies)
        return "No region stood out." if looked and not self.shown.regions else ""

    @property
    def waiting(self) -> list[str]:
        """Studies that were not looked at as they are now."""
        return [row.id for row in self.studies if row.waiting]

    @property
    def after(self) -> str:
        """The first of them behind the shown study, "" for none."""
        ids = [row.id for row in self.studies]
        here = ids.index(self.study) + 1 if self.study in ids else 0
        return next((row.id for row in self.studies[here:] if row.waiting), "")

    def looked(self, study: str) -> None:
        """A study was looked at ahead; its words come with the next list."""
        self.studies = [
            replace(row, waiting=False) if row.id == study else row for row in self.studies
        ]

    @property
    def row(self) -> RegionRow | None:
        """The shown region."""
        return next((row for row in self.shown.regions if row.number == self.region), None)

    @property
    def undecided(self) -> int:
        """The first region without a verdict, else the first, 0 for none."""
        rows = self.shown.regions
        first = rows[0].number if rows else 0
        return next((row.number for row in rows if not row.verdict), first)

    def choose(self, number: int) -> RegionRow | None:
        """Show a region; None when the study has none of that number."""
        if any(row.number == number for row in self.shown.regions):
            self.region = number
            return self.row
        return None

    def step(self, by: int) -> tuple[int, str]:
        """Where a step leads: (region, "") in this study, (0, id) of the next study that can be
        read, (0, "") at the end. by: 1 or −1."""
        numbers = [row.number for row in self.shown.regions]
        at = numbers.index(self.region) if self.region in numbers else -1
        if 0 <= at + by < len(numbers):
            return numbers[at + by], ""
        ids = [row.id for row in self.studies if row.readable]
        here = ids.index(self.study) if self.study in ids else -1
        return (0, ids[here + by]) if 0 <= here + by < len(ids) else (0, "")

    def remember(self, verdict: str | None = None, comment: str | None = None) -> Act | None:
        """Keep what the shown region says now, before it is decided anew; None when none is
        shown. A new verdict or comment is listed before it is saved."""
        row = self.row
        if row is None:
            return None
        act = Act(self.study, self.region, row.verdict, row.comment)
        self.acts.append(act)
        self.decide(verdict, comment)
        return act

    def decide(self, verdict: str | None, comment: str | None) -> None:
        """List a verdict or a comment on the shown region; None leaves what stands there."""

        def decided(row: RegionRow) -> RegionRow:
            if row.number != self.region:
                return row
            said = row.verdict if verdict is None else verdict
            return replace(row, verdict=said, comment=row.comment if comment is None else comment)

        self.shown = replace(self.shown, regions=tuple(map(decided, self.shown.regions)))

    def undo(self) -> Act | None:
        """The last act, which is to be taken back; None when there is none."""
        return self.acts.pop() if self.acts else None

    def undo_words(self) -> str:
        """What undo would take back."""
        if not self.acts:
            return ""
        act = self.acts[-1]
        return f"region {act.region} of {act.study}"
