"""A FHIR DiagnosticReport (JSON, R4 and later; alone or in a Bundle) -> text."""

from __future__ import annotations

import json
from typing import Any

from DGMVLCCore.errors import UnreadableError, UnsuitableInputError
from DGMVLCCore.language.formats.embedded import Embedded, unpacked
from DGMVLCCore.language.formats.markup import html_text

Resource = dict[str, Any]  # foreign JSON: every field is checked where it is used
WITHDRAWN = ("entered-in-error", "cancelled")


def _resources(value: Any) -> list[Resource]:
    """The resource, and those in its Bundle or contained in them."""
    if not isinstance(value, dict):
        return []
    inside = (
        [entry.get("resource") for entry in _objects(value.get("entry"))]
        if value.get("resourceType") == "Bundle"
        else []
    )
    own = [value, *(one for one in inside if isinstance(one, dict))]
    return [*own, *(one for resource in own for one in _objects(resource.get("contained")))]


def _objects(value: Any) -> list[Resource]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _words(concept: Any) -> str:
    """A CodeableConcept in words."""
    if not isinstance(concept, dict):
        return ""
    displays = [c.get("display") for c in _objects(concept.get("coding"))]
    said = [concept.get("text"), *displays]
    return next((one for one in said if isinstance(one, str) and one.strip()), "")


def _observed(observation: Resource) -> str:
    """An Observation as a line: its name and its value."""
    value = observation.get("valueString") or _words(observation.get("valueCodeableConcept"))
    quantity = observation.get("valueQuantity")
    if isinstance(quantity, dict):
        value = f"{quantity.get('value', '')} {quantity.get('unit') or quantity.get('code', '')}"
    if isinstance(observation.get("valueBoolean"), bool):
        value = "yes" if observation["valueBoolean"] else "no"
    name = _words(observation.get("code"))
    return f"{name}: {value}" if name and value else str(value or "")


def _presented(report: Resource, name: str, embedded: Embedded) -> str:
    """Text of the first attached document that is in the file itself."""
    for form in _objects(report.get("presentedForm")):
        if isinstance(form.get("data"), str):
            return embedded(unpacked(form["data"], name), name)
    return ""


def _narrated(report: Resource, others: list[Resource]) -> str:
    """Narrative, results and conclusion, each once."""
    narrative = report.get("text")
    div = narrative.get("div") if isinstance(narrative, dict) else None
    said = [html_text(div).strip()] if isinstance(div, str) else []
    if not any(said):
        known = {key: one for one in others for key in _keys(one)}
        results = [_key(one.get("reference")) for one in _objects(report.get("result"))]
        said += [_observed(known[key]) for key in results if key in known]
    conclusion = report.get("conclusion")
    if not isinstance(conclusion, str) or not conclusion.strip():
        codes = [_words(code) for code in _objects(report.get("conclusionCode"))]
        conclusion = "; ".join(filter(None, codes))
    if conclusion.strip() and conclusion.strip() not in "\n".join(said):
        said.append(f"IMPRESSION: {conclusion.strip()}")
    return "\n".join(filter(None, said))


def _key(reference: Any) -> str:
    return reference.lstrip("#").rpartition("/")[2] if isinstance(reference, str) else ""


def _keys(resource: Resource) -> list[str]:
    return [resource["id"]] if isinstance(resource.get("id"), str) else []


def fhir_text(data: str, name: str, embedded: Embedded) -> str:
    """Text of the one DiagnosticReport: its attached document, else narrative and conclusion.

    Raises:
        UnreadableError: no JSON, or a damaged document within. UnsuitableInputError: another
            resource, several reports, a withdrawn one, or no text in the file.
    """
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"{name} is no complete JSON; export the report again.") from error
    resources = _resources(value)
    reports = [one for one in resources if one.get("resourceType") == "DiagnosticReport"]
    if not reports:
        raise UnsuitableInputError(
            f"{name} is JSON but holds no FHIR DiagnosticReport; give the report as text."
        )
    if len(reports) > 1:
        raise UnsuitableInputError(
            f"{name} holds {len(reports)} DiagnosticReports; give one report a file."
        )
    (report,) = reports
    if report.get("status") in WITHDRAWN:
        raise UnsuitableInputError(f"The report in {name} was withdrawn ({report['status']}).")
    text = _presented(report, name, embedded) or _narrated(report, resources)
    if not text.strip():
        raise UnsuitableInputError(
            f"{name} is a DiagnosticReport without text in it; save its document beside the scan."
        )
    return text.strip() + "\n"
