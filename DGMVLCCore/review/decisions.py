"""A review session: a folder with the worklist, what was found in each study, and the reader's
decisions, saved whole at every step."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from DGMVLCCore.errors import OutputError, UnreadableError, UsageError
from DGMVLCCore.ground.whole import clean_folder
from DGMVLCCore.language.report_files import ReportText, read_report
from DGMVLCCore.results.folders import replaced_folder
from DGMVLCCore.review.decision_log import DecisionLog, now
from DGMVLCCore.review.files import (
    ANALYSIS,
    DECISIONS,
    DELETE_IT,
    LOOK_AGAIN,
    NOTICE,
    PUT_BACK,
    WORKLIST,
    check_paths,
    keep_report,
    read_session_file,
    with_given_report,
    with_report,
    with_series_chosen,
    write_json,
)
from DGMVLCCore.review.records import (
    Decision,
    DecisionMade,
    Decisions,
    RegionFact,
    StudyReview,
    Worklist,
)
from DGMVLCCore.review.worklist import Study, choose_series, find_studies, hashed

logger = logging.getLogger(__name__)

VERDICTS = ("accepted", "rejected")
LONGEST_COMMENT = 2000


def check_new_session(folder: Path) -> None:
    """Refuse a folder in which no session can begin.

    Raises:
        OutputError: it holds something.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise OutputError(
            f"{folder} exists already and is not empty; continue that session with --resume, "
            "or choose another folder."
        )


def _same(study: Study) -> str:
    """What a study is known again by: its name, its kind and what its first series is called."""
    named = study.kind == "dicom" and study.series
    return study.name + study.kind + (study.series[0].description if named else "")


