"""A result in words: what its statements say, what was asked, and what the checks found."""

from __future__ import annotations

from DGMVLCCore.editing.result import NOTICE, CounterfactualResult
from DGMVLCCore.language.prompts import difference_words
from DGMVLCCore.report.statements import Statement


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


def explain(result: CounterfactualResult, statements: list[Statement]) -> str:
    """The statements and the words behind the edit, the checks, and the notice, a line each."""
    said = " ".join(statement.text for statement in statements)
    notes = [_verdict(result), *filter(None, [result.settings.get("note")])]
    return f"{said} {_words(result)}\n{' '.join(notes)}\n{NOTICE}\n"
