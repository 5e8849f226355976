"""Builds the wheel: the core, the scene library, the browser viewer, and the resources the core
carries (weights, sample, vocabulary, split)."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+?)"', (HERE / "DGMVLCCore/__init__.py").read_text()).group(
    1
)

setup(
    version=VERSION,
    packages=[
        *find_packages(include=["DGMVLCCore", "DGMVLCCore.*"]),
        "SlicerDGMVLCLib",
        "SlicerDGMVLCBrowser",
        "DGMVLCCore.resources",
    ],
    package_dir={
        "SlicerDGMVLCLib": "SlicerDGMVLC/SlicerDGMVLCLib",
        "SlicerDGMVLCBrowser": "SlicerDGMVLC/SlicerDGMVLCBrowser",
        "DGMVLCCore.resources": "Resources",
    },
    package_data={
        "SlicerDGMVLCBrowser": ["static/*"],
        "DGMVLCCore.report": ["templates/*.html"],
        "DGMVLCCore.results": ["schema/*.json"],
        "DGMVLCCore.resources": ["SHA256SUMS", "*.json", "*.md", "sample/*", "weights/*/*"],
    },
    include_package_data=False,
)
