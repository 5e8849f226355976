"""Everything the page knows, with its first value."""

from __future__ import annotations

import os

from SlicerDGMVLCLib.records import asFields
from SlicerDGMVLCPresenters.desk import Desk
from SlicerDGMVLCPresenters.page import page
from SlicerDGMVLCPresenters.presets import QUALITY

QUALITIES = [
    {"title": f"{name.capitalize()} ({noises} sample{'s' * (noises > 1)})", "value": name}
    for name, (noises, _) in QUALITY.items()
]
THREADS = [
    {"title": "automatic", "value": 0},
    *({"title": str(n), "value": n} for n in range(1, (os.cpu_count() or 1) + 1)),
]
EMPTY_READOUT = {"place": "", "original": "", "counterfactual": "", "difference": ""}
START = {
    **asFields(page(Desk())),
    "trame__title": "DGM-VLC viewer",
    # scan
    "scan_typed": "",
    "scan_offer": "",
    "scan_offered": "",
    "scan_choice": "",
    "recent": [],
    "upload_share": 0.0,
    "series": [],
    # file dialog
    "files_open": False,
    "files_for": "scan",
    "files_folder": "",
    "files": [],
    "files_note": "",
    # report and finding
    "known": [],
    # region and what-if
    "region_typed": "",
    "quality": "standard",
    "qualities": QUALITIES,
    "device": "",
    "devices": [],
    "threads": 0,
    "thread_choices": THREADS,
    "more": False,
    "clinical_age": "",
    "clinical_sex": None,
    "clinical_smoking": None,
    "clinical_pack_years": "",
    "clinical_other": "",
    "slices_from": "",
    "slices_to": "",
    "form_note": "",
    # drawing
    "draw_tool": "paint",
    "draw_radius": 5,
    "draw_ball": False,
    "draw_inside": False,
    "draw_low": "-600",
    "draw_high": "300",
    "draw_mm": "2",
    "lock_vessels": False,
    "lock_outside": False,
    "draw_undo": False,
    "draw_redo": False,
    "draw_open": False,
    # run
    "worker": "starting",
    "message": "",
    "advice": "",
    "message_kind": "error",
    "explanation": [],
    "gates": [],
    "plan": "",
    "saving": False,
    "scene_address": "",
    # hypotheses
    "compare_chosen": [],
    "compare_words": "",
    "compare_layer": "counterfactual",
    # teach
    "teach_finding": "",
    "teach_subtlety": "",
    "teach_number": "5",
    "teach_query": "",
    "teach_folder": "",
    "teach_own": False,
    "teach_attention": True,
    "teach_study": False,
    "teach_study_folder": "",
    "teach_reader": "",
    "teach_confidence": 50,
    # review
    "review_folder": "",
    "review_session": "",
    "review_exported": [],
    # display
    "help": False,
    "panel": True,
    "tab": "edit",
    "layout": "empty",
    "preset": "lung",
    "slice": 0,
    "slices_of": 0,
    "changes": "",
    "peak": 0,
    "pointer": "window",
    "slab": 0,
    "measured": "",
    "window_words": "",
    "titles": {},
    "places": {},
    "readout": EMPTY_READOUT,
    "maps": [],
    "map": "",
    "has": dict.fromkeys(("attention", "heat", "change", "invented", "uncertainty", "mask"), False),
    "show_attention": True,
    "opacity_attention": 0.7,
    "show_heat": False,
    "opacity_heat": 0.6,
    "show_change": False,
    "opacity_change": 0.6,
    "show_invented": False,
    "opacity_invented": 0.5,
    "show_uncertainty": False,
    "opacity_uncertainty": 0.6,
    "show_mask": True,
    "opacity_mask": 0.9,
}
