"""What a viewer asks a worker for in a review."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from DGMVLCCore.counterfactual.session import Session, request_from_json
from DGMVLCCore.review.compare import CompareRequest, run_comparison


def compare(session: Session, request: dict[str, Any], tell: Callable[[str, float], None], should_cancel: Callable[[], bool]) -> dict[str, Any]:
    """Hypotheses of one region; the answer is the path of `comparison.json`."""
    wanted = request_from_json(request, CompareRequest, scene=False)
    path = run_comparison(wanted, tell, session.pipeline(wanted.weights), should_cancel=should_cancel, memory=session.memory)
    return {"record": str(path)}
