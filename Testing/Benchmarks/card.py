"""Figures of a full report -> the marked part of the weights' model card.

python Testing/Benchmarks/card.py REPORT.json CARD.md
"""

from __future__ import annotations

import argparse
from pathlib import Path

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.evaluation import markdown as md
from DGMVLCCore.evaluation.report import FIDELITY, LIMITS, TEXTURE
from DGMVLCCore.evaluation.tables import Report
from DGMVLCCore.results.records import read_typed, write_text

BEGIN, END = (
    "<!-- evaluation: begin (dgmvlc evaluate; python Testing/Benchmarks/card.py) -->",
    "<!-- evaluation: end -->",
)


def card_section(report: Report) -> str:
    """The card's part on known truth, as Markdown."""
    tables, profile = report.tables, report.profile
    real = [
        text
        for group, found in tables["real"].items()
        for text in (f"Real lesions, {group}:\n", md.by_name(found))
    ]
    heads = md.table(
        ("figure", "value [95 % interval] n"),
        [
            (f"`{key}`", md.cell(found) + (f" ({found['method']})" if found.get("method") else ""))
            for key, found in report.headline.items()
        ],
    )
    aims = md.table(
        ("aim", "verdict"),
        [
            (aim["aim"], {True: "met", False: "missed", None: "not measured"}[aim["met"]])
            for aim in report.targets
        ],
    )
    exploratory = (
        "Intervals are exploratory: fewer than eight patients. " if report.exploratory else ""
    )
    names = [
        name
        for name, entry in tables["methods"].items()
        if entry["family"] in ("ours", "reference")
    ]
    return (
        "\n".join(
            [
                f"## Known truth (`dgmvlc evaluate --profile {profile['name']}`)\n",
                f"{report.cases} simulated lesions in {report.patients} held-out patients "
                f"(part “{report.part}”), native spacing, {profile['noises']} noises, "
                f"{profile['steps']} steps, seed {report.seed}; weights SHA-256 "
                f"`{report.weights['sha256'][:16]}…`. {exploratory}"
                "Best baselines are the best of those that are ranked.\n",
                heads,
                aims,
                "Methods, inside the edit mask:\n",
                md.methods(tables["methods"], (FIDELITY[0], FIDELITY[2], FIDELITY[4], *TEXTURE)),
                "MAE by kind, HU (lobulated nodules and telegraphic phrasings were never trained "
                "on):\n",
                md.groups(tables["by_kind"], names, "mae_hu", "kind"),
                *real,
                "\n".join(f"- {limit}" for limit in LIMITS),
            ]
        )
        + "\n"
    )


def update_card(report: Path, card: Path) -> None:
    """Replace the marked part of a model card.

    Raises:
        UnreadableError: no report of this schema. UnsuitableInputError: not a full report, or the
            card lacks the marks.
    """
    found = read_typed(report, Report)
    if found.profile["note"]:
        raise UnsuitableInputError(
            f"{report} is of the {found.profile['name']} profile, which does not show how "
            "good a model is; give a full report."
        )
    text = card.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise UnsuitableInputError(
            f"{card} lacks the marks of its evaluation part; it needs the lines {BEGIN} and {END}."
        )
    before, after = text[: text.index(BEGIN)], text[text.index(END) + len(END) :]
    write_text(f"{before}{BEGIN}\n{card_section(found)}{END}{after}", card)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", type=Path)
    parser.add_argument("card", type=Path)
    update_card(**vars(parser.parse_args()))
