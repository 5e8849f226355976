"""A finding of the worker is what the core says of it."""

from __future__ import annotations

from dataclasses import fields

from SlicerDGMVLCLib.records import readRecord
from SlicerDGMVLCPresenters.findings import Finding

from DGMVLCCore.language.parser import parse_report


def test_a_finding_is_what_the_core_says():
    (said,) = parse_report("A solid 12 mm mass in the left upper lobe.")
    finding = readRecord(Finding, said.to_dict())
    assert {field.name for field in fields(Finding)} <= set(said.to_dict())
    assert (finding.place, finding.size) == ("left upper lobe", "12 mm")
    assert finding.taught_as == said.taught != finding.term
