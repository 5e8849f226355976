"""DGM-VLC core: counterfactual chest CT from a scan, a report and a mask.

Names are loaded when first used, so that importing the package costs nothing (no torch).
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_HOME = {
    "Volume": "imaging.volume",
    "load_volume": "imaging.io",
    "save_volume": "imaging.io",
    "load_labels": "imaging.labels",
    "Anatomy": "imaging.anatomy",
    "find_anatomy": "models.anatomy",
    "segment_anatomy": "imaging.anatomy",
    "lesion_region": "imaging.masks",
    "Finding": "language.findings",
    "parse_report": "language.parser",
    "LanguageEncoder": "language.encoder",
    "CounterfactualPipeline": "editing.pipeline",
    "EditPlan": "editing.result",
    "CounterfactualResult": "editing.result",
    "Request": "jobs.edit",
    "run_counterfactual": "jobs.edit",
}
__all__ = [*_HOME, "__version__"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(f"DGMVLCCore.{_HOME[name]}"), name)
    if name == "export":  # bundles written by earlier versions look for their parts in there
        importlib.import_module(".jobs.bundle_parts", __name__)
        return importlib.import_module(".jobs", __name__)
    raise AttributeError(f"module DGMVLCCore has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
