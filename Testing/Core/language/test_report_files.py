"""Reports as hospitals export them: every kind gives the findings of the plain text, and what
cannot be read says why in one sentence."""

from __future__ import annotations

import builtins
import io
import random
import zipfile
from pathlib import Path

import pytest

from DGMVLCCore.errors import DGMVLCError, UnreadableError, UnsuitableInputError
from DGMVLCCore.language.parser import parse_report
from DGMVLCCore.language.report_files import read_report, report_text
from Testing.Core.language.report_makers import (
    attached,
    content,
    docx,
    fhir,
    hl7,
    locked_pdf,
    paragraph,
    pdf,
    structured,
)

pytest.importorskip("pypdf", reason="reading PDF reports needs pypdf")
pytest.importorskip("striprtf", reason="reading RTF reports needs striprtf")

LINES = [
    "FINDINGS:",
    "There is a 14 × 12 mm nodule in the right upper lobe.",
    "No pleural effusion.",
    "Mild emphysema.",
]
PLAIN = "\n".join(LINES) + "\n"
FINDINGS = [
    ("nodule", "present", "right", "upper", 14.0),
    ("pleural effusion", "absent", None, None, None),
    ("emphysema", "present", None, None, None),
]
FINDING, IMPRESSION = ("121071", "Finding"), ("121077", "Conclusion")
RTF = (
    r"{\rtf1\ansi\ansicpg1252\deff0{\fonttbl{\f0 Arial;}}\f0\fs20 {\b FINDINGS:}\par "
    r"There is a 14 \'d7 12\~mm nodule in the right upper lobe.\par "
    r"No\~pleural effusion.\par Mild emphysema.\par}"
)
HTML = (
    "<!DOCTYPE html><html><head><style>p{margin:0}</style><title>Report</title></head><body>"
    "<b>FINDINGS:</b><p>There is a 14&nbsp;&times;&nbsp;12&nbsp;mm nodule in the right&nbsp;upper "
    "lobe.</p><p>No&nbsp;pleural effusion.</p><p><s>No emphysema.</s> Mild emphysema.</p></body>"
    "</html>"
)
BR = "\\.br\\"


def _findings(text: str) -> list[tuple[object, ...]]:
    return [(f.term, f.presence, f.side, f.lobe, f.size_mm) for f in parse_report(text)]


FILES = {
    "a.txt": (PLAIN.encode(), "text", "UTF-8"),
    "b.TXT": (PLAIN.replace("\n", "\r\n").encode("utf-8-sig"), "text", "UTF-8"),
    "c.txt": (PLAIN.encode("utf-16"), "text", "UTF-16"),
    "d.txt": (PLAIN.encode("utf-16-le"), "text", "UTF-16"),
    "e.txt": (PLAIN.encode("utf-16-be"), "text", "UTF-16"),
    "f.txt": (PLAIN.encode("cp1252"), "text", "Windows-1252"),
    "g.txt": (PLAIN.replace("\n", "\r").encode("latin-1"), "text", "Windows-1252"),
    "h.rtf": (RTF.encode(), "RTF", None),
    "i.html": (HTML.encode(), "HTML", "UTF-8"),
    "j.txt": (HTML.encode("utf-16"), "HTML", "UTF-16"),
    "k.pdf": (pdf(LINES), "PDF", None),
    "l.docx": (docx("".join(paragraph(line) for line in LINES)), "Word", None),
    "m.hl7": (hl7([f"TX|1&GDT^FINDINGS||{BR.join(LINES[1:])}||||||F"]), "HL7", "UTF-8"),
    "n.hl7": (hl7([f"TX|1&GDT||{line}||||||F" for line in LINES[1:]]), "HL7", "UTF-8"),
    "o.json": (fhir(presentedForm=attached(PLAIN.encode(), "text/plain")), "FHIR", "UTF-8"),
    "p.json": (fhir(presentedForm=attached(pdf(LINES), "application/pdf")), "FHIR", "UTF-8"),
    "q.json": (fhir(text={"div": f"<div>{'<br/>'.join(LINES)}</div>"}), "FHIR", "UTF-8"),
    "r.dcm": (structured(*(content("TEXT", FINDING, text=t) for t in LINES[1:])), "DICOM", None),
    "s.dcm": (structured(document=pdf(LINES)), "DICOM", None),
}


@pytest.mark.parametrize("name", FILES)
def test_every_kind_says_what_the_plain_text_says(tmp_path: Path, name: str) -> None:
    data, kind, encoding = FILES[name]
    (tmp_path / name).write_bytes(data)
    report = read_report(tmp_path / name)
    assert _findings(report.text) == FINDINGS
    assert (report.source.name, report.source.kind, report.source.encoding) == (
        name,
        kind,
        encoding,
    )
    assert len(report.source.sha256) == 64 and "\r" not in report.text
    assert bool(report.notes) == (encoding == "Windows-1252")


