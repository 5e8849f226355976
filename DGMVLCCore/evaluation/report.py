"""report.json -> report.md: what a sceptical radiologist and a sceptical reviewer look for, in
their order."""

from __future__ import annotations

from DGMVLCCore.editing.result import NOTICE
from DGMVLCCore.evaluation import markdown as md
from DGMVLCCore.evaluation.tables import Figures, Report
from DGMVLCCore.evaluation.trial import MEAN, PHRASED, SINGLE, SUBMITTED

FIDELITY = (
    ("mae_hu", "MAE, HU"),
    ("psnr_db", "PSNR, dB"),
    ("ssim", "SSIM"),
    ("changed_share", "changed > 20 HU"),
    ("flip_rate", "flip rate"),
    ("ms_ssim", "MS-SSIM"),
)
TEXTURE = (
    ("sd_ratio", "fine SD / true"),
    ("gradient_w1", "gradient W1, HU/px"),
    ("log_spectral_db", "log-spectral, dB"),
    ("texture_error", "texture error"),
)
REALISM = (
    ("frd", "FRD"),
    ("kid", "KID"),
    ("fid", "FID, own features"),
    ("fid_inception", "FID, Inception"),
    ("hu_w1", "HU histogram W1, HU"),
    ("rim", "rim within range"),
)
LIMITS = (
    "Simulated lesions share a generator between training and test; results on the kind and the "
    "phrasing never trained on stand apart for that reason.",
    "Known truth on simulated lesions does not establish clinical validity; nobody knows what a "
    "real patient's lung would look like without the lesion.",
    "Intervals resample patients; with fewer than eight patients they are exploratory and too "
    "narrow to rely on.",
    "The probe was trained on simulated lesions of training patients, so it shares the "
    "simulation's blind spots; it never guides an edit.",
    "The dual encoder that measures text alignment also guards edits in use, so that axis is no "
    "independent judgement.",
    "A mean over noises has the lowest MAE and no texture; a single noise has texture and a "
    "higher MAE. Both are reported, and neither stands for the other.",
    "One certified normal patient is in the data; “clear” lung elsewhere means sub-volumes "
    "without labelled disease.",
)


def _section(title: str, *parts: str) -> str:
    return "\n".join([f"## {title}\n", *(part.rstrip() + "\n" for part in parts if part)])


def _intro(report: Report) -> str:
    split, profile = report.split, report.profile
    who = (
        f"{report.patients} patient{'s' if report.patients != 1 else ''} "
        f"({', '.join(report.patient_names)})"
    )
    lines = [f"# Evaluation, {profile['name']} profile\n", f"**{NOTICE}**\n"]
    if profile["note"]:
        lines.append(f"> **{profile['note']}**\n")
    if report.exploratory:
        lines.append("> Fewer than eight patients: every interval over patients is exploratory.\n")
    lines.append(
        f"{report.cases} cases with known truth in {who}, part “{report.part}” of the "
        f"frozen split (version {split['version']}, "
        f"SHA-256 `{split['sha256'][:16]}…`, {split['verified_files']} data files verified). "
        f"Weights `{report.weights['name']}` "
        f"(SHA-256 `{report.weights['sha256'][:16]}…`). Seed {report.seed}; "
        f"{profile['noises']} noises, {profile['steps']} steps.\n"
    )
    return "\n".join(lines)


def _headline(report: Report) -> str:
    lines = [
        (f"`{key}`", md.cell(found) + (f" ({found['method']})" if found.get("method") else ""))
        for key, found in report.headline.items()
    ]
    aims = [
        (
            aim["aim"],
            "–" if aim["value"] is None else f"{aim['value']:.4g}",
            {True: "met", False: "missed", None: "not measured"}[aim["met"]],
        )
        for aim in report.targets
    ]
    return _section(
        "Headline",
        md.table(("figure", "value [95 % interval] n"), lines),
        md.table(("aim", "value", "verdict"), aims),
    )


def _compared(report: Report) -> list[str]:
    """Columns of the tables by group: the method under test, the reference points and the best of
    each family."""
    table, heads = report.tables["methods"], report.headline
    wanted = [
        SINGLE,
        MEAN,
        SUBMITTED,
        heads["mae_hu_best_classical"].get("method"),
        heads["mae_hu_best_generative"].get("method"),
        "lesion left in place",
    ]
    return [name for name in dict.fromkeys(wanted) if name in table]


