"""What a worker can do besides counterfactuals, by name: each task gets a warm session and a
request, and answers with plain JSON."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from DGMVLCCore.errors import UsageError

if TYPE_CHECKING:
    from DGMVLCCore.jobs.session import Session

Tell = Callable[[str, float], None]
Task = Callable[["Session", dict[str, Any], Tell, Callable[[], bool]], dict[str, Any]]
# name of a task -> the room's module and its function; a room is imported when it is first asked
# for
TASKS: dict[str, tuple[str, str]] = {
    **{
        name.replace("_", "-"): ("DGMVLCCore.jobs.review", name)
        for name in (
            "compare",
            "review_open",
            "review_study",
            "review_show",
            "review_decide",
            "review_export",
        )
    },
    **{
        name.replace("_", "-"): ("DGMVLCCore.jobs.teach", name)
        for name in ("start_quiz", "answer_quiz", "next_quiz", "next_reading", "record_reading")
    },
}


def run_task(
    name: str, session: Session, request: Any, tell: Tell, should_cancel: Callable[[], bool]
) -> dict[str, Any]:
    """Run the task `name`.

    Args:
        request: the task's fields as JSON holds them. tell: gets (stage, share 0..1).

    Raises:
        UsageError: no such task, or a request that is no object.
    """
    if name not in TASKS:
        raise UsageError(
            f"The task {name[:40]!r} is not known; known are: {', '.join(sorted(TASKS))}."
        )
    if not isinstance(request, dict):
        raise UsageError(f"The request of the task {name} must be an object.")
    module, function = TASKS[name]
    task: Task = getattr(import_module(module), function)
    return task(session, request, tell, should_cancel)
