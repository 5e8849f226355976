"""What a viewer asks the worker for while somebody learns or reads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct, structs

from DGMVLCCore.errors import Cancelled, UsageError
from DGMVLCCore.imaging.io import save_volume
from DGMVLCCore.jobs.requests import Name, Point
from DGMVLCCore.readers.build import Order, build_cases
from DGMVLCCore.readers.cases import CaseSet
from DGMVLCCore.readers.design import Wish
from DGMVLCCore.readers.query import parse_query, wish_in_words
from DGMVLCCore.readers.quiz import NOTHING, Quiz, Revealed, distance_mm
from DGMVLCCore.readers.readings import Reading, check_reading
from DGMVLCCore.readers.records import NOTICE
from DGMVLCCore.readers.study import AIDED, Study

if TYPE_CHECKING:
    from DGMVLCCore.jobs.session import Session

MOST_IN_VIEWER = 50
Tell = Callable[[str, float], None]
Cancel = Callable[[], bool]


class StartQuiz(Struct, frozen=True):
    """A folder of `cases` to go on with, or `out` and what cases to make into it."""

    cases: str = ""
    out: str = ""
    query: str = ""
    finding: str = ""
    subtlety: str = ""
    number: float = 5
    clear: float = 0
    seed: float = 0
    image: str = ""


class AnswerQuiz(Struct, frozen=True):
    """An answer to the current case; attention: also read where the network looks."""

    quiz: Path
    case: Name
    named: str = ""
    point: Point | None = None
    seconds: float | None = None
    attention: bool = False


class NextQuiz(Struct, frozen=True):
    """A quiz that is under way."""

    quiz: Path


class NextReading(Struct, frozen=True):
    """A reader of a study."""

    study: Path
    reader: Name


class RecordReading(NextReading, frozen=True, kw_only=True):
    """What a reader said of the case that was to be read next."""

    case: Name
    confidence: float | None = None
    point: Point | None = None
    seconds: float | None = None


class NextCase(Struct, frozen=True):
    """The case of a quiz that is to be read; number from 1."""

    case: str
    path: str
    number: int
    of: int


class Reviewed(Struct, frozen=True):
    """A case of a finished quiz in words."""

    case: str
    words: str
    right: bool


class QuizState(Struct, frozen=True, kw_only=True):
    """How far a quiz is: the next case and the score; at the end also the review."""

    next: NextCase | None
    score: dict[str, object]  # of `Quiz.score`
    review: list[Reviewed]


class QuizBegun(QuizState, frozen=True, kw_only=True):
    """A quiz that was begun or is gone on with, what was understood, and what may be answered."""

    quiz: str
    understood: str
    choices: list[str]


class AnswerShown(Revealed, frozen=True, kw_only=True):
    """An answered case with its key, and what follows; attention: a file."""

    next: NextCase | None
    score: dict[str, object]
    attention: str | None


class ToRead(Struct, frozen=True, kw_only=True):
    """A reading to be made, as `readings.Item`, and its files; aid: the counterfactual's."""

    reader: str
    session: int
    position: int
    case: str
    mode: str
    asked: str
    path: str
    aid: dict[str, str] | None


class ReadingState(Struct, frozen=True):
    """How many readings are left of how many, and the next."""

    left: int
    of: int
    next: ToRead | None


def _guard(tell: Tell, should_cancel: Cancel) -> Tell:
    def told(stage: str, share: float) -> None:
        if should_cancel():
            raise Cancelled("Cancelled; nothing was written.")
        tell(stage, share)

    return told


def _next(quiz: Quiz) -> NextCase | None:
    if not (name := quiz.current):
        return None
    number, of = len(quiz.record.answers) + 1, len(quiz.record.order)
    return NextCase(name, str(quiz.cases.path(name)), number, of)


def _where(quiz: Quiz) -> QuizState:
    following = _next(quiz)
    told = [] if following else quiz.review()
    review = [Reviewed(r.key.id, r.words, r.answer.found and r.answer.right_name) for r in told]
    return QuizState(next=following, score=quiz.score(), review=review)


def _order(request: StartQuiz) -> Order:
    query = request.query.strip()
    number = int(request.number)
    if query:
        wish, said = parse_query(query)
        number = said or number
    else:
        named, subtleties = filter(None, (request.finding,)), filter(None, (request.subtlety,))
        wish = Wish(tuple(named), subtleties=tuple(subtleties))
    if not 1 <= number <= MOST_IN_VIEWER:
        raise UsageError(
            f"Ask for 1 to {MOST_IN_VIEWER} cases in the viewer, not {number}; dgmvlc cases "
            "makes more."
        )
    return Order(
        wish,
        number,
        int(request.clear),
        int(request.seed),
        balanced=not wish.findings,
        scans=((Path(request.image), None),) if request.image else (),
    )


