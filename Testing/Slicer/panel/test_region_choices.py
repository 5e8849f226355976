"""The panel's region: proposed, drawn, of a segment; what of it is refused."""

import slicer
import slicer.util

from Testing.Slicer.substitutes.desk import addScan, paint


def test_proposed_region_comes_into_the_scene(desk, scan):
    desk.readReport()
    assert "it is proposed when you press Run" in desk.ui.regionLabel.text
    desk.ui.proposeButton.click()
    assert desk.ui.applyButton.text == "Cancel"
    desk.finished()
    node = desk.parameters.regionNode
    assert (
        node
        and desk.ui.segmentSelector.currentText
        and desk.ui.regionLabel.text == "Proposed for “nodule”: 12.5 ml, 29 mm, fit 0.80 of 1."
    )
    assert not node.GetStorageNode(), "the file is in a folder that goes away"
    desk.apply()
    desk.finished()
    assert desk.heard("job")[0]["request"]["mask"].endswith("region.seg.nrrd")


def test_a_proposal_can_be_cancelled(desk, scan):
    desk.behave(steps=1000, step_s=0.02)
    desk.readReport()
    desk.ui.proposeButton.click()
    desk.until(lambda: desk.heard("region"), "the question")
    desk.ui.applyButton.click()
    desk.finished()
    assert desk.parameters.regionNode is None and desk.reason.startswith("Cancelled")


def test_draw_opens_an_empty_segment_that_is_refused_until_drawn(desk, scan):
    desk.readReport()
    desk.ui.drawButton.click()
    node, segmentId, volume = desk.edited[0]
    assert (
        volume is scan
        and desk.parameters.regionNode is node
        and desk.ui.segmentSelector.currentText == "nodule"
    )
    assert "is empty" in desk.reason and "is empty" in desk.ui.regionLabel.text
    paint(node, segmentId, scan)
    assert desk.ui.applyButton.enabled, desk.reason
    desk.ui.editButton.click()
    assert desk.edited[1] == (node, segmentId, scan)


def test_nothing_is_looked_at_while_another_module_draws(desk, scan):
    desk.readReport()
    desk.ui.drawButton.click()
    node, segmentId, _ = desk.edited[0]
    desk.widget.exit()
    paint(node, segmentId, scan)
    desk.widget.enter()
    assert desk.ui.applyButton.enabled, desk.reason


def test_segment_list_follows_the_segmentation(desk, scan):
    desk.readReport()
    desk.ui.drawButton.click()
    node, first, _ = desk.edited[0]
    second = node.GetSegmentation().AddEmptySegment("", "other")
    assert desk.ui.segmentSelector.count == 2
    desk.ui.segmentSelector.setCurrentIndex(1)
    assert desk.parameters.regionSegment == second
    node.GetSegmentation().RemoveSegment(second)
    assert desk.parameters.regionSegment == first
    node.GetSegmentation().RemoveSegment(first)
    assert "has no segment" in desk.reason
    slicer.mrmlScene.RemoveNode(node)
    assert desk.parameters.regionNode is None and desk.ui.applyButton.enabled


def test_a_drawn_region_belongs_to_one_finding(desk, scan):
    desk.readReport("nodule;present\nemphysema;present")
    desk.ui.drawButton.click()
    node, segmentId, _ = desk.edited[0]
    paint(node, segmentId, scan)
    desk.parameters.findingNumbers = [1, 2]
    assert "belongs to one finding" in desk.reason


def test_a_segment_of_another_geometry_is_resampled_and_said(desk, scan, make_chest):
    other = addScan(make_chest((12, 112, 128), (2.0, 2.5, 2.5)), "other")
    desk.ui.inputSelector.setCurrentNode(scan)
    desk.readReport()
    desk.ui.drawButton.click()
    node, segmentId, _ = desk.edited[0]
    paint(node, segmentId, other, k=(3, 7), i=(80, 99), j=(45, 63))
    desk.apply()
    desk.finished()
    assert (
        "drawn on another grid than scan" in desk.ui.logText.toPlainText()
        and len(desk.panel.results.runs) == 1
    )


def test_a_segment_outside_the_scan_is_refused(desk, scan):
    desk.readReport()
    desk.ui.drawButton.click()
    node, segmentId, _ = desk.edited[0]
    paint(node, segmentId, scan, k=(200, 202))
    desk.apply()
    assert "does not reach a voxel" in desk.reason and not desk.panel.session.running
