"""Records that the program writes: plain JSON, checked against a schema of `schema/`, written whole
or not at all."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar

import msgspec
import numpy as np
from msgspec import Meta, Struct

from DGMVLCCore import __version__
from DGMVLCCore.errors import OutputError, UnreadableError
from DGMVLCCore.ground.plain_json import read_json
from DGMVLCCore.ground.whole import whole_file

MOST_FILES = 10_000  # a record of more would take minutes to be checked
SCHEMAS = Path(__file__).parent / "schema"
R = TypeVar("R", bound=Struct)
FileName = Annotated[str, Meta(pattern=r"^[^/\\]+$")]  # in the record's own folder
Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Size = Annotated[int, Meta(ge=1)]
Step = Annotated[float, Meta(gt=0)]  # mm
Row4 = tuple[float, float, float, float]


class Software(Struct, frozen=True):
    """What wrote a record."""

    name: Literal["dgmvlc"]
    version: str


SOFTWARE = Software("dgmvlc", __version__)


class Grid(Struct, frozen=True):
    """The voxels of a scan: counts and mm along x, y, z, and index to LPS (4,4)."""

    size_xyz: tuple[Size, Size, Size]
    spacing_mm: tuple[Step, Step, Step]
    index_to_lps: tuple[Row4, Row4, Row4, Row4]


class FileFact(Struct, frozen=True, forbid_unknown_fields=True):
    """A file or folder that a run read."""

    name: str
    sha256: str


class FileEntry(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file that a run wrote into the record's folder."""

    name: FileName
    role: str
    sha256: Sha256
    unit: str | None = None
    sign: str | None = None
    finding: str | None = None


class Head(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every record of a folder begins with. Its JSON schema is made from it, so a field is
    declared once; `ALSO` adds to the schema what types cannot say."""

    ALSO: ClassVar[dict[str, object]] = {}
    schema_version: str
    software: Software
    notice: str
    synthetic: bool


class Record(Head, frozen=True, kw_only=True):
    """A record of which there is one version; a subclass says `kind` and `seed`."""

    schema_version: Literal["1.0"]


def schema_of(kind: type[Struct], title: str) -> str:
    """The JSON schema (2020-12) of a typed record, as its file in `schema/` holds it."""
    facts = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": title}
    also = getattr(kind, "ALSO", {})
    return json.dumps(facts | also | msgspec.json.schema(kind), indent=1) + "\n"


ADVICE = "choose the folder or file that the program wrote"


def read_typed(path: Path, kind: type[R], advice: str = ADVICE) -> R:
    """A typed record from its file.

    Raises:
        UnreadableError: missing, not JSON, or not of this kind; the sentence says where.
    """
    value = read_json(Path(path), advice)
    try:
        return as_record(value, kind)
    except UnreadableError as error:
        raise UnreadableError(f"{path}: {error}") from error


def as_record(value: object, kind: type[R]) -> R:
    """A record from what JSON holds.

    Raises:
        UnreadableError: it is not of this kind; the sentence says where.
    """
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        what, _, where = str(error).partition(" - at ")
        place = where.strip("`") or "$"
        raise UnreadableError(
            f"The record does not follow the schema of {kind.__name__} (at {place}: {what[:160]})."
        ) from error


def builtins_of(record: Struct) -> dict[str, object]:
    """A record as JSON holds it."""
    value: dict[str, object] = plain(msgspec.to_builtins(record, enc_hook=plain))
    return value


def write_typed(record: Struct, path: Path) -> None:
    """Check a typed record and write it, whole or not at all; errors as `read_typed` and
    `write_text`."""
    value = builtins_of(record)
    as_record(value, type(record))
    write_text(json.dumps(value, indent=1, ensure_ascii=False), path)


def plain(value: Any) -> Any:
    """`value` as JSON knows it; a number that is not finite becomes null, because JSON has none."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(part) for part in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int) else str(value)


def check_schema(record: Mapping[str, object], name: str) -> None:
    """Check a record against a schema of `schema/` (JSON Schema 2020-12).

    Raises:
        UnreadableError: it does not follow the schema; the sentence says where.
    """
    import jsonschema

    schema = json.loads((SCHEMAS / name).read_text(encoding="utf-8"))
    error = jsonschema.exceptions.best_match(
        jsonschema.Draft202012Validator(schema).iter_errors(record)
    )
    if error is not None:
        raise UnreadableError(
            f"The record does not follow {name} (at {error.json_path}: {error.message[:160]})."
        )


def write_text(text: str, path: Path) -> None:
    """Write a file under a temporary name and rename it, so that the one before stays whole when
    the disk is full.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        with whole_file(path) as temporary:
            # a file name that is no text is shown by its bytes, as JSON escapes them
            temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise OutputError(
            f"{path} could not be saved ({error.strerror or error}); what was saved before is "
            "still there. "
            "Free some space or check the permissions, then repeat the last step."
        ) from error
