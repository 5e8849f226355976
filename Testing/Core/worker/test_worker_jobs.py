"""What a worker is asked: jobs in order, with previews, progress, cancelling, a region."""

from pathlib import Path

import numpy as np
import psutil
import pytest
from SlicerDGMVLCLib.events import (
    Cancelled,
    Failed,
    Findings,
    Heartbeat,
    Preview,
    Progress,
    Ready,
    Region,
    Result,
)

from DGMVLCCore.imaging.io import load_volume
from DGMVLCCore.imaging.labels import load_labels
from DGMVLCCore.jobs.queued import Pace
from DGMVLCCore.results.manifest import read_manifest
from Testing.Core.worker.host import REPORT, request


def test_handshake_says_what_the_weights_know(worker):
    ready = worker.wait(Ready)
    assert (
        ready.pid == worker.process.pid
        and "nodule" in ready.findings
        and "cpu" in ready.devices
        and len(ready.weights["sha256"]) == 64
    )


def test_two_jobs_are_done_in_order_each_with_preview_and_result(worker, scan):
    first = worker.client.job(request(scan, "one"))
    second = worker.client.job(request(scan, "zwei ü"), preview=False)
    report = worker.client.report(REPORT)
    findings = worker.wait(Findings, id=report)
    assert [(one.term, one.size_mm) for one in findings.findings] == [("nodule", 26)]
    done = [worker.wait(Result, Failed, Cancelled, id=id) for id in (first, second)]
    assert [type(d) for d in done] == [Result, Result], done
    order = [(type(e), e.id) for e in worker.events if not isinstance(e, Ready | Heartbeat)]
    assert (
        order.index((Findings, report))
        < order.index((Result, first))
        < order.index((Progress, second))
    ), "reports are answered while a job runs"
    manifest = read_manifest(Path(done[1].manifest))
    assert Path(done[1].manifest).parent == scan / "zwei ü" and manifest.synthetic
    assert "scene" not in {f.role for f in manifest.files}
    preview = worker.wait(Preview, id=first)
    shown, whole = load_volume(preview.path), load_volume(scan / "ct é.nrrd")
    assert (
        shown.array.shape == (1, *whole.array.shape[1:])
        and 5 <= preview.slice < 7
        and "synthetic" in preview.note
    )
    place = shown.affine @ (0, 0, 0, 1)
    assert np.allclose(place, whole.affine @ (0, 0, preview.slice, 1))
    edited = shown.array[0] != whole.array[preview.slice]
    mask = load_volume(scan / "one" / "counterfactual.nrrd").array != whole.array
    assert (
        edited.any()
        and not (
            edited & ~load_labels(scan / "one" / "edit-mask.seg.nrrd", whole).union()[preview.slice]
        ).any()
        and mask.any()
    )
    header = Path(preview.path).read_bytes()[:1500]
    assert b"DGMVLC_Preview" in header and b"DGMVLC_Synthetic" in header
    assert not any(isinstance(e, Preview) and e.id == second for e in worker.events)


def test_progress_of_a_job_never_goes_back(worker, scan):
    worker.wait(Ready)
    job = worker.client.job(request(scan, "three", slices=[5, 6]))
    worker.wait(Result, id=job)
    told = [e for e in worker.events if isinstance(e, Progress) and e.id == job]
    stages = list(dict.fromkeys(e.stage for e in told))
    assert stages == ["loading", "reading", "editing", "writing"]
    for stage in stages:
        shares = [e.share for e in told if e.stage == stage]
        assert shares == sorted(shares)
    assert all(e.secondsLeft is None or e.secondsLeft >= 0 for e in told) and told[-1].share == 1


def test_a_running_and_a_queued_job_are_cancelled(worker, scan):
    running = worker.client.job(request(scan, "long", noises=500, steps=50))
    queued = worker.client.job(request(scan, "never"))
    worker.wait(Preview, id=running)
    worker.client.cancel(queued)
    assert worker.wait(Cancelled, Result, id=queued) == Cancelled(queued)
    while worker.wait(Progress, id=running, start=len(worker.events) - 1).stage != "editing":
        pass
    worker.client.cancel(running)
    assert worker.wait(Cancelled, Result, id=running) == Cancelled(running)
    after = worker.client.job(request(scan, "after"), preview=False)
    worker.wait(Result, id=after)
    assert {"long", "never"}.isdisjoint(p.name for p in scan.iterdir()) and not list(
        scan.glob(".*partial*")
    )


def test_cancelling_while_reading_and_before_the_scan_is_loaded(worker, scan):
    job = worker.client.job(request(scan, "r", slices=None, seed=7), preview=False)
    while worker.wait(Progress, id=job, start=len(worker.events) - 1).stage != "reading":
        pass
    worker.client.cancel(job)
    assert worker.wait(Cancelled, Result, id=job) == Cancelled(job)
    worker.client.cancel("nobody")
    early = worker.client.job(request(scan, "e"))
    worker.client.cancel(early)
    assert worker.wait(Cancelled, Result, id=early) == Cancelled(early)
    assert not (scan / "r").exists() and not (scan / "e").exists()


def test_a_region_is_proposed_as_a_segmentation(worker, scan):
    region = worker.client.region(request(scan, "region.seg.nrrd", mask=None))
    found = worker.wait(Region, Failed, id=region)
    if isinstance(
        found, Failed
    ):  # other weights may not see the phantom's ball; then they must say so
        assert found.kind == "UnsuitableInputError" and "nodule" in found.message
        return
    labels = load_labels(found.path, load_volume(scan / "ct é.nrrd"))
    assert (
        found.volumeMl > 0
        and 0 < found.score <= 1
        and "nodule" in found.sentence
        and labels.union().any()
    )


def test_repeated_jobs_do_not_grow(worker, scan):
    process = psutil.Process(worker.process.pid)
    sizes = []
    for index in range(5):
        job = worker.client.job(request(scan, "again", slices=[5, 6], overwrite=True, seed=index))
        assert isinstance(worker.wait(Result, Failed, id=job), Result)
        sizes.append(process.memory_info().rss / 2**20)
    assert max(sizes[3:]) - sizes[1] < 60, sizes
    assert len(list(Path(worker.wait(Preview).path).parent.iterdir())) == 1, "one preview stays"


def test_the_time_left_is_learned():
    pace = Pace()
    pace.start()
    assert (
        pace.left("loading", 0.0, 0.0) is None
        and pace.left("reading", 0.0, 1.0) is None
        and pace.left("reading", 0.5, 3.0) is None
    )
    pace.plan(100)
    pace.left("editing", 0.0, 10.0)
    assert pace.left("editing", 0.5, 60.0) == pytest.approx(50 + pace.writing_s)
    pace.left("writing", 0.0, 110.0)
    assert pace.left("writing", 1.0, 113.0) == 0 and pace.writing_s == 3
    pace.start()
    pace.left("reading", 0.0, 200.0)
    pace.plan(10)
    assert pace.left("reading", 0.5, 202.0) == pytest.approx(2 + 10 * 1.0 + 3)
