"""DICOM structured reports (basic text, measurement report TID 1500) and encapsulated documents
-> text."""

from __future__ import annotations

import io
import warnings
from typing import TYPE_CHECKING

from DGMVLCCore.errors import UnreadableError, UnsuitableInputError
from DGMVLCCore.language.formats.embedded import Embedded

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

LEVELS = 30  # of nesting; TID 1500 has six
MOST_ITEMS = 20_000
# Concept codes (PS3.16, TID 1411 and 1501); older objects use the SNOMED-RT values
GROUP = ("125007",)
FINDING = ("121071",)
SITE = ("363698007", "G-C0E3")
LATERALITY = ("272741003", "G-C171")
LENGTHS = ("mm", "cm")  # UCUM


def _code(item: Dataset) -> tuple[str, str]:
    """Value and meaning of an item's concept name."""
    name = next(iter(item.get("ConceptNameCodeSequence", None) or ()), None)
    if name is None:
        return "", ""
    return str(name.get("CodeValue", "")), str(name.get("CodeMeaning", ""))


def _meaning(item: Dataset) -> str:
    concept = next(iter(item.get("ConceptCodeSequence", None) or ()), None)
    return str(concept.get("CodeMeaning", "")) if concept is not None else ""


def _children(item: Dataset) -> list[Dataset]:
    return list(item.get("ContentSequence", None) or ())


def _measured(item: Dataset) -> tuple[str, str]:
    """Number and unit of a NUM item; empty when it was not measured."""
    value = next(iter(item.get("MeasuredValueSequence", None) or ()), None)
    if value is None or value.get("NumericValue", None) is None:
        return "", ""
    unit = next(iter(value.get("MeasurementUnitsCodeSequence", None) or ()), None)
    return f"{float(value.NumericValue):g}", str(unit.get("CodeValue", "")) if unit else ""


def _coded(items: list[Dataset], codes: tuple[str, ...]) -> str:
    """Meaning of the first of these items with one of the concept codes."""
    return next((_meaning(item) for item in items if _code(item)[0] in codes), "")


def _group(group: Dataset) -> list[str]:
    """A measurement group as a sentence (“Nodule, right upper lobe of lung, 12 x 9 mm.”), and what
    else it measures, a line each."""
    items = _children(group)
    finding = _coded(items, FINDING) or "Finding"
    site = next((item for item in items if _code(item)[0] in SITE), None)
    place = _meaning(site) if site is not None else ""
    side = _coded(_children(site), LATERALITY) if site is not None else ""
    if side and side.lower() not in place.lower():
        place = f"{side} {place}"
    lengths: dict[str, list[str]] = {}
    rest = []
    for item in items:
        code, name = _code(item)
        kind = str(item.get("ValueType", ""))
        if kind == "NUM":
            number, unit = _measured(item)
            if number and unit in LENGTHS:
                lengths.setdefault(unit, []).append(number)
            elif number:
                rest.append(f"{name}: {number} {unit}.")
        elif kind == "CODE" and code not in (*FINDING, *SITE):
            rest.append(f"{name}: {_meaning(item)}.")
        elif kind == "TEXT" and "tracking" not in name.lower():
            rest.append(str(item.get("TextValue", "")))
    sizes = [f"{' x '.join(numbers)} {unit}" for unit, numbers in lengths.items()]
    return [", ".join(filter(None, (finding, place, *sizes))) + ".", *rest]


class _Writer:
    def __init__(self, name: str) -> None:
        self.lines: list[str] = []
        self._name, self._items = name, 0

    def items(self, parent: Dataset, level: int = 0) -> None:
        """What the children of an item say, a line each."""
        for item in _children(parent):
            self._items += 1
            if level > LEVELS or self._items > MOST_ITEMS:
                raise UnsuitableInputError(f"{self._name} is too large for a report.")
            code, name = _code(item)
            kind = str(item.get("ValueType", ""))
            relation = str(item.get("RelationshipType", ""))
            if kind == "CONTAINER" and code in GROUP:
                self.lines += _group(item)
                continue
            if kind == "CONTAINER":
                self.lines += [f"{name.rstrip(':')}:"] if name else []
            elif relation in ("CONTAINS", "HAS PROPERTIES", "INFERRED FROM"):
                self._value(item, code, name, kind)
            if kind == "CONTAINER" or relation != "HAS CONCEPT MOD":
                self.items(item, level + 1)

    def _value(self, item: Dataset, code: str, name: str, kind: str) -> None:
        said = ""
        if kind == "TEXT":
            said = str(item.get("TextValue", "")).strip()
        elif kind == "CODE":
            said = _meaning(item)
        elif kind == "NUM":
            said = " ".join(_measured(item)).strip()
        if not said:
            return
        plain = code in FINDING or kind == "TEXT" and name.lower() in ("finding", "conclusion", "")
        self.lines.append(said if plain or not name else f"{name}: {said}")


def _contents(data: bytes, name: str) -> tuple[bytes | None, str]:
    """The encapsulated document of an object, and what its content items say."""
    import pydicom

    dataset = pydicom.dcmread(io.BytesIO(data))
    document = dataset.get("EncapsulatedDocument", None)
    if document is not None:
        return bytes(document), ""
    writer = _Writer(name)
    writer.items(dataset)
    return None, "\n".join(line for line in writer.lines if line.strip())


def dicom_text(data: bytes, name: str, embedded: Embedded) -> str:
    """Text of a structured report, or of the document in an encapsulated one.

    Raises:
        UnreadableError: damaged. UnsuitableInputError: a scan or another object without report
            text.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # values against the standard, of private tags too
            document, text = _contents(data, name)
    except UnsuitableInputError:
        raise
    except Exception as error:  # a damaged data set fails wherever its values are first used
        raise UnreadableError(
            f"{name} is a damaged DICOM object ({type(error).__name__}); export it again."
        ) from error
    if document is not None:
        return embedded(document.rstrip(b"\0"), name)
    if not text:
        raise UnsuitableInputError(
            f"{name} is a DICOM object without report text; give a structured report (SR) or text."
        )
    return text + "\n"
