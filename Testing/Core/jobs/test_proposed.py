"""What is said of a proposed region."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from DGMVLCCore.editing.asked import Evidence
from DGMVLCCore.editing.find import Proposal
from DGMVLCCore.imaging.anatomy import segment_anatomy
from DGMVLCCore.imaging.zones import Location
from DGMVLCCore.jobs import propose
from DGMVLCCore.jobs.propose import Proposed
from DGMVLCCore.jobs.requests import Request
from DGMVLCCore.jobs.session import region_proposed
from DGMVLCCore.language.parser import parse_report


@pytest.mark.parametrize(
    ("value", "said", "unsaid"),
    [
        (0.1, "sees no mass there, so a run would refuse it", "Check it before the run"),
        (0.9, "Check it before the run", "refuse"),
        (None, "Check it before the run", "refuse"),
    ],
)
def test_a_region_that_a_run_would_refuse_says_so(phantom, value, said, unsaid):
    (finding,) = parse_report("A mass in the left lung.")
    place = Location("left", "middle", (0.0, 0.0, 0.0), 1.5, 20.0)
    region = Proposal(np.zeros(phantom.shape, bool), 0.8, 0.7, place)
    evidence = value if value is None else Evidence(value, value, value, None, None, 0)
    found = Proposed(region, finding, phantom, segment_anatomy(phantom), evidence)
    sentence = region_proposed(found, Path("r.seg.nrrd")).sentence
    assert "1.5 ml" in sentence and said in sentence and unsaid not in sentence


@pytest.mark.parametrize(("report", "asked"), [("No mass.", 0), ("A mass.", 1)])
def test_of_a_finding_that_the_report_denies_nobody_is_asked(phantom, monkeypatch, report, asked):
    anatomy, calls = segment_anatomy(phantom), []
    place = Location("left", "middle", (0.0, 0.0, 0.0), 1.5, 20.0)
    region = Proposal(anatomy.lungs, 0.8, 0.7, place)
    pipe = SimpleNamespace(sees=True, device="cpu")
    monkeypatch.setattr(propose, "load_all", lambda *_: (pipe, phantom, anatomy))
    monkeypatch.setattr(propose, "propose_region", lambda *_: region)
    monkeypatch.setattr(propose, "region_evidence", lambda *a, **_: calls.append(a))
    propose.propose(Request(Path("ct.nrrd"), report, Path("o"), finding=1))
    assert len(calls) == asked
