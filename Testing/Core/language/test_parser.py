"""The report parser against sentences written down before its rules, and against anything at
all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.language.findings import Finding
from DGMVLCCore.language.parser import parse_report, report_notes
from DGMVLCCore.language.sentences import LONGEST, sentences
from DGMVLCCore.language.vocabulary import load_vocabulary


def _table(name: str = "sentences.txt") -> list[Any]:
    """Rows of a table: text and findings."""
    lines = (Path(__file__).parent / name).read_text(encoding="utf-8").splitlines()
    rows = [line.rpartition("=>") for line in lines if line and not line.startswith("# ")]
    return [
        pytest.param(
            text.strip().replace("\\n", "\n"),
            sorted(w.strip() for w in want.split(";") if w.strip()),
        )
        for text, _, want in rows
    ]


def _short(f: Finding) -> str:
    size = "-" if f.size_mm is None else format(f.size_mm, "g")
    return "|".join([f.presence, f.term, f.side or "-", f.zone or "-", size])


@pytest.mark.parametrize(
    ("text", "want"), _table(), ids=lambda value: value[:40] if isinstance(value, str) else ""
)
def test_sentences(text: str, want: list[str]) -> None:
    findings = parse_report(text)
    assert sorted(map(_short, findings)) == want
    assert all(text[f.span[0] : f.span[1]] == f.text for f in findings)


def _long(f: Finding) -> str:
    rest = ("-" if value is None else str(value) for value in (f.change, f.count))
    return "|".join(
        [
            f.presence,
            f.term,
            f.side or "-",
            f.lobe or f.zone or "-",
            "-" if f.size_mm is None else format(f.size_mm, "g"),
            *rest,
        ]
    )


@pytest.mark.parametrize(
    ("text", "want"),
    _table("development.txt"),
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_development_set(text: str, want: list[str]) -> None:
    assert sorted(map(_long, parse_report(text))) == want


def _placed(f: Finding) -> str:
    return "|".join(
        [
            f.presence,
            f.term,
            f.side or "-",
            f.lobe or f.zone or "-",
            "-" if f.size_mm is None else format(f.size_mm, "g"),
        ]
    )


@pytest.mark.parametrize(
    ("text", "want"),
    _table("kinds.txt"),
    ids=lambda value: value[:40] if isinstance(value, str) else "",
)
def test_kinds_of_wording(text: str, want: list[str]) -> None:
    text = text.replace("⏎", "\n").replace("⇥", "\t")
    findings = parse_report(text)
    assert all(text[f.span[0] : f.span[1]] == f.text for f in findings)
    inside = [f for f in findings if not f.term.startswith("extrapulmonary")]
    assert sorted(map(_placed, inside)) == want


@pytest.mark.parametrize(
    "text",
    [
        "Kein Pleuraerguss, keine Konsolidierung in der linken Lunge.",
        "Pas d'épanchement pleural dans le poumon gauche.",
        "Nódulo de 8 mm en el pulmón izquierdo, sin derrame.",
        "لا يوجد انصباب جنبي",
        "胸腔积液，右肺结节。",
        "Нет выпота.",
        "Sağ akciğer üst lobda 5 mm nodül izlendi. Plevral efüzyon saptanmadı.",
        "Nốt 5 mm ở thùy trên phổi phải. Không có tràn dịch màng phổi.",
        "Nodulo di 5 mm nel lobo superiore destro. Non versamento pleurico.",
        "Nódulo de 5 mm no lobo superior direito. Sem derrame pleural.",
        "Geen consolidatie, geen pneumothorax.",
        "Ingen pneumothorax.",
        "Guzek 5 mm w płacie górnym płuca prawego. Bez płynu.",
        "Tampak nodul 5 mm di paru kanan. Tidak tampak efusi.",
        "Kein Pneumothorax.",
        "Nodul de 5 mm în plămânul drept. Fără lichid.",
    ],
)
def test_other_languages_are_refused(text: str) -> None:
    with pytest.raises(UnsuitableInputError, match="only English is read"):
        parse_report(text)


def test_control_and_direction_marks_move_no_span() -> None:
    text = "Small\x00 right\u202e pleural\x07 effusion\u200f. \u2067No nodule\u2069."
    (effusion, nodule) = parse_report(text)
    assert (effusion.side, effusion.presence, nodule.presence) == ("right", "present", "absent")
    assert text[effusion.span[0] : effusion.span[1]] == effusion.text


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("RUL nodule 05.12.2023.", None),
        ("Nodule measuring 12 in the RUL.", None),
        ("Nodule, CT of 3/4/2021, 6 mm.", 6.0),
        ("Nodule, 2 x 3 x 4.5 cm.", 45.0),
        ("Nodule on 2 mm slices.", None),
    ],
)
def test_dates_slices_and_bare_numbers_are_no_sizes(text: str, size: float | None) -> None:
    assert parse_report(text)[0].size_mm == size


def test_contradictions_are_both_there_and_flagged() -> None:
    text = (
        "FINDINGS: No pleural effusion. 5 mm nodule.\nIMPRESSION: Small left pleural effusion. No "
        "other nodule."
    )
    findings = parse_report(text)
    assert [(f.term, f.presence, f.contradicted) for f in findings] == [
        ("pleural effusion", "absent", True),
        ("nodule", "present", False),
        ("pleural effusion", "present", True),
        ("nodule", "absent", False),
    ]
    assert any(
        "contradicts itself about “pleural effusion”" in note
        for note in report_notes(text, findings)
    )
    assert not any(
        f.contradicted for f in parse_report("Left lung: no nodule. Right lung: 5 mm nodule.")
    )


def test_a_clear_lung_beside_a_nodule_of_the_other_contradicts_nothing() -> None:
    findings = parse_report("The left lung is clear, no nodule. 6 mm nodule in the right lung.")
    assert [(f.presence, f.side, f.contradicted) for f in findings] == [
        ("absent", "left", False),
        ("present", "right", False),
    ]


def test_new_facts_have_fields_of_their_own() -> None:
    (nodule,) = parse_report("Part-solid nodule RUL, solid part 4 mm of 13 mm, previously 11 mm.")
    assert (nodule.size_mm, nodule.component_mm, nodule.earlier_size_mm) == (13, 4, 11)
    (cyst,) = parse_report("Renal cyst, 3 cm.")
    assert (cyst.term, cyst.organ) == ("extrapulmonary finding", "kidney")
    (effusion,) = parse_report("Small left plueral efusion.")
    assert (effusion.term, effusion.text) == ("pleural effusion", "plueral efusion")
    assert effusion.corrected == "pleural effusion"
    assert any("“plueral efusion” was read as" in note for note in report_notes("x", [effusion]))
    (mass,) = parse_report("Mass of 44 mm.")
    assert (mass.term, mass.to_dict()["taught_as"]) == ("mass", "nodule")


def test_marks_are_resolved_and_spans_point_into_the_original() -> None:
    text = (
        "<p>No&nbsp;pleural ef\u00adfusion</p>"
        "<li>con\ufb01rmed: 4&nbsp;mm nod\u200bule, consoli-\ndation</li>"
    )
    findings = parse_report(text)
    assert [(f.term, f.presence, f.size_mm) for f in findings] == [
        ("pleural effusion", "absent", None),
        ("nodule", "present", 4.0),
        ("consolidation", "present", None),
    ]
    assert [f.text for f in findings] == [
        "pleural ef\u00adfusion",
        "nod\u200bule",
        "consoli-\ndation",
    ]


def test_notes_say_what_was_not_read() -> None:
    text = (
        "There is a nodule measuring 12 in the right upper lobe, unchanged. The heart is normal. "
        "Всё "
        "в норме."
    )
    notes = report_notes(text, parse_report(text))
    assert any("“measuring 12” has no unit" in note for note in notes) and any(
        "another script" in note for note in notes
    )
    assert "No finding" in report_notes("The heart is normal.", [])[0]


@pytest.mark.parametrize(
    "text",
    [
        "There is a 33 mm nodule in the left\nlung and a small effusion in the\nRUL.",
        "FINDINGS\nThere is a 33 mm nodule in the left lung.\nIMPRESSION\nNodule.",
        "INDICATION: effusion?\nNodule of 33 mm in the left lung.",
        "LEFT LUNG:\n33 mm nodule.\nHEART:\nNormal.",
    ],
)
def test_layouts(text: str) -> None:
    finding = next(f for f in parse_report(text) if f.term == "nodule")
    assert (finding.side, finding.size_mm) == ("left", 33)


def test_codes_stand_beside_the_term_where_they_are_certain() -> None:
    assert parse_report("Pleural effusion.")[0].to_dict()["codes"] == {
        "radlex": "RID34539",
        "snomed_ct": "60046008",
    }
    assert parse_report("Mucus plugging.")[0].to_dict()["codes"] == {}


@pytest.mark.parametrize(
    "piece",
    [
        "nodule and effusion in the left lung with ",
        "no ",
        " ",
        "5 mm x ",
        "a\n",
        "(",
        "? ",
        "x",
        "0,",
        "\n\n",
    ],
)
def test_the_work_grows_no_faster_than_the_text(piece: str) -> None:
    """Characters that the patterns are tried at, a measure that no clock disturbs: twice the text,
    at most 2.5 times the parts."""

    def parts(length: int) -> int:
        return sum(len(part.text) ** 2 for part in sentences((piece * length)[:length]))

    assert parts(40_000) <= 2.5 * parts(20_000) + LONGEST**2
    parse_report((piece * 20_000)[:20_000] + " nodule")


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("33 mm solid, spiculated nodule in the left lung.", ("solid", "spiculated")),
        ("Nodule, 12 mm, spiculated.", ("spiculated",)),
        ("Calcified nodule and diffuse consolidation.", ("calcified",)),
        ("The nodule is not calcified.", ()),
        ("Consolidation (solid arrows).", ()),
    ],
)
def test_descriptors_belong_to_their_finding(text: str, want: tuple[str, ...]) -> None:
    assert set(want) <= set(parse_report(text)[0].descriptors) and len(
        parse_report(text)[0].descriptors
    ) == len(want)


def test_demo_report_reads_as_its_author_meant() -> None:
    report = (
        "FINDINGS: There is a 33 mm solid, spiculated nodule in the left lung, highly suspicious "
        "for malignancy. No pleural effusion.\n\n"
        "IMPRESSION: Spiculated nodule in the left lung, 33 mm."
    )
    findings = parse_report(report)
    assert [_short(f) for f in findings] == [
        "present|nodule|left|-|33",
        "absent|pleural effusion|-|-|-",
    ]
    assert report.index("nodule") in range(
        *findings[0].span
    )  # the first mention, not the impression's
    assert findings[0].to_dict()["span"] == list(findings[0].span)


@pytest.mark.parametrize("text", ["", "  \n\t "])
def test_empty_report_is_refused(text: str) -> None:
    with pytest.raises(UnsuitableInputError, match="empty"):
        parse_report(text)


def test_long_report_is_read_to_its_end() -> None:
    report = "The heart is normal. " * 2000 + "word " * 1000 + "There is a 7 mm nodule in the RUL."
    assert [_short(f) for f in parse_report(report)] == ["present|nodule|right|upper|7"]


WORDS = st.sampled_from(
    [
        *load_vocabulary().by_name,
        "no",
        "without",
        "but",
        "and",
        "cannot exclude",
        ",",
        ".",
        ";",
        ":",
        "\n",
        "RUL",
        "left",
        "both lower lobes",
        "5 mm",
        "1.2 x 3 cm",
        "from",
        "previously",
        "FINDINGS:",
        "HISTORY:",
        "(",
        ")",
        "in the",
        "?",
    ]
)


@settings(max_examples=80, deadline=None)
@given(st.one_of(st.lists(WORDS, max_size=40).map(" ".join), st.text(max_size=200)))
def test_any_text_gives_exact_spans_and_lawful_fields(text: str) -> None:
    try:
        findings = parse_report(text)
    except UnsuitableInputError:  # empty, or not English
        return
    for f in findings:
        assert text[f.span[0] : f.span[1]] == f.text
        assert f.sentence in text and f.text in f.sentence
        assert f.term in load_vocabulary().terms
        assert f.presence in ("present", "absent", "uncertain") and f.side in (
            None,
            "left",
            "right",
            "bilateral",
        )
        assert f.lobe in (None, "upper", "middle", "lower", "lingula") and f.change in (
            None,
            "new",
            "increased",
            "decreased",
            "unchanged",
            "resolved",
        )
        assert f.zone in (None, "upper", "middle", "lower") and (
            f.size_mm is None or 0 < f.size_mm <= 400
        )


@pytest.mark.parametrize(
    ("report", "findings"),
    [
        (
            "CT chest. History: prior nodule. There are two nodules: 12 mm in the RUL and 4 mm in "
            "the LLL. No effusion.",
            [("nodule", "present"), ("nodule", "present"), ("pleural effusion", "absent")],
        ),
        ("Indication: cough, pneumonia. Evaluate nodule.", []),
        (
            "Indication: nodule. The lungs are clear. Findings: consolidation on the left.",
            [("consolidation", "present")],
        ),
        ("History: emphysema. No known nodules.", []),
    ],
)
def test_a_history_in_running_text_ends_where_todays_scan_is_described(report, findings) -> None:
    assert [(f.term, f.presence) for f in parse_report(report)] == findings


@pytest.mark.parametrize(
    ("report", "presences"),
    [
        ("No cavity, no effusion, scarring at the left apex.", ["absent", "absent", "present"]),
        ("No effusion, no pneumothorax, 5 mm nodule in the RUL.", ["absent", "absent", "present"]),
        ("No nodule, no effusion, consolidation or cavity.", ["absent"] * 4),
        ("No nodule, effusion, or consolidation in the left lower lobe.", ["absent"] * 3),
        ("No nodule, no effusion or consolidation in the left lower lobe.", ["absent"] * 3),
    ],
)
def test_a_placed_finding_behind_repeated_denials_is_there(report, presences) -> None:
    assert [f.presence for f in parse_report(report)] == presences


def test_circles_before_choices_are_ticks_and_elsewhere_bullets() -> None:
    report = "Mass: ○ yes ● no\nNodule: ● yes ○ no RLL, 7 mm\nEffusion: ○ yes ● no"
    findings = parse_report(report)
    assert [(f.term, f.presence) for f in findings] == [
        ("mass", "absent"),
        ("nodule", "present"),
        ("pleural effusion", "absent"),
    ]
    assert all(report[slice(*f.span)].lower() == f.text.lower() for f in findings)
    bullets = parse_report("● Nodule in the right lung.\n● No effusion.")
    assert [(f.term, f.presence) for f in bullets] == [
        ("nodule", "present"),
        ("pleural effusion", "absent"),
    ]
