"""The review to print: a title page with the counts, then a page a study, with each region's
picture beside its figures."""

from __future__ import annotations

import io
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from DGMVLCCore.review.decisions import ReviewSession
from DGMVLCCore.review.files import NOTICE
from DGMVLCCore.review.listing import list_studies, region_row
from DGMVLCCore.review.records import Decision, Listed, RegionRow, StudyReview
from DGMVLCCore.review.worklist import Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

A4 = (8.27, 11.69)  # inches
LEFT, RIGHT, TOP, BOTTOM = 0.07, 0.93, 0.945, 0.06
INK, FAINT, ALERT = "#1b2329", "#5d6c76", "#a8481c"
LINE = 0.0165  # of the page's height
PICTURE, ROW = 0.185, 0.315  # height of a region's picture, and of all of it
LETTERS = 104  # that fit on a line of the page
FOOT = "DGM-VLC review · outlines by software · research use only, not a medical device"
STUDY_LINES = 10  # of notes and unseen findings; the table and the page on screen hold all


class _Page:
    """A page that is written from the top down."""

    def __init__(self, title: str, side: str, number: int) -> None:
        from matplotlib.figure import Figure

        self.figure: Figure = Figure(figsize=A4, facecolor="white")
        self.y = TOP
        self.figure.text(
            LEFT, self.y, title, size=15, weight="bold", color=INK, va="top", parse_math=False
        )
        self.figure.text(
            RIGHT, self.y - 0.004, side, size=9, color=FAINT, va="top", ha="right", parse_math=False
        )
        self.figure.text(LEFT, BOTTOM / 2, FOOT, size=8, color=ALERT)
        self.figure.text(RIGHT, BOTTOM / 2, str(number), size=8, color=FAINT, ha="right")
        self.y -= 0.035

    def write(self, text: str, color: str = INK, weight: str = "normal", most: int = 6) -> None:
        """A paragraph over the page's width, cut after `most` lines."""
        for line in _folded(text, LETTERS, most):
            self.figure.text(
                LEFT, self.y, line, size=9, color=color, weight=weight, va="top", parse_math=False
            )
            self.y -= LINE
        self.y -= LINE / 3

    def region(self, picture: Path, heading: str, facts: list[tuple[str, str, int]]) -> None:
        """A heading, a picture, marked already, and its figures below; facts are (text, colour,
        most lines), seven lines fit."""
        import matplotlib.image

        self.figure.text(
            LEFT, self.y, heading, size=10, weight="bold", color=INK, va="top", parse_math=False
        )
        place = (LEFT, self.y - PICTURE - 0.02, RIGHT - LEFT, PICTURE)
        axis = self.figure.add_axes(place, anchor="NW")
        axis.set_axis_off()
        try:
            axis.imshow(matplotlib.image.imread(picture), interpolation="antialiased")
        except (OSError, ValueError, SyntaxError):  # Pillow names a damaged PNG a syntax error
            axis.imshow(np.ones((30, 100, 3)))
            axis.text(50, 15, "The picture is missing.", size=9, color=FAINT, ha="center")
        y = self.y - PICTURE - 0.024
        for text, color, most in facts:
            for line in _folded(text, LETTERS, most):
                self.figure.text(LEFT, y, line, size=8.5, color=color, va="top", parse_math=False)
                y -= LINE * 0.95
        self.y -= ROW


def _folded(text: str, letters: int, most: int) -> list[str]:
    """Text in lines; the last one says when some were left out."""
    lines = textwrap.wrap(" ".join(text.split()), letters, break_long_words=True) or [""]
    return (
        lines if len(lines) <= most else [*lines[: most - 1], f"{lines[most - 1][: letters - 2]} …"]
    )


def _region_facts(row: RegionRow) -> list[tuple[str, str, int]]:
    verdict = row.verdict or (f"{row.earlier} on an earlier scan" if row.earlier else "not decided")
    facts = [
        (f"{row.tag} · {verdict}", ALERT if row.alert else INK, 1),
        (f"{row.size}, {row.volume}, {row.change} against this patient's lungs", INK, 1),
        (f"Change asked for 0–1, no probability: {row.phrases}", FAINT, 1),
        (row.sentence, FAINT, 1),
    ]
    return facts + ([(f"Comment: {row.comment}", INK, 2)] if row.comment else [])


