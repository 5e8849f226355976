"""Hypotheses: what is taken, what is refused, and when one is said to be told apart."""

import numpy as np
import pytest

from DGMVLCCore.errors import UnsuitableInputError, UsageError
from DGMVLCCore.imaging.anatomy import segment_anatomy
from DGMVLCCore.imaging.masks import fullest_rows
from DGMVLCCore.jobs.ranking import MIN_LEAD, change_asked, order, rank
from DGMVLCCore.language.parser import parse_report
from DGMVLCCore.language.vocabulary import load_vocabulary
from DGMVLCCore.models.region import cut_region
from DGMVLCCore.review.hypotheses import as_reported, differential, resolve


def test_names_synonyms_and_free_words_give_taught_sentences():
    found = resolve(["GGO", "a lung mass", "normal lungs", "nodule with spiculation"])
    assert [each.name for each in found] == [
        "ground-glass opacity",
        "nodule",
        "no finding (clear lung)",
        "spiculated nodule",
    ]
    assert [each.sentence for each in found] == [
        "Ground-glass opacity.",
        "Nodule.",
        "No ground-glass opacity. Clear lung.",
        "Spiculated nodule.",
    ]


@pytest.mark.parametrize(
    "words, kind, said",
    [
        (["nodule"], UsageError, "2 to 6"),
        (["nodule"] * 10, UsageError, "not 10"),
        (["nodule", "mass"], UsageError, "“mass” are the same"),
        (["no nodule", "clear lung"], UsageError, "the same"),
        (["nodule", "pneumothorax"], UnsuitableInputError, "never taught “pneumothorax”"),
        (["nodule", "banana"], UnsuitableInputError, "names no finding"),
        (["nodule", "  "], UnsuitableInputError, "empty"),
        (["nodule and emphysema", "clear"], UnsuitableInputError, "one at a time"),
        (["nodule", "a smaller nodule"], UnsuitableInputError, "size or side"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_sentence(words, kind, said):
    with pytest.raises(kind, match=said):
        resolve(words)


def test_a_finding_brings_its_own_list():
    finding = parse_report("There is a 33 mm spiculated nodule in the left lung.")[0]
    assert [each.name for each in differential(finding)][0] == "spiculated nodule"
    for term in load_vocabulary().known:
        found = differential(parse_report(f"There is {term}.")[0])
        assert (
            2 <= len(found) <= 6
            and found[0].term == term
            and len({each.sentence for each in found}) == len(found)
        )
    with pytest.raises(UnsuitableInputError, match="never taught"):
        differential(parse_report("There is atelectasis.")[0])


def test_a_bare_name_is_the_finding_that_the_report_describes():
    report = parse_report("There is a 33 mm spiculated nodule in the left lung. No emphysema.")
    asked = as_reported(resolve(["nodule", "emphysema", "clear lung"]), report)
    assert [each.name for each in asked][:2] == ["spiculated nodule", "emphysema"]
    both = resolve(["nodule", "spiculated nodule"])
    assert as_reported(both, report) == both
    assert as_reported(both, []) == both


def made(more, spread=0.5, seed=0):
    """Change asked for (6,K), HU: slices shift all alike, so only paired differences are narrow."""
    rng = np.random.default_rng(seed)
    more = np.asarray(more)
    return 30 + 8 * rng.random((6, 1)) + more + spread * rng.standard_normal((6, len(more)))


def test_told_apart_only_when_both_networks_say_so():
    three = resolve(["nodule", "consolidation", "emphysema"])
    clear_cut = order(three, made([10, 0, 20]), np.array([-1.0, MIN_LEAD, -1.0]))
    assert clear_cut.distinguishable and clear_cut.ranked[0].hypothesis.name == "consolidation"
    assert (
        clear_cut.ranked[1].low < 10 < clear_cut.ranked[1].high
        and "10 HU more" in clear_cut.sentence
    )
    vague = order(three, made([0.0, 0.0, 20], spread=2.0), np.array([-1.0, MIN_LEAD, -1.0]))
    assert not vague.distinguishable and vague.sentence == (
        "“consolidation” and “nodule” cannot be told apart here; “emphysema” fits the voxels "
        "less well."
    )
    small_lead = order(three, made([10, 0, 20]), np.array([0.0, 0.0, -9.0]))
    assert not small_lead.distinguishable
    at_odds = order(three, made([0, 10, 20]), np.array([-4.0, 2.0, -9.0]))
    assert (
        at_odds.ranked[0].hypothesis.name == "consolidation"
        and not at_odds.distinguishable
        and at_odds.ranked[1].more_hu < 0
    )
    alone = order(three, made([10, 0, 20]), None)
    assert alone.distinguishable and alone.ranked[0].agreement is None


def test_the_order_of_asking_does_not_matter():
    three, errors, logits = (
        resolve(["nodule", "consolidation", "emphysema"]),
        made([10, 0, 20]),
        np.array([1.0, 0.5, 0.0]),
    )
    turned = [2, 0, 1]
    assert (
        order(three, errors, logits).ranked
        == order([three[i] for i in turned], errors[:, turned], logits[turned]).ranked
    )


@pytest.fixture(scope="module")
def region(phantom):
    mask = np.zeros(phantom.shape, bool)
    mask[5:7, 44:60, 84:98] = True
    return cut_region(phantom, segment_anatomy(phantom), mask, (4, 8))


def test_few_slices_are_read_at_four_places_of_the_grid(untrained_editor, region):
    words = ["Nodule.", "Emphysema.", "Nodule."]
    asked = change_asked(untrained_editor, region, words)
    assert asked.shape == (8, 3) and (asked > 0).all()
    assert np.array_equal(asked[:, 0], asked[:, 2]) and not np.allclose(asked[:, 0], asked[:, 1])
    one = change_asked(untrained_editor, region, words[:2], most_slices=1)
    assert one.shape == (4, 2) and one[0] == pytest.approx(asked[0, :2], rel=1e-5)
    assert len(np.unique(one[:, 0])) == 4
    ranking = rank(untrained_editor, region, resolve(["nodule", "emphysema"]), None)
    assert (ranking.readings, ranking.slices) == (8, 2)


def test_a_network_that_fills_holes_ranks_nothing(untrained, region):
    with pytest.raises(UnsuitableInputError, match="fill holes.*no ranking"):
        change_asked(untrained, region, ["Nodule.", "Emphysema."])


def test_the_fullest_slices_are_read():
    mask = np.zeros((30, 8, 8), bool)
    mask[5:25, 2:6, 2:6] = True
    mask[4, 2, 2] = True
    assert fullest_rows(mask) == sorted(set(fullest_rows(mask))) and len(fullest_rows(mask)) == 12
    assert (
        fullest_rows(mask)[0] == 5
        and fullest_rows(mask)[-1] == 24
        and len(fullest_rows(mask, 100)) == 20
    )
    mask[5:8, 2] = False  # three quarters of the fullest: the margin past the finding's end
    assert fullest_rows(mask, share=0.8)[0] == 8 and fullest_rows(mask)[0] == 5
