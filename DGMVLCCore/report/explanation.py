"""A result in words: what its statements say, what was asked, and what the checks found."""

from __future__ import annotations

from DGMVLCCore.editing.result import NOTICE, CounterfactualResult
from DGMVLCCore.language.prompts import difference_words
from DGMVLCCore.report.statements import Statement


def conclusion(result: CounterfactualResult, side: str | None) -> str:
    """A result in one sentence, as a colleague would say it: what was done, and whether it can be
    relied on.

    Args:
        side: lung of the region, "left", "right" or another word for neither.
    """
    plan, gates = result.plan, result.gates
    target = plan.target.strip().rstrip(".")
    named = plan.term if plan.finding is None else plan.finding.term  # the report's own word
    place = f" in the {side} lung" if side in ("left", "right") else ""
    if target.lower().startswith("no "):
        shown = f"This is the scan without the {named}{place}"
    else:
        shown = f"This is the scan with “{target}” in the place of the {named}{place}"
    if not gates:
        return f"{shown}; nothing had to be checked."
    if failed := [gate.name for gate in gates if not gate.passed]:
        count = f"{len(failed)} of {len(gates)} checks failed"
        return f"{shown}. Do not rely on it: {count} ({', '.join(failed)})."
    passed = "its one check" if len(gates) == 1 else f"all {len(gates)} checks"
    return f"{shown}; {passed} passed."


def _verdict(result: CounterfactualResult) -> str:
    """Which checks passed, with their numbers; a failed one in its own plain words."""
    if not result.gates:
        return "No check of the change was needed or made."
    said = [
        f"{gate.name} {gate.value:g} {gate.unit} (allowed {gate.limit})"
        + ("" if gate.passed else f": {gate.sentence.rstrip('.')}")
        for gate in sorted(result.gates, key=lambda gate: gate.passed)
    ]
    failed = sum(not gate.passed for gate in result.gates)
    start = (
        f"{failed} of {len(result.gates)} checks failed"
        if failed
        else f"All {len(result.gates)} checks passed"
    )
    return f"{start}: {'; '.join(said)}."


def _words(result: CounterfactualResult) -> str:
    """What the two sentences behind the pictures differ in."""
    changes = difference_words(result.plan.source, result.plan.target)
    said = [
        f"“{a}” became “{b}”" if a and b else f"“{a or b}” was {'left out' if a else 'added'}"
        for a, b in changes
    ]
    return f"Asked: “{result.plan.target}” instead of “{result.plan.source}”" + (
        f" ({'; '.join(said)})." if said else ", the same words."
    )


def explain(result: CounterfactualResult, side: str | None, statements: list[Statement]) -> str:
    """The conclusion; the statements and the words behind the edit; the checks; the notice: a line
    each. side: as `conclusion`."""
    said = " ".join(statement.text for statement in statements)
    notes = [_verdict(result), *filter(None, [result.settings.get("note")])]
    lines = [conclusion(result, side), f"{said} {_words(result)}", " ".join(notes), NOTICE]
    return "".join(f"{line}\n" for line in lines)
