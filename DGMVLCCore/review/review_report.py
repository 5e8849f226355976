"""What leaves a review session: a table (CSV), a page to read (HTML, pictures inside) and to print
(PDF), and the accepted regions as segmentations."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from DGMVLCCore.errors import OutputError, UnsuitableInputError, UsageError
from DGMVLCCore.results.csv_table import csv_text
from DGMVLCCore.results.folders import replaced_folder
from DGMVLCCore.review.decisions import ReviewSession
from DGMVLCCore.review.files import NOTICE
from DGMVLCCore.review.review_pdf import write_pdf
from DGMVLCCore.review.worklist import Study
from DGMVLCCore.whole import bring_back

COLUMNS = (
    "study",
    "region",
    "state",
    "check",
    "verdict",
    "comment",
    "decided",
    "side",
    "zone",
    "diameter_mm",
    "volume_ml",
    "change_hu",
    "change_low_hu",
    "change_high_hu",
    "mean_hu",
    "slice",
    "centre_x_mm",
    "centre_y_mm",
    "centre_z_mm",
    "score",
    "first_phrase",
    "first_agreement",
    "sentence",
    "series",
    "scan_sha256",
)
STATUS = {
    "not mentioned": "seen, not reported",
    "denied": "seen, and the report says there is none",
    "reported": "seen and reported",
    "no report": "seen, no report",
    "not seen": "reported, not seen",
    "not looked for": "reported, not looked for",
}
STYLE = """body{font:15px/1.5 system-ui,sans-serif;color:#1b2329;max-width:60rem;margin:2rem auto;
padding:0 1rem}h1{font-size:1.5rem}h2{font-size:1.2rem;
border-top:2px solid #c9d3da;padding-top:1rem;margin-top:2rem}
.notice{border:1px solid #b98a1c;background:#fdf6e3;padding:.5rem .8rem;border-radius:4px}
table{border-collapse:collapse;width:100%}
td,th{text-align:left;padding:.25rem .6rem;border-bottom:1px solid #dde5ea;
vertical-align:top}
.region{display:grid;grid-template-columns:minmax(0,26rem) 1fr;gap:1rem;margin:1rem 0;
break-inside:avoid}.region img{width:100%;border-radius:4px}
.tag{display:inline-block;border-radius:9px;padding:0 .6rem;background:#e6edf1;
font-size:.85rem;margin-right:.4rem}.tag-alert{background:#f7dfd2}
.accepted{background:#d9efdf}.rejected{background:#eee}
.faint{color:#5d6c76;font-size:.87rem}
blockquote{margin:.4rem 0;padding-left:.8rem;border-left:3px solid #c9d3da;
white-space:pre-wrap}@media print{body{margin:0;max-width:none}}"""


def rows(session: ReviewSession) -> Iterator[dict[str, Any]]:
    """A row a region, and a row for each study without one and for each reported finding that was
    not seen."""
    decided = session.decisions()
    for study in session.studies:
        done, state = session.analysis(study.id), session.state(study.id)
        base = {
            "study": study.id,
            "state": state,
            "scan_sha256": study.sha256,
            "series": (done or {}).get("series") or "",
        }
        if done is None or done.get("problem") or study.problem:
            yield {
                **base,
                "sentence": study.problem or (done or {}).get("problem") or "Not looked at yet.",
            }
            continue
        for region in done["regions"]:
            yield {
                **base,
                **_region_row(
                    region, decided.get(f"{study.id}/{region['number']}"), session, study
                ),
            }
        for fact in done["report_check"]:
            if fact["status"] in ("not seen", "not looked for"):
                yield {**base, "check": STATUS[fact["status"]], "sentence": fact["sentence"]}
        if not done["regions"] and not done["report_check"]:
            yield {**base, "sentence": "No region stood out."}


def _region_row(
    region: dict[str, Any], decision: dict[str, Any] | None, session: ReviewSession, study: Study
) -> dict[str, Any]:
    place, made = region["location"], decision or {}
    stale = bool(made) and not session.valid(decision, study.id) and bool(made.get("verdict"))
    x, y, z = place["centre_mm"]
    best = next(
        (p for p in region["phrases"] if p["term"] != "clear lung"), {"term": "", "agreement": ""}
    )
    return {
        "region": region["number"],
        "check": STATUS[region["check"]["status"]],
        "verdict": made.get("verdict", "") + (" (earlier scan)" if stale else ""),
        "comment": made.get("comment", ""),
        "decided": made.get("when", ""),
        "side": place["side"] or "",
        "zone": place["zone"] or "",
        "diameter_mm": round(place["diameter_mm"], 1),
        "volume_ml": round(place["volume_ml"], 2),
        "change_hu": region["change_hu"],
        "change_low_hu": _or_empty(region["change_low_hu"]),
        "change_high_hu": _or_empty(region["change_high_hu"]),
        "mean_hu": region["mean_hu"],
        "slice": region["slice"] + 1,
        "centre_x_mm": round(x, 1),
        "centre_y_mm": round(y, 1),
        "centre_z_mm": round(z, 1),
        "score": region["score"],
        "first_phrase": best["term"],
        "first_agreement": best["agreement"],
        "sentence": region["check"]["sentence"],
    }


def _or_empty(value: Any) -> Any:
    return "" if value is None else value


def table(session: ReviewSession) -> str:
    """The session as CSV, comma-separated with a header row."""
    return csv_text(COLUMNS, rows(session))


def change_words(region: dict[str, Any]) -> str:
    """“+612 HU (95 % +540 to +700, 214 places of this patient's lungs)”."""
    if region["change_low_hu"] is None:
        return (
            f"{region['change_hu']:+.0f} HU against this patient's lungs (no place of this shape "
            "to "
            "compare with)"
        )
    return (
        f"{region['change_hu']:+.0f} HU (95 % {region['change_low_hu']:+.0f} to "
        f"{region['change_high_hu']:+.0f}, "
        f"against {region['places']} places of the same shape in this patient's lungs)"
    )


def _region_html(
    session: ReviewSession, study: Study, region: dict[str, Any], decision: dict[str, Any] | None
) -> str:
    say, check, place = html.escape, region["check"]["status"], region["location"]
    try:
        picture = base64.b64encode(
            (session.place(study.id) / region["picture"]).read_bytes()
        ).decode("ascii")
        shown = f'<img alt="Region {region["number"]}" src="data:image/png;base64,{picture}">'
    except OSError:
        shown = '<span class="faint">The picture is missing.</span>'
    made = decision or {}
    valid = session.valid(decision, study.id)
    verdict = (made.get("verdict") or "not decided") + (
        "" if valid or not made.get("verdict") else " (on an earlier version of the scan)"
    )
    tag = "tag-alert" if check in ("not mentioned", "denied") else ""
    phrases = ", ".join(f"{p['term']} {p['agreement']:.2f}" for p in region["phrases"])
    comment = f"<blockquote>{say(made['comment'])}</blockquote>" if made.get("comment") else ""
    return (
        f'<div class="region"><div>{shown}</div><div><b>Region {region["number"]}</b> '
        f"{say(region['place'])}<br>"
        f'<span class="tag {tag}">{say(STATUS[check])}</span><span class="tag '
        f'{say(made.get("verdict", "") if valid else "")}">{say(verdict)}</span>'
        f"<table><tr><th>Size</th><td>{place['diameter_mm']:.0f} mm, {place['volume_ml']:.2f} "
        "ml</td></tr>"
        f"<tr><th>HU</th><td>{say(change_words(region))}; mean {region['mean_hu']:.0f} HU</td></tr>"
        f'<tr><th>Phrases</th><td>{say(phrases)} <span class="faint">(agreement 0–1, no '
        "probability)</span></td></tr>"
        f"<tr><th>Report</th><td>{say(region['check']['sentence'])}</td></tr></table>"
        f"{comment}</div></div>"
    )


def _study_html(session: ReviewSession, study: Study, decided: dict[str, dict[str, Any]]) -> str:
    say, done = html.escape, session.analysis(study.id)
    parts = [
        f'<h2>{say(study.id)} <span class="faint">{say(study.name)} · '
        f"{say(session.state(study.id))}</span></h2>"
    ]
    problem = study.problem or (done or {}).get("problem")
    notes = [*study.notes, *((done or {}).get("report_notes", []))]
    parts += [f"<p><b>{say(problem)}</b></p>"] if problem else []
    parts += [f'<p class="faint">{say(note)}</p>' for note in notes]
    if done is None or problem:
        return "".join(parts) + ("" if problem else "<p>Not looked at yet.</p>")
    if not session.current(study.id):
        parts.append(
            "<p><b>The scan or its report changed since it was looked at; look at it again.</b></p>"
        )
    if done.get("report"):
        parts.append(
            "<details><summary>Report</summary>"
            f"<blockquote>{say(done['report'])}</blockquote></details>"
        )
    parts += [
        _region_html(session, study, region, decided.get(f"{study.id}/{region['number']}"))
        for region in done["regions"]
    ]
    parts += [] if done["regions"] else ["<p>No region stood out.</p>"]
    listed = [
        f"<li>{say(fact['sentence'])}</li>"
        for fact in done["report_check"]
        if fact["status"] in ("not seen", "not looked for")
    ]
    return "".join(parts) + (
        f"<p>Reported, not seen:</p><ul>{''.join(listed)}</ul>" if listed else ""
    )


def page(session: ReviewSession) -> str:
    """The session as one HTML page that needs nothing else."""
    say, counts, decided = html.escape, session.progress(), session.decisions()
    body = "".join(_study_html(session, study, decided) for study in session.studies)
    return (
        '<!doctype html><html lang="en"><head><meta '
        f'charset="utf-8"><title>Review</title><style>{STYLE}</style></head><body>'
        f'<h1>Review of {say(session.root.name)}</h1><p class="notice">{say(NOTICE)}</p>'
        f"<p>Studies: {counts['studies']}. Regions: {counts['regions']}, {counts['decided']} of "
        f"them decided.</p>{body}</body></html>"
    )


def _accepted(session: ReviewSession, study: Study) -> list[dict[str, Any]]:
    decided, done = session.decisions(), session.analysis(study.id) or {}
    return [
        region
        for region in done.get("regions", [])
        if (made := decided.get(f"{study.id}/{region['number']}"))
        and session.valid(made, study.id)
        and made["verdict"] == "accepted"
    ]


def _write_accepted(session: ReviewSession, study: Study, folder: Path) -> list[str]:
    """Accepted regions of one study as .seg.nrrd and, when it came as DICOM and can be written, as
    DICOM SEG; returns notes."""
    from DGMVLCCore.imaging.labels import load_labels
    from DGMVLCCore.results.segmentation import Segment, save_segmentation
    from DGMVLCCore.review.listing import COLOURS
    from DGMVLCCore.review.worklist import load_study

    regions = _accepted(session, study)
    if not regions:
        return []
    if not session.current(study.id):
        return [
            f"{study.id}: the scan changed since it was looked at, so its accepted regions are "
            "not written."
        ]
    volume = load_study(study, session.root)
    labels = load_labels(session.place(study.id) / "regions.seg.nrrd", volume).segments
    chosen = [
        (f"region {region['number']}", labels[f"region {region['number']}"]) for region in regions
    ]
    save_segmentation(
        [
            Segment(mask, name, COLOURS[i % len(COLOURS)], i)
            for i, (name, mask) in enumerate(chosen)
        ],
        volume,
        folder / f"{study.id}.seg.nrrd",
    )
    return _write_dicom(session, study, chosen, folder) if study.kind == "dicom" else []


def _write_dicom(
    session: ReviewSession, study: Study, chosen: list[tuple[str, Any]], folder: Path
) -> list[str]:
    """Accepted regions as DICOM SEG beside the .seg.nrrd; a note when it cannot be written."""
    try:
        from DGMVLCCore.results.dicom_segments import write_segmentation

        number = study.series[study.chosen].number if study.chosen is not None else None
        write_segmentation(
            chosen,
            session.root / study.path,
            folder / f"{study.id}.seg.dcm",
            series=number,
            description="DGM-VLC accepted regions",
            kind="semiautomatic",
        )
    except (ImportError, UsageError, UnsuitableInputError) as error:
        return [
            f"{study.id}: no DICOM SEG was written ({str(error).rstrip('.')}); its regions are "
            f"in {study.id}.seg.nrrd."
        ]
    return []


def _write_objects(session: ReviewSession, study: Study, folder: Path) -> list[str]:
    """The DICOM objects of one study in a folder of its own; a note when there are none."""
    from DGMVLCCore.review.review_dicom import write_study_dicom

    try:
        (folder / study.id).mkdir(parents=True)
        write_study_dicom(session, study, folder / study.id)
    except UnsuitableInputError as error:
        (folder / study.id).rmdir()
        return [str(error)]
    return []


def export(
    session: ReviewSession, out: Path, *, overwrite: bool = False, dicom: bool = False
) -> dict[str, Any]:
    """Write `review.csv`, `review.html`, `review.pdf` and `accepted/` into a new folder, whole or
    not at all.

    Args:
        dicom: also write `dicom/STUDY/` of each DICOM study for the archive (`review_dicom`).

    Returns:
        the files' paths and notes.

    Raises:
        OutputError: it exists already, or cannot be written.
    """
    out = Path(out).absolute()
    bring_back(out)
    if out.exists() and not overwrite:
        raise OutputError(f"{out} exists already; choose another folder or add --overwrite.")
    if out.exists() and not ((out / "review.csv").is_file() and out.is_dir()):
        raise OutputError(
            f"{out} is no earlier export of a review, so it is not overwritten; choose another "
            "folder."
        )
    with replaced_folder(out) as folder:
        (folder / "accepted").mkdir()
        (folder / "review.csv").write_text(table(session), encoding="utf-8", newline="")
        (folder / "review.html").write_text(page(session), encoding="utf-8")
        write_pdf(session, folder / "review.pdf")
        notes = [
            note
            for study in session.studies
            for note in _write_accepted(session, study, folder / "accepted")
        ]
        for study in session.studies if dicom else ():
            notes += _write_objects(session, study, folder / "dicom")
    return {
        **{kind: str(out / f"review.{kind}") for kind in ("csv", "html", "pdf")},
        "accepted": sorted(str(p) for p in (out / "accepted").iterdir()),
        "dicom": sorted(str(p) for p in (out / "dicom").rglob("*.dcm")),
        "notes": notes,
    }
