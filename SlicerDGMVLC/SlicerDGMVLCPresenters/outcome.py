"""A result in words, from its `result.json`: what was changed, and what the checks found."""

from __future__ import annotations

from typing import Any


def result_title(manifest: dict[str, Any]) -> str:
    """What was changed, e.g. “nodule → No nodule”."""
    plan = manifest["plan"]
    return f"{plan['term']} → {plan['target'].rstrip('.')}"


def result_passed(manifest: dict[str, Any]) -> bool:
    """Whether every check passed."""
    return all(gate["passed"] for gate in manifest["gates"])


def check_rows(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    """The checks: {name, passed, sentence, words}."""
    return [
        {
            "name": gate["name"],
            "passed": bool(gate["passed"]),
            "sentence": gate["sentence"],
            "words": f"{gate['value']:g} {gate['unit']} (allowed {gate['limit']})",
        }
        for gate in manifest["gates"]
    ]


def checks_words(manifest: dict[str, Any]) -> str:
    """The checks in a few words, as a list of runs shows them."""
    failed = [str(gate["name"]) for gate in manifest["gates"] if not gate["passed"]]
    if failed:
        return f"failed: {', '.join(failed)}"
    return f"{len(manifest['gates'])} passed" if manifest["gates"] else "none"
