"""Everything the page knows, with its first value."""

from __future__ import annotations

from typing import Any

QUALITY = {"quick look": (1, 4), "standard": (8, 10), "thorough": (16, 20)}  # noises, steps
QUALITIES = [
    {"title": f"{name.capitalize()} ({noises} sample{'s' * (noises > 1)})", "value": name}
    for name, (noises, _) in QUALITY.items()
]
EMPTY_READOUT = {"place": "", "original": "", "counterfactual": "", "difference": ""}
START: dict[str, Any] = {
    "trame__title": "DGM-VLC viewer",
    # scan
    "scan_name": "",
    "scan_typed": "",
    "scan_facts": "",
    "scan_path": "",
    "scan_reading": {},
    "scan_offer": "",
    "scan_offered": "",
    "scan_choice": "",
    "scan_busy": False,
    "upload_share": 0.0,
    # file dialog
    "files_open": False,
    "files_for": "scan",
    "files_folder": "",
    "files": [],
    "files_note": "",
    # report and finding
    "report": "",
    "report_note": "",
    "findings": [],
    "finding": 0,
    "known": [],
    # region and what-if
    "region_from": "proposed",
    "region_path": "",
    "region_typed": "",
    "region_segment": "",
    "region_note": "",
    "region_busy": False,
    "what": "without",
    "target": "",
    "quality": "standard",
    "qualities": QUALITIES,
    "device": "",
    "devices": [],
    # run
    "worker": "starting",
    "running": False,
    "cancelling": False,
    "stage": "",
    "share": 0.0,
    "time_left": "",
    "cannot_run": "Open a scan first.",
    "message": "",
    "advice": "",
    "message_kind": "error",
    "runs": [],
    "shown_run": "",
    "explanation": [],
    "gates": [],
    "plan": "",
    "saving": False,
    # hypotheses
    "compare_chosen": [],
    "compare_words": "",
    "compare_why": "Open a scan first.",
    "compare_rows": [],
    "compare_sentence": "",
    "compare_note": "",
    "compare_layer": "counterfactual",
    # teach
    "teach_on": False,
    "teach_done": False,
    "teach_shown": False,
    "teach_finding": "",
    "teach_subtlety": "",
    "teach_number": "5",
    "teach_query": "",
    "teach_folder": "",
    "teach_own": False,
    "teach_attention": True,
    "teach_understood": "",
    "teach_case": {"number": 0, "of": 0},
    "teach_mark": "",
    "teach_named": None,
    "teach_choices": [],
    "teach_words": "",
    "teach_right": False,
    "teach_has_heat": False,
    "teach_score": [],
    "teach_review": [],
    "teach_study": False,
    "teach_study_on": False,
    "teach_study_folder": "",
    "teach_reader": "",
    "teach_study_note": "",
    "teach_left": 0,
    "teach_item": {"asked": "", "mode": ""},
    "teach_confidence": 50,
    # review
    "review_folder": "",
    "review_session": "",
    "review_open": False,
    "review_studies": [],
    "review_study": "",
    "review_regions": [],
    "review_region": 0,
    "review_unseen": [],
    "review_notes": [],
    "review_series": [],
    "review_chosen": 0,
    "review_progress": {},
    "review_comment": "",
    "review_exported": [],
    # display
    "panel": True,
    "tab": "edit",
    "layout": "empty",
    "preset": "lung",
    "slice": 0,
    "slices_of": 0,
    "titles": {},
    "places": {},
    "readout": EMPTY_READOUT,
    "maps": [],
    "map": "",
    "has": {"attention": False, "heat": False, "uncertainty": False, "mask": False},
    "show_attention": True,
    "opacity_attention": 0.7,
    "show_heat": False,
    "opacity_heat": 0.6,
    "show_uncertainty": False,
    "opacity_uncertainty": 0.6,
    "show_mask": True,
    "opacity_mask": 0.9,
}


def why_not(state: Any) -> str:
    """Why Run is not possible yet, in one sentence; empty when it is."""
    chosen = next((row for row in state.findings if row["number"] == state.finding), None)
    if not state.scan_name:
        return "Open a scan first."
    if chosen is None:
        return "Paste a report and choose a finding."
    if not chosen["taught"]:
        return f"The weights were not taught “{chosen['term']}”; choose another finding."
    if chosen["presence"] == "absent" and state.what == "without":
        return "The report says this finding is absent; choose “instead” or another finding."
    if state.what == "instead" and not (state.target or "").strip():
        return "Say what to show instead."
    if state.region_from == "file" and not (state.region_path or "").strip():
        return "Choose the segmentation file of the region."
    return ""