def start_quiz(
    session: Session, request: StartQuiz, tell: Tell, should_cancel: Cancel
) -> QuizBegun:
    """Make cases into `out`, or open the folder `cases`, and begin (or go on with) a quiz over
    them.

    Request: `cases` (folder; the quiz is kept in it and gone on with), or `out` with `query` or
    `finding`, `subtlety`, `number`, `clear`, `seed`, `image`.
    """
    folder, understood = request.cases, "the cases of the folder"
    if not folder:
        if not request.out:
            raise UsageError("The request needs the field cases or out.")
        folder, order = request.out, _order(request)
        build_cases(order, Path(folder), progress=_guard(tell, should_cancel))
        understood = wish_in_words(order.wish)
    path = Path(folder) / "quiz.json"
    quiz = Quiz.resume(path) if path.exists() else Quiz.start(folder, path, seed=int(request.seed))
    return QuizBegun(
        quiz=str(path),
        understood=understood,
        choices=[*quiz.cases.record.choices, NOTHING],
        **structs.asdict(_where(quiz)),
    )


def answer_quiz(
    session: Session, request: AnswerQuiz, tell: Tell, should_cancel: Cancel
) -> AnswerShown:
    """Answer the current case (`quiz`, `case`, `named`, `point`, `seconds`) and reveal it;
    `attention`: also read where the network looks."""
    quiz = Quiz.resume(request.quiz)
    case = request.case
    if all(a.case != case for a in quiz.record.answers):  # a second press reveals again
        quiz.answer(case, request.named, request.point, request.seconds)
    told, attention = quiz.reveal(case), None
    if request.attention and (term := told.key.term):
        attention = _attention(session, quiz.cases, case, term, _guard(tell, should_cancel))
    known = structs.asdict(told)
    return AnswerShown(**known, next=_next(quiz), score=quiz.score(), attention=attention)


def _attention(session: Session, cases: CaseSet, case: str, term: str, tell: Tell) -> str:
    """The reading pass of a case as a file beside its key; read once."""
    path = cases.folder / "keys" / f"{case}-attention.nrrd"
    if not path.exists():
        from DGMVLCCore.editing.reading import attention_map
        from DGMVLCCore.language.prompts import denial_prompt, present_prompt

        mask, anatomy = cases.mask(case), cases.anatomy(case)
        rows = mask.any((1, 2)).nonzero()[0]
        found = attention_map(
            session.pipeline(),
            cases.volume(case),
            anatomy,
            term,
            present_prompt(term),
            denial_prompt(term),
            slices=(int(rows[0]), int(rows[-1]) + 1),
            callback=tell,
        )
        save_volume(
            cases.volume(case).with_array(found.values, stored_dtype="float32"),
            path,
            {
                "DGMVLC_Unit": "attention 0..1",
                "DGMVLC_Finding": term,
                "DGMVLC_Notice": NOTICE,
            },
        )
    return str(path)


def next_quiz(session: Session, request: NextQuiz, tell: Tell, should_cancel: Cancel) -> QuizState:
    """The next case of `quiz`; at its end `next` is null and the review is there."""
    return _where(Quiz.resume(request.quiz))


def next_reading(
    session: Session, request: NextReading, tell: Tell, should_cancel: Cancel
) -> ReadingState:
    """What `reader` of `study` reads next; null when all is read."""
    study, reader = Study.read(request.study), request.reader
    item, of = study.next_item(reader), len(study.of(reader))
    left = of - len(study.readings(reader))
    if item is None:
        return ReadingState(left, of, None)
    entry, aid = study.cases.case(item.case), None
    if item.mode == AIDED:
        files = {"counterfactual": entry.counterfactual, "difference": entry.difference}
        aid = {what: str(study.cases.folder / str(name)) for what, name in files.items()}
    path = str(study.cases.path(item.case))
    return ReadingState(left, of, ToRead(**vars(item), path=path, aid=aid))


def record_reading(
    session: Session, request: RecordReading, tell: Tell, should_cancel: Cancel
) -> ReadingState:
    """Save a reading (`study`, `reader`, `case`, `confidence`, `point`, `seconds`) of what was to
    be read next, and say what follows."""
    study, reader = Study.read(request.study), request.reader
    item, confidence = study.next_item(reader), request.confidence
    if item is None or item.case != request.case or confidence is None:
        raise UsageError(
            f"The next reading of {reader} is {item.case if item else 'none'}; it needs a "
            "confidence."
        )
    point = request.point
    if point is not None:
        volume = study.cases.volume(item.case)
        distance_mm(volume.array > 1e9, volume, point)  # refuses a mark outside the scan
    study.add(
        reader,
        [
            check_reading(
                Reading(item, confidence, point, request.seconds, datetime.now()),
                item.case,
            )
        ],
    )
    return next_reading(session, request, tell, should_cancel)