def test_plain_text_is_not_touched() -> None:
    text = "  A 5 mm nodule <br> & a cyst &nbsp; {x}\n\n\t[x] bulla\u00ad\n"
    assert report_text(text.encode(), "a.txt").text == text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<ul><li>no cyst<li>a bulla</ul>", "no cyst\na bulla\n"),
        ("No<br>effusion<BR/>left", "No\neffusion\nleft\n"),
        (
            "<table><tr><td>Effusion</td><td>none</td></tr><tr><td>Nodule:<td>7 mm</table>",
            "Effusion: none\nNodule: 7 mm\n",
        ),
        ("<table><tr><td>a<td>b<td>c</table>", "a\tb\tc\n"),
        (
            "<table><tr><td><p>No nodule.</p><p>No cyst.</p></td><td></td></tr></table>",
            "No nodule.\n\nNo cyst.\n",
        ),
        (
            "<table><tr><td><table><tr><td>Cyst</td><td>no</td></tr></table></td></tr></table>",
            "Cyst: no\n",
        ),
        ("<del>No</del> <ins>Small</ins> effusion<script>x('No')</script>", "Small effusion\n"),
        ("ground&#8209;glass &lt; 4 mm", "ground\u2011glass < 4 mm\n"),
        (
            "<h2>HISTORY:</h2><p>cough</p><p>FINDINGS:</p>clear",
            "HISTORY:\ncough\n\nFINDINGS:\nclear\n",
        ),
    ],
)
def test_html_breaks_tables_and_what_was_struck_out(body: str, text: str) -> None:
    assert report_text(f"<html>{body}</html>".encode(), "a.txt").text == text


def test_html_by_the_encoding_it_names() -> None:
    page = '<html><meta charset="iso-8859-2"><p>Łukasz: 3 mm</p></html>'
    report = report_text(page.encode("iso-8859-2"), "a.htm")
    assert report.text == "Łukasz: 3 mm\n" and report.source.encoding == "iso-8859-2"


def test_word_tables_tracked_changes_and_breaks() -> None:
    body = (
        "<w:p><w:r><w:t>Nodule</w:t></w:r><w:ins><w:r><w:t>, 5 mm</w:t></w:r></w:ins>"
        "<w:del><w:r><w:delText> none</w:delText><w:t> none</w:t></w:r></w:del>"
        "<w:r><w:br/><w:t>No cyst</w:t><w:noBreakHyphen/><w:t>like</w:t></w:r></w:p>"
        f"<w:tbl><w:tr><w:tc>{paragraph('Effusion')}</w:tc><w:tc>{paragraph('none')}</w:tc></w:tr>"
        "</w:tbl>"
    )
    assert report_text(docx(body), "a.docx").text == "Nodule, 5 mm\nNo cyst-like\nEffusion: none\n"


def test_hl7_headings_escapes_repetitions_and_withdrawn_lines() -> None:
    message = hl7(
        [
            r"TX|1^INDICATION||pneumothorax||||||F",
            r"FT|2^FINDINGS||No effusion~Cyst \T\ bulla\.sp1\\H\Nodule\N\ 5 mm \X0D\||||||F",
            "TX|2^FINDINGS||wrapped in\nits field||||||F",
            r"TX|2^FINDINGS||Pneumonia||||||W",
            r"NM|3^Diameter||5|mm|||||F",
            r"CWE|4^Cavity||LA9634-2^Absent^LN||||||F",
        ]
    )
    assert report_text(message, "a.hl7").text == (
        "INDICATION:\npneumothorax\nFINDINGS:\nNo effusion\nCyst & bulla\nNodule 5 mm\n"
        "wrapped in\nits field\nDiameter:\n5 mm\nCavity:\nAbsent\n"
    )
    framed = b"\x0b" + message + b"\x1c\r"
    assert report_text(framed, "a.txt").text == report_text(message, "a.txt").text


def test_an_hl7_document_in_base64_is_read() -> None:
    form = attached(pdf(LINES), "")[0]["data"]
    message = hl7([f"ED|1^PDF||^application^pdf^Base64^{form}||||||F"])
    assert _findings(report_text(message, "a.hl7").text) == FINDINGS


def test_fhir_results_and_conclusion_without_a_narrative() -> None:
    cyst = {
        "resourceType": "Observation",
        "id": "o1",
        "code": {"text": "Cyst"},
        "valueCodeableConcept": {"coding": [{"display": "Absent"}]},
    }
    size = {"resourceType": "Observation", "id": "o2", "code": {"text": "Nodule"}}
    size["valueQuantity"] = {"value": 5, "unit": "mm"}
    report = fhir(
        contained=[cyst, size],
        result=[{"reference": "#o1"}, {"reference": "Observation/o2"}, {"reference": "#none"}],
        conclusion="Small nodule.",
    )
    text = "Cyst: Absent\nNodule: 5 mm\nIMPRESSION: Small nodule.\n"
    assert report_text(report, "a.json").text == text
    bundle = b'{"resourceType":"Bundle","entry":[{"resource":' + report + b"}]}"
    assert report_text(bundle, "a.json").text == text


