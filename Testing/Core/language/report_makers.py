"""Report files of every kind that is read, made from lines of text, a few hundred bytes each."""

from __future__ import annotations

import base64
import io
import json
import zipfile

from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import (
    BasicTextSRStorage,
    ComprehensiveSRStorage,
    EncapsulatedPDFStorage,
    ExplicitVRLittleEndian,
    generate_uid,
)

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def pdf(lines: list[str], *, pages: int = 1) -> bytes:
    """A PDF (1.4) with a line of text for each of `lines` on every page."""
    shown = " ".join(
        f"({line.replace('(', '[').replace(')', ']')}) Tj 0 -14 Td" for line in lines
    ).encode("cp1252")
    content = b"BT /F1 11 Tf 72 720 Td " + shown + b" ET"
    kids = " ".join(f"{5 + n} 0 R" for n in range(pages))
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 3 0 R"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Kids[{kids}]/Count {pages}>>".encode(),
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
        *[page + b"/Resources<</Font<</F1 4 0 R>>>>>>"] * pages,
    ]
    out, places = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    end = b"trailer<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n"
    return out + head + table + end % (len(objects) + 1, len(out))


def locked_pdf(lines: list[str], password: str) -> bytes:
    """The same with a password to open it."""
    from pypdf import PdfReader, PdfWriter

    writer, out = PdfWriter(clone_from=PdfReader(io.BytesIO(pdf(lines)))), io.BytesIO()
    writer.encrypt(password, "owner", algorithm="RC4-128")
    writer.write(out)
    return out.getvalue()


def docx(body: str) -> bytes:
    """A Word document with this XML in its body."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(
            "word/document.xml",
            f'<w:document xmlns:w="{WORD}"><w:body>{body}</w:body></w:document>',
        )
    return out.getvalue()


def paragraph(text: str) -> str:
    """A paragraph of a Word document, cut into two runs as Word does."""
    half = len(text) // 2
    runs = "".join(
        f'<w:r><w:t xml:space="preserve">{part}</w:t></w:r>' for part in (text[:half], text[half:])
    )
    return f"<w:p>{runs}</w:p>"


def hl7(observations: list[str]) -> bytes:
    """An ORU message with these OBX segments (from the second field on)."""
    segments = [
        r"MSH|^~\&|RIS|HOSP|EHR|HOSP|202401011200||ORU^R01|1|P|2.5",
        "PID|1||P001||DOE^JANE",
        "OBR|1||A1|71250^CT CHEST",
        *(f"OBX|{n}|{words}" for n, words in enumerate(observations, 1)),
    ]
    return ("\r".join(segments) + "\r").encode()


def fhir(**fields: object) -> bytes:
    """A DiagnosticReport."""
    return json.dumps(
        {"resourceType": "DiagnosticReport", "status": "final", **fields}, ensure_ascii=False
    ).encode()


def attached(data: bytes, kind: str) -> list[dict[str, str]]:
    """`presentedForm` of a document."""
    return [{"contentType": kind, "data": base64.b64encode(data).decode()}]


def code(value: str, meaning: str) -> list[Dataset]:
    """A code sequence of one."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "DCM", meaning
    return [item]


def content(
    kind: str,
    concept: tuple[str, str],
    *,
    text: str = "",
    meaning: str = "",
    number: tuple[float, str] | None = None,
    children: tuple[Dataset, ...] = (),
    relation: str = "CONTAINS",
) -> Dataset:
    """An item of a structured report."""
    item = Dataset()
    item.RelationshipType, item.ValueType = relation, kind
    item.ConceptNameCodeSequence = code(*concept)
    if text:
        item.TextValue = text
    if meaning:
        item.ConceptCodeSequence = code("1", meaning)
    if number:
        value = Dataset()
        value.NumericValue = str(number[0])
        value.MeasurementUnitsCodeSequence = code(number[1], number[1])
        item.MeasuredValueSequence = [value]
    if children:
        item.ContentSequence = list(children)
    return item


def structured(*items: Dataset, measured: bool = False, document: bytes | None = None) -> bytes:
    """A DICOM structured report, or an encapsulated document."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = (
        EncapsulatedPDFStorage
        if document
        else ComprehensiveSRStorage
        if measured
        else BasicTextSRStorage
    )
    meta.MediaStorageSOPInstanceUID = generate_uid()
    data = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID = meta.MediaStorageSOPClassUID
    data.SOPInstanceUID, data.Modality = meta.MediaStorageSOPInstanceUID, "SR"
    if document:
        data.MIMETypeOfEncapsulatedDocument = "application/pdf"
        data.EncapsulatedDocument = document + b"\0" * (len(document) % 2)
    if items:
        data.ValueType, data.ConceptNameCodeSequence = "CONTAINER", code("18748-4", "Report")
        data.ContentSequence = list(items)
    out = io.BytesIO()
    data.save_as(out, enforce_file_format=True)
    return out.getvalue()