def _truth(report: Report) -> str:
    tables, names = report.tables, _compared(report)
    pairs = [
        (f"{pair['first']} − {pair['second']}", pair["score"], md.cell(pair["figure"]))
        for pair in tables["pairs"]
    ]
    return _section(
        "True counterfactual",
        "Inside the edit mask, against the untouched scan. Ranked: the probe must see the lesion "
        "go in at least half of the cases, "
        "and the method must do every case.",
        md.methods(tables["methods"], FIDELITY),
        "Differences on the same cases (below 0: the first is better):",
        md.table(("pair", "score", "mean difference"), pairs),
        "MAE by kind, size and contrast, HU:",
        md.groups(tables["by_kind"], names, "mae_hu", "kind"),
        md.groups(tables["by_size"], names, "mae_hu", "size"),
        md.groups(tables["by_contrast"], names, "mae_hu", "contrast"),
        "SSIM by kind:",
        md.groups(tables["by_kind"], names, "ssim", "kind"),
    )


def _apart(report: Report) -> str:
    tables = report.tables
    phrased = {
        name: entry for name, entry in tables["methods"].items() if name in (SINGLE, PHRASED)
    }
    strange = (
        md.methods(tables["held_out_kind"], FIDELITY[:3])
        if tables["held_out_kind"]
        else "No case of it in this run.\n"
    )
    parts = [
        "Kind never trained on (lobulated nodules):",
        strange,
        "Kinds trained on:",
        md.methods(tables["taught_kinds"], FIDELITY[:3]),
    ]
    if len(phrased) == 2:
        parts += [
            "Phrasing never trained on (telegraphic), the same cases and noise:",
            md.methods(phrased, (*FIDELITY[:3], TEXTURE[-1])),
        ]
    return _section("Never trained on", *parts)


def _appearance(report: Report) -> str:
    tables = report.tables
    return _section(
        "Texture and realism",
        "Texture error = (|ln SD ratio| + gradient W1 / the true scan's mean gradient) / 2; 0 is "
        "the truth. Log-spectral distance "
        "needs a native 32×32 patch inside the mask.",
        md.methods(tables["methods"], TEXTURE),
        tables["realism_note"],
        md.methods(tables["methods"], REALISM),
    )


def _own(report: Report) -> str:
    tables = report.tables
    parts = [md.by_name(tables["own"])] if tables["own"] else ["Not asked of a submission.\n"]
    return _section(
        "Presence check, gates, words, along z, reversibility",
        *parts,
        "Calibration of the uncertainty map:",
        md.by_name(tables["calibration"]) if tables["calibration"] else "Not measured.\n",
    )


def _localisation(report: Report) -> str:
    parts = [
        "The lungs as mask, sentences without side or zone. X-ray anchors for comparison: CNR "
        "1.33, mIoU 0.24."
    ]
    for group, found in report.tables["localisation"].items():
        lines = [
            (name, *(md.cell(scores[key]) for key in ("pointing", "cnr", "iou", "hit")))
            for name, scores in found.items()
        ]
        parts += [
            f"Lesions: {group}",
            md.table(
                ("map", "pointing game", "signed CNR", "IoU (mean over 0.1–0.5)", "hit"), lines
            )
            if lines
            else "No map.\n",
        ]
    parts += [
        "With random weights (the map must change):",
        md.by_name(report.tables["randomised"]) if report.tables["randomised"] else "Not run.\n",
    ]
    return _section("Localisation", *parts)


def _plain(found: Figures, title: str, lead: str) -> str:
    return _section(title, lead, md.by_name(found) if found else "Not run in this profile.\n")


def _real(report: Report) -> str:
    parts = ["No truth is known for real lesions; nothing here is mixed with the simulated ones."]
    for group, found in report.tables["real"].items():
        parts += [f"{group[0].upper()}{group[1:]}:", md.by_name(found)]
    return _section("Real lesions", *parts)


def _ablations(report: Report) -> str:
    found = report.tables["ablations"]
    if not found:
        return _section("Ablations", "Not run in this profile.\n")
    scores = list(dict.fromkeys(key for entry in found.values() for key in entry))
    return _section(
        "Ablations",
        "Switched off in the trained network, not retrained without.",
        md.table(
            ("setting", *scores),
            [
                (name, *(md.cell(entry.get(score)) for score in scores))
                for name, entry in found.items()
            ],
        ),
    )


def markdown_report(report: Report, pictures: list[str]) -> str:
    """The whole report as Markdown; `pictures` are file names beside it."""
    shown = "\n".join(f"![{name.rsplit('.', 1)[0].replace('-', ' ')}]({name})" for name in pictures)
    safety = _plain(
        report.tables["safety"],
        "Safety: edits asked of clean regions",
        "No finding is there; the edit should change nothing that matters.",
    )
    reader = _plain(
        report.tables["reader"],
        "Reader proxy",
        "Channelised Hotelling observer; present and absent cases share masks and sentences.",
    )
    parts = [
        _intro(report),
        _headline(report),
        _section("Pictures", shown) if pictures else "",
        _truth(report),
        _apart(report),
        _appearance(report),
        _own(report),
        _localisation(report),
        safety,
        reader,
        _real(report),
        _ablations(report),
        _section("Limits", "\n".join(f"- {limit}" for limit in LIMITS)),
    ]
    return "\n".join(part for part in parts if part)