def test_measurement_groups_become_sentences_with_their_place_and_size() -> None:
    side = content("CODE", ("272741003", "Laterality"), meaning="Left", relation="HAS CONCEPT MOD")
    group = content(
        "CONTAINER",
        ("125007", "Measurement Group"),
        children=(
            content("TEXT", ("112039", "Tracking Identifier"), text="Lesion 1"),
            content("CODE", FINDING, meaning="Nodule"),
            content(
                "CODE",
                ("363698007", "Finding Site"),
                meaning="Upper lobe of lung",
                children=(side,),
            ),
            content("NUM", ("103339001", "Long Axis"), number=(12.5, "mm")),
            content("NUM", ("103340004", "Short Axis"), number=(9, "mm")),
            content("NUM", ("118565006", "Volume"), number=(810, "mm3")),
        ),
    )
    report = structured(
        content("CONTAINER", ("121070", "Findings"), children=(group,)),
        content("CODE", ("60046008", "Pleural effusion"), meaning="Absent"),
        content("TEXT", IMPRESSION, text="Stable emphysema."),
        measured=True,
    )
    text = report_text(report, "a.dcm").text
    assert text == (
        "Findings:\nNodule, Left Upper lobe of lung, 12.5 x 9 mm.\nVolume: 810 mm3.\n"
        "Pleural effusion: Absent\nStable emphysema.\n"
    )
    assert _findings(text)[0] == ("nodule", "present", "left", "upper", 12.5)


def _bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("word/document.xml", b" " * (33 << 20))
    return out.getvalue()


def _scan() -> bytes:
    return pdf([])


