"""What a worker can do besides counterfactuals, by name: each task gets a warm session and a request, and answers with plain JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from DGMVLCCore.counterfactual.session import Session
from DGMVLCCore.errors import UsageError

Task = Callable[[Session, dict[str, Any], Callable[[str, float], None], Callable[[], bool]], dict[str, Any]]
Tell = Callable[[str, float], None]


def _compare(session: Session, request: dict[str, Any], tell: Tell, should_cancel: Callable[[], bool]) -> dict[str, Any]:
    """Hypotheses of one region; the answer is the path of `comparison.json`."""
    from DGMVLCCore.counterfactual.session import read_request
    from DGMVLCCore.review.compare import CompareRequest, run_comparison

    wanted = read_request(request, CompareRequest, scene=False)
    path = run_comparison(wanted, tell, session.pipeline(wanted.weights), should_cancel=should_cancel, memory=session.memory)
    return {"record": str(path)}


TASKS: dict[str, Task] = {"compare": _compare}


def run_task(name: str, session: Session, request: Any, tell: Callable[[str, float], None], should_cancel: Callable[[], bool]) -> dict[str, Any]:
    """Run the task `name`.

    Args:
        request: the task's fields as JSON holds them. tell: gets (stage, share 0..1).

    Raises:
        UsageError: no such task, or a request that is no object.
    """
    if name not in TASKS:
        raise UsageError(f"The task {name[:40]!r} is not known; known are: {', '.join(sorted(TASKS)) or 'none'}.")
    if not isinstance(request, dict):
        raise UsageError(f"The request of the task {name} must be an object.")
    return TASKS[name](session, request, tell, should_cancel)
