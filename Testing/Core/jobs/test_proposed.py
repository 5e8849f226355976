"""What is said of a proposed region."""

from pathlib import Path

import numpy as np
import pytest

from DGMVLCCore.editing.asked import Evidence
from DGMVLCCore.editing.find import Proposal
from DGMVLCCore.imaging.anatomy import segment_anatomy
from DGMVLCCore.imaging.zones import Location
from DGMVLCCore.jobs.propose import Proposed
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