CUT_DOCX = docx(paragraph("Nodule. " * 400))[:-60]
FLIPPED = bytearray(docx(paragraph("Nodule. " * 4)))
FLIPPED[60] ^= 0xFF
REFUSED = {
    "empty.txt": (b" \r\n", UnsuitableInputError, "is empty"),
    "binary.txt": (bytes(range(256)) * 40, UnreadableError, "binary data"),
    "cut16.txt": (PLAIN.encode("utf-16")[:-1], UnreadableError, "middle of a character"),
    "cut.rtf": (RTF.encode()[:-20], UnreadableError, "middle of its RTF"),
    "scan.pdf": (_scan(), UnsuitableInputError, "PDF without text"),
    "locked.pdf": (locked_pdf(LINES, "secret"), UnsuitableInputError, "with a password"),
    "cut.pdf": (pdf(LINES)[:-40], UnreadableError, "is cut"),
    "damaged.pdf": (b"%PDF-1.4\n1 0 obj<<>>endobj\n%%EOF", UnreadableError, "damaged PDF"),
    "long.pdf": (pdf(["x"], pages=101), UnsuitableInputError, "101 pages"),
    "cut.docx": (CUT_DOCX, UnreadableError, "damaged Word document"),
    "flipped.docx": (bytes(FLIPPED), UnreadableError, "damaged Word document"),
    "broken.docx": (docx("<w:p>"), UnreadableError, "damaged Word document"),
    "bomb.docx": (_bomb(), UnsuitableInputError, "32 MiB"),
    "old.doc": (b"\xd0\xcf\x11\xe0" + bytes(600), UnsuitableInputError, "old Word document"),
    "picture.txt": (b"\x89PNG\r\n\x1a\n" + bytes(60), UnsuitableInputError, "is a picture"),
    "packed.txt": (b"\x1f\x8b" + bytes(60), UnsuitableInputError, "packed file"),
    "cda.xml": (b"<?xml version='1.0'?><ClinicalDocument/>", UnsuitableInputError, "XML"),
    "two.hl7": (hl7(["TX|1||a"]) * 2, UnsuitableInputError, "2 HL7 messages"),
    "none.hl7": (hl7([]), UnsuitableInputError, "without report text"),
    "base64.hl7": (hl7(["ED|1||^a^pdf^Base64^J*"]), UnreadableError, "base64"),
    "cut.json": (fhir(conclusion="x")[:-2], UnreadableError, "no complete JSON"),
    "deep.json": (b'{"a":' * 200_000, UnreadableError, "no complete JSON"),
    "other.json": (b'{"resourceType": "Patient"}', UnsuitableInputError, "no FHIR"),
    "void.json": (fhir(status="entered-in-error"), UnsuitableInputError, "withdrawn"),
    "url.json": (fhir(presentedForm=[{"url": "x"}]), UnsuitableInputError, "without text"),
    "scan.dcm": (structured(), UnsuitableInputError, "without report text"),
    "cut.dcm": (structured(document=pdf(LINES))[:-900], DGMVLCError, "cut.dcm"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_says_why_in_one_sentence(tmp_path: Path, name: str) -> None:
    data, error, words = REFUSED[name]
    (tmp_path / name).write_bytes(data)
    with pytest.raises(error, match=words) as caught:
        read_report(tmp_path / name)
    sentence = str(caught.value)
    assert name in sentence and len(sentence) < 250 and "\n" not in sentence


@pytest.mark.parametrize("name", FILES)
def test_damage_anywhere_is_read_or_told_never_a_traceback(
    name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    chance, told = random.Random(name), 0
    for _ in range(30):
        data = bytearray(FILES[name][0])
        for _ in range(chance.choice((1, 3, 20))):
            at = chance.randrange(max(1, len(data) - 20))
            data[at : at + chance.randrange(20)] = chance.randbytes(chance.randrange(9))
        try:
            report_text(bytes(data), name)
        except DGMVLCError as error:
            told += 1
            assert "\n" not in str(error) and len(str(error)) < 300
    assert told > 0 or name in ("m.hl7", "n.hl7")
    assert "Warning" not in capfd.readouterr().err


def test_a_missing_or_a_huge_file(tmp_path: Path) -> None:
    with pytest.raises(UnreadableError, match="No such file"):
        read_report(tmp_path / "none.txt")
    (tmp_path / "huge.txt").write_bytes(b"")
    with (tmp_path / "huge.txt").open("r+b") as file:
        file.truncate((32 << 20) + 1)
    with pytest.raises(UnsuitableInputError, match="larger than 32 MiB"):
        read_report(tmp_path / "huge.txt")
    with pytest.raises(UnsuitableInputError, match="1200000 characters"):
        report_text(b"nodule. " * 150_000, "long.txt")


@pytest.mark.parametrize(("name", "library"), [("a.pdf", "pypdf"), ("a.rtf", "striprtf")])
def test_a_missing_library_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, library: str
) -> None:
    real = builtins.__import__

    def without(wanted: str, *rest: object, **named: object) -> object:
        if wanted.split(".")[0] == library:
            raise ImportError(wanted)
        return real(wanted, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without)
    data = pdf(LINES) if library == "pypdf" else RTF.encode()
    with pytest.raises(UnsuitableInputError, match=rf"needs {library}.*dgmvlc\[reports\]"):
        report_text(data, name)


@pytest.mark.parametrize(
    "text",
    [
        "N\u043e pleural effusi\u043en. A 14 mm n\u03bfdule in the right upper lobe.",
        "N0 pleural effusion. A l4 mm nodule in the right upper lobe.",
        "\u039d\u03bf pleural effusion. A 14 mm nodule in the right upper lobe.",  # all Greek
        "\u039dO PLEURAL EFFUSION. A 14 mm nodule in the right upper lobe.",
        "No pleural effusion. A I4 mm nodule in the right upper lobe.",
    ],
)
def test_letters_that_look_like_others_turn_no_denial_and_no_size(text: str) -> None:
    said = {(f.term, f.presence, f.size_mm) for f in parse_report(text)}
    assert said == {("pleural effusion", "absent", None), ("nodule", "present", 14.0)}


def test_stages_and_words_of_other_scripts_stay_what_they_are() -> None:
    from DGMVLCCore.language.text import plain_text

    for text in ("pT1 N0 M0.", "cN0, M0", "\u043d\u043e \u044d\u0442\u043e", "Il 5 mm"):
        assert plain_text(text).text == text


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="a device of POSIX systems")
def test_a_device_that_never_ends_is_no_report() -> None:
    with pytest.raises(UnreadableError, match="it is a device, no file"):
        read_report("/dev/zero")


def test_an_e_mail_is_read_as_its_text() -> None:
    mail = (
        b"From: a@b\nMIME-Version: 1.0\nContent-Type: text/plain; charset=iso-8859-1\n"
        b"Content-Transfer-Encoding: quoted-printable\n\nNo=20effusion. 12 mm nod=\nule. =E4\n"
    )
    read = report_text(mail, "report.eml")
    assert read.text.strip() == "No effusion. 12 mm nodule. ä" and read.notes
    for broken in (mail.replace(b"iso-8859-1", b"klingon"), mail[: mail.find(b"\n\n") + 2]):
        with pytest.raises(DGMVLCError, match="e-mail"):
            report_text(broken, "report.eml")
    report_text(b"MIME-Version: 1.0\n\n" * 10_000 + b"No effusion.", "report.eml")  # no recursion


def test_blanks_of_a_link_are_no_number() -> None:
    assert report_text(b"12%20mm%20nodule", "report.txt").text == "12 mm nodule"
