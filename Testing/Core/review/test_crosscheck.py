"""Report against regions, both ways."""

from DGMVLCCore.imaging.zones import Location
from DGMVLCCore.language.parser import parse_report
from DGMVLCCore.review.crosscheck import Asked, Seen, cross_check


def seen(number, side, mm, *terms, zone=None):
    place = Location(side, zone, (0.0, 0.0, 0.0), 1.0, mm)
    return Seen(
        number,
        place,
        [Asked(term, 0.9 - 0.1 * i) for i, term in enumerate(terms)],
    )


def check(report, *regions):
    return cross_check(parse_report(report), list(regions))


def status(checked):
    return {number: fact.status for number, fact in checked.regions.items()}, [
        fact.status for fact in checked.findings
    ]


def test_what_is_in_the_report_is_reported_and_the_rest_is_not():
    done = check(
        "There is a 12 mm nodule in the left upper lobe. Hiatal hernia.",
        seen(1, "left", 13, "nodule", "consolidation", zone="upper"),
        seen(2, "right", 9, "nodule", zone="lower"),
    )
    assert status(done) == ({1: "reported", 2: "not mentioned"}, ["seen", "not looked for"])


def test_another_side_zone_or_size_is_another_finding():
    for report in (
        "A 12 mm nodule in the right lung.",
        "A 12 mm nodule in the left lower lobe.",
        "A 40 mm nodule in the left lung.",
    ):
        done = check(report, seen(1, "left", 12, "nodule", zone="upper"))
        assert (
            status(done) == ({1: "not mentioned"}, ["not seen"])
            and "1" in done.findings[0].sentence
        )


def test_a_report_for_the_other_side_is_said():
    note = "check that report and scan belong together"
    assert (
        note in check("A 12 mm nodule in the right lung.", seen(1, "left", 12, "nodule")).notes[0]
    )
    assert not check("A 12 mm nodule in the left lung.", seen(1, "left", 12, "nodule")).notes
    assert not check(
        "A 12 mm nodule in the right lung.",
        seen(1, "left", 12, "nodule"),
        seen(2, "right", 30, "emphysema"),
    ).notes


def test_a_denied_finding_that_is_seen_is_told_apart():
    done = check(
        "No pulmonary nodule. Lungs clear of consolidation.", seen(1, "left", 12, "nodule")
    )
    assert done.regions[1].status == "denied" and "No pulmonary nodule" in done.regions[1].sentence


def test_uncertain_and_plural_findings_count_as_mentioned():
    done = check(
        "Possible emphysema in both lungs.",
        seen(1, "left", 30, "emphysema"),
        seen(2, "right", 25, "emphysema"),
    )
    assert status(done) == ({1: "reported", 2: "reported"}, ["seen"])
    one = check(
        "A single 12 mm nodule in the left lung.",
        seen(1, "left", 12, "nodule"),
        seen(2, "left", 11, "nodule"),
    )
    assert sorted(status(one)[0].values()) == ["not mentioned", "reported"]


def test_without_a_report_nothing_is_compared():
    done = cross_check(None, [seen(1, "left", 12, "nodule")])
    assert status(done) == ({1: "no report"}, [])


def test_findings_of_one_term_are_compared_one_by_one():
    regions = (
        seen(1, "right", 12, "nodule", zone="upper"),
        seen(2, "left", 5, "nodule", zone="lower"),
        seen(3, "left", 12, "nodule", zone="lower"),
    )
    done = check(
        "12 mm nodule in the right upper lobe. 5 mm nodule in the left lower lobe.", *regions
    )
    assert {n: fact.finding for n, fact in done.regions.items()} == {1: 0, 2: 1, 3: None}
    assert [fact.region for fact in done.findings] == [1, 2]


def test_a_group_takes_as_many_regions_as_it_counts_none_larger_than_its_largest():
    regions = [seen(n, "left", mm, "nodule") for n, mm in ((1, 4), (2, 8), (3, 3), (4, 30))]
    states, _ = status(check("Multiple nodules in the left lung, up to 8 mm.", *regions))
    assert states == {1: "reported", 2: "reported", 3: "reported", 4: "not mentioned"}
    states, _ = status(check("Two nodules in the left lung, up to 8 mm.", *regions))
    assert sorted(states.values()) == ["not mentioned", "not mentioned", "reported", "reported"]
    assert states[2] == "reported" and states[4] == "not mentioned"
    states, _ = status(check("An 8 mm nodule in the left lung.", *regions))
    assert [n for n, state in states.items() if state == "reported"] == [2]


def test_a_lobe_reaches_into_a_second_third_of_the_lung():
    for report, zones in (
        ("A 12 mm nodule in the left lower lobe.", {"lower", "middle"}),
        ("A 12 mm nodule in the left upper lobe.", {"upper", "middle"}),
        ("A 12 mm nodule in the lingula.", {"lower", "middle"}),
        ("A 12 mm nodule at the left base.", {"lower"}),
    ):
        for zone in ("upper", "middle", "lower"):
            states, _ = status(check(report, seen(1, "left", 12, "nodule", zone=zone)))
            assert (states[1] == "reported") == (zone in zones), (report, zone)


def test_a_reported_nodule_answers_for_a_region_of_its_size_and_place_alone():
    report = "6 mm nodule in the left lower lobe."
    there = seen(1, "left", 7, "nodule", zone="lower")
    away = (
        seen(2, "left", 25, "nodule", zone="lower"),
        seen(3, "left", 6, "nodule", zone="upper"),
        seen(4, "right", 6, "nodule", zone="lower"),
        seen(5, "left", 6, "emphysema", zone="lower"),
    )
    states, findings = status(check(report, there, *away))
    assert states == {1: "reported", **dict.fromkeys((2, 3, 4, 5), "not mentioned")}
    assert findings == ["seen"]
    states, findings = status(check(report, *away))
    assert set(states.values()) == {"not mentioned"} and findings == ["not seen"]


def test_a_finding_that_is_hardly_asked_for_is_not_what_a_region_is():
    place = Location("left", None, (0.0, 0.0, 0.0), 1.0, 12.0)
    region = Seen(1, place, [Asked("nodule", 0.9), Asked("emphysema", 0.1)])
    assert status(check("Emphysema in the left lung.", region))[1] == ["not seen"]
    assert status(check("A nodule in the left lung.", region))[1] == ["seen"]
