"""What the review's records ask and expect is what the core takes and answers."""

from __future__ import annotations

from dataclasses import MISSING, fields

import pytest
from msgspec import NODEFAULT
from msgspec.structs import fields as core_fields
from SlicerDGMVLCPresenters import review_records as ours

from DGMVLCCore.jobs import review as asked
from DGMVLCCore.review import records as told
from DGMVLCCore.review import review_report


@pytest.mark.parametrize(
    "theirs",
    [
        *(asked.Opened, asked.Looked, asked.Shown, review_report.Exported),
        *(told.StudyRow, told.RegionRow, told.Regions, told.Listed),
    ],
)
def test_every_field_of_an_answer_is_one_of_the_cores(theirs):
    mine = {field.name for field in fields(getattr(ours, theirs.__name__))}
    assert mine <= {field.name for field in core_fields(theirs)}


@pytest.mark.parametrize(
    "theirs",
    [asked.OpenReview, asked.OneStudy, asked.ShowStudy, asked.Decide, asked.ExportReview],
)
def test_every_request_is_one_that_the_core_takes(theirs):
    mine = {field.name: field for field in fields(getattr(ours, theirs.__name__))}
    theirs_too = {field.name: field for field in core_fields(theirs)}
    assert set(mine) <= set(theirs_too)
    needed = {name for name, field in theirs_too.items() if field.default is NODEFAULT}
    assert needed <= {name for name, field in mine.items() if field.default is MISSING}
