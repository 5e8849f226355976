"""Headers of a patient's slices as derived objects may repeat them: decoded whatever their
character set, and without values that break the standard (DICOM PS3.5 6.2)."""

from __future__ import annotations

import re
import warnings
from datetime import datetime
from pathlib import Path
from typing import Any

from pydicom.datadict import dictionary_VM, dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset

from DGMVLCCore.errors import UnreadableError, quoted
from DGMVLCCore.imaging import dicom_tags as tags

UTF8 = "ISO_IR 192"
# Beside what a module asks for: identity, geometry and equipment of a slice.
ALWAYS = (
    *("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID", "Modality", "Rows", "Columns"),
    *("InstanceNumber", "BodyPartExamined", "Manufacturer", "ManufacturerModelName"),
    *("RescaleSlope", "RescaleIntercept", "SamplesPerPixel", "SyntheticData"),
)
PRIVATE = ("Patient", "Accession", "Referring", "StudyID")  # no note quotes them
SEXES = ("M", "F", "O")
PATTERNS = {
    "AS": re.compile(r"\d{3}[DWMY]"),
    "CS": re.compile(r"[A-Z0-9_ ]{1,16}"),
    "TM": re.compile(r"([01]\d|2[0-3])([0-5]\d([0-5]\d(\.\d{1,6})?)?)?"),
    "UI": re.compile(r"[0-9.]{1,64}"),
}
LENGTHS = {"LO": 64, "SH": 16, "PN": 324, "ST": 1024, "LT": 10240}
COUNTS = {"PixelSpacing": 2, "ImagePositionPatient": 3, "ImageOrientationPatient": 6}


def _date(text: str) -> bool:
    try:
        return len(text) == 8 and bool(datetime.strptime(text, "%Y%m%d"))
    except ValueError:
        return False


def _fits(keyword: str, vr: str, text: str) -> bool:
    """True for one value that the standard allows."""
    if keyword == "PatientSex":
        return text in SEXES
    if vr == "DA":
        return _date(text)
    if vr in PATTERNS:
        return bool(PATTERNS[vr].fullmatch(text))
    return not any(ord(c) < 32 and c != "\x1b" for c in text)


def _text_values(header: Dataset, keyword: str) -> list[str]:
    """Decoded values of a text element."""
    value = header.get(keyword)
    if value is None:
        return []
    many = type(value).__name__ == "MultiValue" or isinstance(value, list)
    return [str(part) for part in (value if many else [value])]


def _value(header: Dataset, keyword: str, path: Path) -> Any:
    """A value that may be repeated, None for an empty one.

    Raises:
        ValueError: it breaks the standard; its text is what stands there.
    """
    vr = dictionary_VR(tag_for_keyword(keyword) or 0)
    if vr == "SQ":
        return tags.items(header, keyword) or None
    if vr in ("DS", "IS", "US", "UL", "FD"):
        try:
            numbers = tags.numbers(header, keyword, COUNTS.get(keyword, 1), path)
        except UnreadableError as error:
            raise ValueError(tags.text(header, keyword) or "?") from error
        if numbers is None:
            return None
        if vr in ("IS", "US", "UL"):
            if any(n != int(n) for n in numbers):
                raise ValueError(str(numbers[0]))
            numbers = tuple(int(n) for n in numbers)
        return numbers[0] if len(numbers) == 1 else list(numbers)
    try:
        values = _text_values(header, keyword)
    except tags.DAMAGE as error:
        raise ValueError("?") from error
    if not any(values):
        return None
    if wrong := [text for text in values if text and not _fits(keyword, vr, text)]:
        raise ValueError(wrong[0])
    if len(values) > 1 and dictionary_VM(tag_for_keyword(keyword) or 0) == "1":
        return " ".join(filter(None, values))  # a backslash in a name parts it
    return values[0] if len(values) == 1 else values


def _decimal(value: Any) -> Any:
    """A number, or each of several, in at most the 16 characters of a decimal string."""
    from pydicom.valuerep import DSfloat

    if isinstance(value, list):
        return [DSfloat(v, auto_format=True) for v in value]
    return DSfloat(value, auto_format=True)


def clean_header(
    header: Dataset, keywords: tuple[str, ...], path: Path
) -> tuple[Dataset, list[str]]:
    """A header of these keywords in Unicode, and a note on each value that was left out.

    Args:
        path: of the series, for sentences.
    """
    clean, notes = Dataset(), []
    clean.SpecificCharacterSet = UTF8
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for keyword in dict.fromkeys((*ALWAYS, *keywords)):
            if keyword not in header:
                continue
            try:
                value = _value(header, keyword, path)
            except ValueError as error:
                value = None
                shown = "a value" if keyword.startswith(PRIVATE) else quoted(error)
                notes.append(
                    f"The series gives {keyword} as {shown}, which DICOM does not allow; "
                    "it was left out."
                )
            vr = dictionary_VR(tag_for_keyword(keyword) or 0)
            if vr == "DS" and value is not None:
                value = _decimal(value)
            longest = LENGTHS.get(vr)
            if longest and isinstance(value, str) and len(value) > longest:
                notes.append(
                    f"The series gives {keyword} with {len(value)} characters, more than the "
                    f"{longest} of DICOM; it was kept as it is."
                )
            setattr(clean, keyword, value)
    return clean, notes
