"""What was read from a report as a person sees it: every finding in its row, its words marked where
they stand, and what was not understood shown."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from DGMVLCCore.language.findings import Finding
from DGMVLCCore.language.parser import parse_report
from DGMVLCCore.language.report_files import ReportText, report_text
from DGMVLCCore.language.unread import unread
from DGMVLCCore.report.findings import finding_rows, pieces, report_lines, report_page

TEXT = (
    "HISTORY: pneumothorax.\nTwo nodules: 12 mm RUL and 4 mm LLL. No effusion.\n"
    "Possible scarring. Heart <b>normal</b>.\n"
)
NODULES = "Two nodules: 12 mm RUL and 4 mm LLL."


def finding(term: str, text: str, presence: str, sentence: str, **facts: Any) -> Finding:
    """A finding with its span in TEXT."""
    at = TEXT.index(text)
    said = {"side": None, "zone": None, "size_mm": None, "descriptors": ()} | facts
    return Finding(term, presence, span=(at, at + len(text)), text=text, sentence=sentence, **said)


FINDINGS = [
    finding("nodule", "nodules", "present", NODULES, side="right", lobe="upper", size_mm=12.0),
    finding("nodule", "nodules", "present", NODULES, side="left", lobe="lower", size_mm=4.0),
    finding("pleural effusion", "effusion", "absent", "No effusion."),
    finding("scarring", "scarring", "uncertain", "Possible scarring.", zone="lower", count=2),
]


def _report() -> ReportText:
    return report_text(TEXT.encode(), "a<b>.txt")


def test_every_finding_has_its_row() -> None:
    assert finding_rows(FINDINGS) == [
        ("1", "nodule", "present", "right", "upper lobe", "12 mm", "nodules"),
        ("2", "nodule", "present", "left", "lower lobe", "4 mm", "nodules"),
        ("3", "pleural effusion", "absent", "", "", "", "effusion"),
        ("4", "scarring", "uncertain", "", "lower zone", "", "scarring, 2 of them"),
    ]


def test_a_row_holds_the_component_the_earlier_size_the_organ_and_the_correction() -> None:
    told = finding("mass", "nodules", "present", NODULES, size_mm=14.0, component_mm=4.0)
    told = replace(told, earlier_size_mm=9.5, organ="liver", corrected="mass", change="increased")
    told = replace(told, contradicted=True, lobe="lingula")
    assert finding_rows([told])[0][4:] == (
        "lingula, liver",
        "14 mm, solid 4 mm, before 9.5 mm",
        "nodules (read as mass), increased, contradicted elsewhere",
    )


def test_what_no_finding_was_read_from_is_told_and_headings_are_not() -> None:
    silent = [TEXT[a:b] for a, b in unread(TEXT, FINDINGS)]
    assert silent == ["HISTORY: pneumothorax.", "Heart <b>normal</b>."]
    assert unread("FINDINGS:\n--\nNo nodule.", []) == [(13, 23)]


def test_words_are_marked_in_brackets_or_in_colour() -> None:
    plain = "\n".join(report_lines(_report(), FINDINGS, ["A note."]))
    assert "Two [1,2+ nodules]: 12 mm RUL and 4 mm LLL. No [3- effusion].\n" in plain
    assert "Possible [4? scarring]. Heart <b>normal</b>.\n" in plain and "\x1b" not in plain
    assert "No finding was read from:\n  HISTORY: pneumothorax.\n  Heart <b>normal</b>." in plain
    assert plain.endswith("\n\nnote: A note.")
    coloured = "\n".join(report_lines(_report(), FINDINGS, [], colour=True))
    assert "No \x1b[32meffusion\x1b[0m" in coloured and "\x1b[2mHISTORY" in coloured


def test_what_says_a_finding_again_or_says_more_of_it_is_marked_with_it() -> None:
    text = (
        "FINDINGS: Nodule in the right upper lobe. It measures 14 mm. No effusion. Trachea midline."
        "\nIMPRESSION: 14 mm nodule, right upper lobe. <br>No&nbsp;effusion."
    )
    findings = parse_report(text)
    assert [[text[a:b] for a, b in f.again] for f in findings] == [
        ["It measures 14 mm.", "nodule"],
        ["effusion"],
    ]
    assert [text[a:b] for a, b in unread(text, findings)] == ["Trachea midline."]
    plain = "\n".join(report_lines(ReportText(text, _report().source), findings, []))
    assert "[1+ It measures 14 mm.] No [2- effusion]." in plain
    assert "14 mm [1+ nodule], right upper lobe. <br>No&nbsp;[2- effusion]." in plain


def test_a_terminal_gets_no_control_characters_of_the_report() -> None:
    text = "No \x1b]0;title\x07\x9b2J\u202enodule."
    lines = report_lines(ReportText(text, _report().source), [], [text])
    assert "nodule" in "".join(lines)
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", "\n".join(lines))


def test_no_finding_is_said_so() -> None:
    assert report_lines(_report(), [], [])[0] == "No finding was read."
    assert "No finding was read." in report_page(_report(), [], [])


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page_holds_the_report_as_text_and_loads_nothing() -> None:
    page = _Page()
    page.feed(report_page(_report(), FINDINGS, ["<script>alert(1)</script>"]))
    tags = [tag for tag, _ in page.tags]
    assert not {"script", "img", "link", "iframe", "b"} & {*tags} and tags.count("mark") == 4 + 3
    links = [attrs["href"] for tag, attrs in page.tags if tag == "a"]
    assert links == ["#finding-1", "#finding-2", "#finding-3", "#finding-4"]
    assert {attrs.get("id") for tag, attrs in page.tags if tag == "tr"} >= {"finding-4"}
    text = "".join(page.text)
    assert "Heart <b>normal</b>." in text and "<script>alert(1)</script>" in text
    assert "a<b>.txt: text, UTF-8, SHA-256 " in text and "not a medical device" in text


@settings(max_examples=60, deadline=None)
@given(
    st.text("ab. \n:<", max_size=60),
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 9)), max_size=6),
)
def test_the_pieces_are_the_whole_report(text: str, places: list[tuple[int, int]]) -> None:
    findings = [
        Finding("cyst", "present", None, None, None, (), (a, min(a + n, len(text))), "", "")
        for a, n in places
        if a < len(text)
    ]
    parts = pieces(text, findings)
    assert "".join(piece.text for piece in parts) == text
    assert sorted(n for piece in parts for n in piece.numbers) == list(range(1, len(findings) + 1))


def test_a_terminal_gets_a_hyphenated_word_whole_and_no_control_characters() -> None:
    text = "A 9 mm no\u00addule in the right upper lobe, an effu\u200bsion; nothing else.\x1b[2J"
    report = report_text(text.encode(), "a.txt")
    findings = parse_report(report.text)
    lines = "\n".join(report_lines(report, findings, []))
    assert "nodule]" in lines and "effusion" in lines and "\x1b" not in lines
