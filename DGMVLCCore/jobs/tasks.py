"""What a worker can do besides counterfactuals, by name: each task gets a warm session and a
request, and answers with a record."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from msgspec import Struct

from DGMVLCCore.errors import UsageError
from DGMVLCCore.jobs.requests import read_request
from DGMVLCCore.results.records import builtins_of

if TYPE_CHECKING:
    from DGMVLCCore.jobs.session import Session

Tell = Callable[[str, float], None]
Task = Callable[["Session", Any, Tell, Callable[[], bool]], Struct]
# name of a task -> its module, which is imported when it is first asked for, and its function,
# whose argument `request` says what it takes
TASKS: dict[str, tuple[str, str]] = {
    "compare": ("DGMVLCCore.jobs.compare", "compare"),
    "prepare": ("DGMVLCCore.jobs.prepare", "prepare"),
    "read-ahead": ("DGMVLCCore.jobs.attention", "read_ahead"),
    **{
        f"review-{name}": ("DGMVLCCore.jobs.review", f"review_{name}")
        for name in ("open", "study", "show", "decide", "export")
    },
    **{
        name.replace("_", "-"): ("DGMVLCCore.jobs.teach", name)
        for name in ("start_quiz", "answer_quiz", "next_quiz", "next_reading", "record_reading")
    },
}


def run_task(
    name: str, session: Session, request: Any, tell: Tell, should_cancel: Callable[[], bool]
) -> dict[str, object]:
    """Run the task `name`; returns its answer as JSON holds it.

    Args:
        request: the task's fields as JSON holds them. tell: gets (stage, share 0..1).

    Raises:
        UsageError: no such task, or a request that does not fit it.
    """
    if name not in TASKS:
        raise UsageError(
            f"The task {name[:40]!r} is not known; known are: {', '.join(sorted(TASKS))}."
        )
    module = import_module(TASKS[name][0])
    task: Task = getattr(module, TASKS[name][1])
    kind = getattr(module, task.__annotations__["request"])
    return builtins_of(task(session, read_request(request, kind), tell, should_cancel))
