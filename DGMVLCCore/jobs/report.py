"""The findings of a report's text, for a viewer."""

from __future__ import annotations

from DGMVLCCore.errors import UnsuitableInputError, UsageError
from DGMVLCCore.language.parser import parse_report

LONGEST = 200_000


def findings_of(text: object) -> list[dict[str, object]]:
    """What a report says, as JSON holds it.

    Raises:
        UsageError: no text. UnsuitableInputError: too long a one.
    """
    if not isinstance(text, str):
        raise UsageError("A report needs a text.")
    if len(text) > LONGEST:
        raise UnsuitableInputError(
            f"The text has {len(text)} characters, too many for a report (at most {LONGEST})."
        )
    return [finding.to_dict() for finding in parse_report(text)]
