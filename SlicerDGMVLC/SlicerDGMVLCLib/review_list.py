"""The review's lists: worklist and regions as the core tells them, which row is chosen, and what is
said of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .tables import REGION_COLUMNS, STUDY_COLUMNS, RowsTable

LONGEST_COMMENT = 2000


def studyCells(row: dict[str, Any]) -> tuple[str, ...]:
    """A study as the worklist shows it."""
    return (
        row["id"],
        row["words"],
        f"{row['unreported']} of {row['regions']}" if row["regions"] else "",
    )


def regionCells(row: dict[str, Any]) -> tuple[str, ...]:
    """A region as the list shows it."""
    decision = row["verdict"] or (f"{row['earlier']} on an earlier scan" if row["earlier"] else "")
    return (
        str(row["number"]),
        decision,
        row["size"],
        row["place"],
        row["tag"],
        row["change"],
        row["comment"],
    )


def regionWords(row: dict[str, Any]) -> str:
    """A region in sentences."""
    return (
        f"Region {row['number']}, {row['size']}, {row['volume']}, {row['place']}: "
        f"{row['change']} against this patient's lungs.\n{row['sentence']}\n"
        f"{row['phrases']} (change its denial asks for, 0 to 1; no probability of disease)"
    )


class ReviewList:
    """Rows and choices; asks nothing of the worker.

    Args:
        studyChosen, regionChosen: get the id and the number that the user chose in a list.
    """

    def __init__(
        self, ui: Any, studyChosen: Callable[[str], None], regionChosen: Callable[[int], None]
    ) -> None:
        self._ui = ui
        self.studies: list[dict[str, Any]] = []
        self.regions: list[dict[str, Any]] = []
        self.study, self.region = "", 0
        self._studyTable = RowsTable(
            ui.reviewStudies,
            STUDY_COLUMNS,
            lambda: self._told(self._studyTable, self.studies, "id", studyChosen),
        )
        self._regionTable = RowsTable(
            ui.reviewRegions,
            REGION_COLUMNS,
            lambda: self._told(self._regionTable, self.regions, "number", regionChosen),
        )
        ui.reviewComment.setMaxLength(LONGEST_COMMENT)
        self.fill()

    @staticmethod
    def _told(
        table: RowsTable, rows: list[dict[str, Any]], name: str, chosen: Callable[[Any], None]
    ) -> None:
        if 0 <= table.current() < len(rows):
            chosen(rows[table.current()][name])

    @property
    def waiting(self) -> str:
        """The first study that was not looked at as it is now, "" for none."""
        return next((str(row["id"]) for row in self.studies if row["waiting"]), "")

    @property
    def after(self) -> str:
        """The first study behind the shown one that was not looked at as it is now, "" for none."""
        here = next((at for at, row in enumerate(self.studies) if row["id"] == self.study), -1)
        return next((str(row["id"]) for row in self.studies[here + 1 :] if row["waiting"]), "")

    def seen(self, study: str) -> None:
        """A study was looked at ahead; its words come with the next answer."""
        for row in self.studies:
            if row["id"] == study:
                row["waiting"] = False

    @property
    def undecided(self) -> int:
        """The first region without a verdict, else the first, 0 for none."""
        return next(
            (int(row["number"]) for row in self.regions if not row["verdict"]),
            int(self.regions[0]["number"]) if self.regions else 0,
        )

    def row(self) -> dict[str, Any] | None:
        """The chosen region."""
        return next((row for row in self.regions if row["number"] == self.region), None)

    def take(self, answer: dict[str, Any]) -> None:
        """The worklist of an answer, and the regions when they are the chosen study's."""
        self.studies, counts = answer["studies"], answer["progress"]
        self._ui.reviewProgress.setText(
            f"{counts['studies']} studies · {counts['decided']} of {counts['regions']} regions "
            "decided"
        )
        if "regions" in answer and answer["study"] == self.study:
            self.regions = answer["regions"]
            unseen = [f"Reported, not seen: {line}" for line in answer["unseen"]]
            empty = [] if self.regions or answer["notes"] else ["No region stood out."]
            self._ui.reviewNotes.setText("\n".join([*answer["notes"], *unseen, *empty]))
            self._offerSeries(answer["series"], answer["chosen"])
        self.fill()

    def _offerSeries(self, series: list[str], chosen: int) -> None:
        combo = self._ui.reviewSeries
        blocked = combo.blockSignals(True)
        combo.clear()
        for words in series:
            combo.addItem(words)
        combo.setCurrentIndex(chosen - 1)
        combo.blockSignals(blocked)
        combo.setVisible(len(series) > 1)

    def leave(self, study: str = "") -> None:
        """Go to another study, or to none; its regions come with the next answer."""
        self.study, self.region, self.regions = study, 0, []
        self._ui.reviewNotes.setText("")
        self._offerSeries([], 0)
        self.fill()

    def choose(self, number: int) -> dict[str, Any] | None:
        """Choose a region and say what is known of it; None when there is none of that number."""
        self.region = number
        row = self.row()
        self._ui.reviewComment.setText(row["comment"] if row else "")
        self.fill()
        return row

    def fill(self) -> None:
        """Show the rows as they are now."""
        row = self.row()
        self._studyTable.fill(
            [studyCells(one) for one in self.studies],
            next((at for at, one in enumerate(self.studies) if one["id"] == self.study), -1),
        )
        self._regionTable.fill(
            [regionCells(one) for one in self.regions], self.regions.index(row) if row else -1
        )
        self._ui.reviewText.setPlainText(regionWords(row) if row else "")
        if row is None:
            self._ui.reviewComment.setText("")