def _study_words(
    session: ReviewSession, study: Study, page: _Page, done: StudyReview | None
) -> None:
    """What stands over a study's regions."""
    problem = study.problem or (done.problem if done else None)
    page.write(study.name, FAINT)
    if problem:
        page.write(problem, ALERT, "bold")
    elif done is None:
        page.write("Not looked at yet.")
    elif not session.current(study.id):
        page.write(
            "The scan or its report changed since it was looked at; look at it again.",
            ALERT,
            "bold",
        )
    for note in [*study.notes, *(done.report_notes if done else ())][:STUDY_LINES]:
        page.write(note, FAINT, most=2)
    if done is None:
        return
    if done.report:
        page.write(f"Report: {done.report}", most=5)
    for sentence in done.unseen()[:STUDY_LINES]:
        page.write(f"Reported, not seen: {sentence}", ALERT, most=2)
    if not problem and not done.regions:
        page.write("No region stood out.")


def _study_pages(
    session: ReviewSession, study: Study, decided: dict[str, Decision], state: str, first: int
) -> list[Figure]:
    """One page, and more when its regions need the room."""
    done = session.analysis(study.id)
    page = _Page(study.id, state, first)
    _study_words(session, study, page, done)
    pages = [page]
    readable = done is not None and not (study.problem or done.problem)
    for region in session.regions(study.id) if readable else []:
        if page.y - ROW < BOTTOM:
            page = _Page(f"{study.id} (continued)", state, first + len(pages))
            pages.append(page)
        made = decided.get(f"{study.id}/{region.number}")
        row = region_row(session, study.id, region, made)
        page.region(Path(row.picture), f"Region {row.number} · {row.place}", _region_facts(row))
    return [one.figure for one in pages]


def _first_page(session: ReviewSession, listed: Listed) -> Figure:
    page, counts = _Page(f"Review of {session.root.name}", "", 1), listed.progress
    page.write(NOTICE, ALERT, "bold")
    page.write(
        f"Studies: {counts['studies']}. Regions: {counts['regions']}, {counts['decided']} of "
        "them decided."
    )
    page.y -= LINE
    rows = listed.studies
    fits = int((page.y - BOTTOM) / (LINE * 1.4)) - 1
    for row in rows[:fits]:
        unreported = f", {row.unreported} not in the report" if row.unreported else ""
        several = "s" if row.regions > 1 else ""
        found = f" · {row.regions} region{several}{unreported}" if row.regions else ""
        page.write(f"{row.id}: {row.words}{found}", ALERT if row.unreported else INK, most=1)
    if len(rows) > fits:
        page.write(f"… and {len(rows) - fits} more; each has its page.", FAINT)
    return page.figure


def write_study_pdf(session: ReviewSession, study: Study) -> bytes:
    """The pages of one study alone, without the list of the others, as a PDF."""
    from matplotlib.backends.backend_pdf import PdfPages

    row = next(row for row in list_studies(session).studies if row.id == study.id)
    out = io.BytesIO()
    with PdfPages(
        out, metadata={"Title": "Review", "Subject": NOTICE, "Creator": "DGM-VLC"}
    ) as pdf:
        for figure in _study_pages(session, study, session.decisions(), row.words, 1):
            pdf.savefig(figure)
    return out.getvalue()


def write_pdf(session: ReviewSession, path: Path) -> None:
    """Write the session as one PDF, A4: a list of the studies, then each study on a page of its
    own.

    Args:
        path: a new file in a folder that is put in place when all is written.

    Raises:
        OSError: it cannot be written; the caller's folder is then dropped.
    """
    from matplotlib.backends.backend_pdf import PdfPages

    listed, decided = list_studies(session), session.decisions()
    words = {row.id: row.words for row in listed.studies}
    with PdfPages(
        path,
        metadata={
            "Title": f"Review of {session.root.name}",
            "Subject": NOTICE,
            "Creator": "DGM-VLC",
        },
    ) as pdf:
        pdf.savefig(_first_page(session, listed))
        count = 1
        for study in session.studies:
            for figure in _study_pages(session, study, decided, words[study.id], count + 1):
                pdf.savefig(figure)
                count += 1