class ReviewSession:
    """The worklist, the analyses and the decisions in one folder.

    Args:
        folder: the session. root: the folder of studies. studies: the worklist.
    """

    def __init__(
        self, folder: Path, root: Path, studies: list[Study], states: dict[str, str] | None = None
    ) -> None:
        self.folder, self.root, self.studies = folder, root, studies
        self.states = states or {}
        self._read: dict[str, tuple[float, StudyReview]] = {}
        self.log = DecisionLog(folder)

    # beginning ------------------------------------------------------------------

    @classmethod
    def create(
        cls,
        root: Path,
        folder: Path,
        *,
        report: Path | None = None,
        series: dict[str, int] | None = None,
    ) -> ReviewSession:
        """A new session of all studies in `root`.

        Args:
            report: file with the report of the only study. series: study id -> number of the
                series to read, from 1.

        Raises:
            OutputError: the session folder exists already, or cannot be written. UnreadableError,
                UsageError: as `find_studies`.
        """
        root, folder = Path(root).absolute(), Path(folder).absolute()
        check_new_session(folder)
        studies = with_report(find_studies(root), report, root)
        studies = with_series_chosen(studies, series or {}, root)
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with replaced_folder(folder, "choose another place", replace=False) as fresh:
                (fresh / "studies").mkdir()
                session = cls(fresh, root, keep_report(report, studies, fresh, folder))
                session.save()
                session.log.begin({})
                session._summarise()
        except OSError as error:
            raise OutputError(
                f"The session folder {folder} could not be made ({error.strerror or error}); "
                "choose another place."
            ) from error
        return cls(folder, root, session.studies)

    @classmethod
    def open(
        cls, folder: Path, *, refresh: bool = False, series: dict[str, int] | None = None
    ) -> ReviewSession:
        """A session that is there already.

        Args:
            refresh: look at the folder of studies again: changed, missing and new studies are
                marked; decisions stay.

        Raises:
            UnreadableError: it is no session.
        """
        folder = Path(folder).absolute()
        if not (folder / WORKLIST).is_file():
            raise UnreadableError(
                f"{folder} is no review session (it has no {WORKLIST}); start one with dgmvlc "
                "review FOLDER -o SESSION."
            )
        listed = read_session_file(folder / WORKLIST, Worklist, PUT_BACK)
        if len({study.id for study in listed.studies}) != len(listed.studies):
            raise UnreadableError(f"{folder / WORKLIST} names a study twice; {PUT_BACK}.")
        studies = with_given_report(folder, listed.studies)
        session = cls(folder, Path(listed.folder), studies, {**listed.states})
        check_paths(folder, session.root, studies)
        for place in (folder, folder / "studies", session.log.place):
            clean_folder(place)
        if refresh:
            session.refresh()
        if series:
            session.studies = with_series_chosen(session.studies, series, session.root)
            session.save()
        return session

    def save(self) -> None:
        """Write the worklist."""
        write_json(
            self.folder / WORKLIST,
            Worklist(
                kind="review worklist",
                notice=NOTICE,
                folder=str(self.root),
                saved=now(),
                states=self.states,
                studies=self.studies,
            ),
        )

    def refresh(self) -> None:
        """Compare the worklist with the folder of studies: "changed", "missing" and "new" studies
        are marked; nothing decided is lost."""
        try:
            now = {_same(study): study for study in find_studies(self.root)}
        except UnreadableError:
            now = {}
        merged: list[Study] = []
        for study in self.studies:
            found = now.pop(_same(study), None)
            if found is None:
                self.states[study.id] = "missing"
                merged.append(study)
                continue
            found = self._as_before(study, found)
            self.states[study.id] = (
                "changed"
                if found.sha256 != study.sha256
                else self.states.get(study.id, "").replace("missing", "")
            )
            merged.append(found)
        used = {study.id for study in merged}
        for study in now.values():
            identifier = next(
                name
                for name in (study.id, *(f"{study.id}-{n}" for n in range(2, len(used) + 3)))
                if name not in used
            )
            used.add(identifier)
            merged.append(replace(study, id=identifier))
            self.states[identifier] = "new"
        self.studies = merged
        self.save()

    def _as_before(self, study: Study, found: Study) -> Study:
        """The study as it is now, under its id, with the report and the series that were chosen."""
        found = replace(found, id=study.id)
        if study.report and Path(study.report).is_absolute():
            found = hashed(replace(found, report=study.report, notes=study.notes), self.root)
        if (
            study.chosen is not None
            and study.chosen != found.chosen
            and study.chosen < len(found.series)
        ):
            found = choose_series(found, study.chosen + 1, self.root)
        return found

    # reading --------------------------------------------------------------------

    def study(self, identifier: str) -> Study:
        """A study by its id.

        Raises:
            UsageError: there is none.
        """
        for study in self.studies:
            if study.id == identifier:
                return study
        raise UsageError(
            f"The session has no study {identifier!r}; it has "
            f"{', '.join(study.id for study in self.studies)}."
        )

    def place(self, identifier: str) -> Path:
        """Folder of a study's analysis."""
        return self.folder / "studies" / self.study(identifier).id

    def analysis(self, identifier: str) -> StudyReview | None:
        """What was found in a study, None when it was not looked at yet; it may be of an earlier
        version of the scan (`current`)."""
        path = self.place(identifier) / ANALYSIS
        if not path.is_file():
            return None
        stamp = path.stat().st_mtime
        if identifier not in self._read or self._read[identifier][0] != stamp:
            self._read[identifier] = (
                stamp,
                read_session_file(path, StudyReview, LOOK_AGAIN),
            )
        return self._read[identifier][1]

    def regions(self, identifier: str) -> list[RegionFact]:
        """What was found in a study; nothing while it was not looked at."""
        done = self.analysis(identifier)
        return done.regions if done else []

    def current(self, identifier: str) -> bool:
        """True when a study's analysis belongs to the scan and report as the worklist knows
        them."""
        done = self.analysis(identifier)
        return done is not None and done.sha256 == self.study(identifier).sha256

    def report(self, study: Study) -> ReportText | None:
        """The report beside a scan, None without one.

        Raises:
            UnreadableError, UnsuitableInputError: as `read_report`.
        """
        return None if study.report is None else read_report(self.root / study.report)

    def state(self, identifier: str) -> str:
        """One word on a study: "unsuitable", "missing", "changed", "waiting", "failed", "open" or
        "done" (every region decided)."""
        study, mark = self.study(identifier), self.states.get(identifier, "")
        if mark == "missing" or study.problem:
            return "missing" if mark == "missing" else "unsuitable"
        done = self.analysis(identifier)
        if done is None or not self.current(identifier):
            return "changed" if done is not None else "waiting"
        if done.problem:
            return "failed"
        decided = self.decisions()
        return (
            "done"
            if all(
                self.valid(decided.get(f"{identifier}/{region.number}"), identifier)
                for region in done.regions
            )
            else "open"
        )

    # deciding -------------------------------------------------------------------

    def decisions(self) -> dict[str, Decision]:
        """Region id ("STUDY/NUMBER") -> what holds, as saved by anybody."""
        return self.log.replay({}) if self.log.place.is_dir() else self._summary()

    def history(self) -> list[DecisionMade]:
        """Every decision in order, with who made it and when."""
        return self.log.history()

    def _summary(self) -> dict[str, Decision]:
        """The decisions that `decisions.json` holds.

        Raises:
            UnreadableError: it is damaged.
        """
        if not (self.folder / DECISIONS).exists() and self.log.place.is_dir():
            return {}
        return read_session_file(self.folder / DECISIONS, Decisions, DELETE_IT).decisions

    def _summarise(self) -> dict[str, Decision]:
        """Write what holds now as `decisions.json`, for whoever reads the session without this
        program; returns it."""
        with self.log.alone():
            made = self.log.replay({})
            try:
                write_json(self.folder / DECISIONS, Decisions(decisions=made))
            except OutputError as error:  # the decisions themselves are saved
                logger.warning("%s", error)
        return made

    def valid(self, decision: Decision | None, identifier: str) -> bool:
        """True for a verdict on the scan as it is analysed now."""
        done = self.analysis(identifier)
        return bool(decision and decision.verdict and done and decision.sha256 == done.sha256)

    def region(self, region_id: str) -> tuple[Study, RegionFact]:
        """A study and one of its regions by the region's id.

        Raises:
            UsageError: there is none of that id.
        """
        identifier, _, number = region_id.rpartition("/")
        study = self.study(identifier) if identifier else None
        regions = self.regions(identifier) if study else []
        region = next((one for one in regions if str(one.number) == number), None)
        if study is None or region is None:
            raise UsageError(
                f"The session has no region {region_id!r}; regions are named STUDY/NUMBER, for "
                "example "
                f"{next(iter(self.region_ids()), 'scan-1/1')}."
            )
        return study, region

    def region_ids(self) -> Iterable[str]:
        """Ids of all regions of all studies looked at."""
        for study in self.studies:
            for region in self.regions(study.id):
                yield f"{study.id}/{region.number}"

    def decide(
        self, region_id: str, verdict: str | None = None, comment: str | None = None
    ) -> Decision:
        """Save a verdict ("accepted", "rejected" or "" to take it back) or a comment; what is None
        stays as it is.

        Raises:
            UsageError: no such region, verdict, or a comment that is too long. OutputError: it
                cannot be saved; nothing changes then.
        """
        study, _ = self.region(region_id)
        if verdict is not None and verdict not in (*VERDICTS, ""):
            raise UsageError(f"A region is {' or '.join(VERDICTS)}, not {verdict[:40]!r}.")
        if comment is not None and len(comment) > LONGEST_COMMENT:
            raise UsageError(
                f"The comment has {len(comment)} characters, at most {LONGEST_COMMENT} are kept."
            )
        done, earlier = self.analysis(study.id), self._summary()
        try:
            self.log.begin(earlier)
        except OSError as error:
            raise OutputError(
                f"The decision could not be saved in {self.folder} ({error.strerror or error}); "
                "check permission and free space."
            ) from error
        said = comment.strip() if comment is not None else None
        self.log.add(region_id, done.sha256 if done else None, verdict, said)
        return self._summarise()[region_id]

    def progress(self) -> dict[str, int]:
        """Counts of studies by state, and of regions decided and in all."""
        decided = self.decisions()
        counts = {"studies": len(self.studies), "regions": 0, "decided": 0}
        for study in self.studies:
            counts[self.state(study.id)] = counts.get(self.state(study.id), 0) + 1
            for region in self.regions(study.id):
                counts["regions"] += 1
                counts["decided"] += self.valid(
                    decided.get(f"{study.id}/{region.number}"), study.id
                )
        return counts
