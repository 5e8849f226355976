"""Files that travel between this machine and a worker's: what is sent, what may be replaced, and
how what arrives gets its name. Standard library only."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

RECORDS = ("result.json", "comparison.json")


class Refused(Exception):
    """A request that cannot be passed on: kind and exit code as the worker's own errors have
    them."""

    def __init__(self, kind: str, code: int, sentence: str) -> None:
        super().__init__(sentence)
        self.facts = {"kind": kind, "exit_code": code, "message": sentence, "advice": ""}

    def of(self, id: str) -> dict[str, object]:
        """As the worker would say it of a request."""
        return {"type": "error", "id": id, **self.facts}


def files_of(path: Path) -> list[tuple[str, Path]]:
    """Inner names and files of a folder, or the file itself under the name "".

    Raises:
        Refused: there is none.
    """
    if path.is_dir():
        return sorted(
            (file.relative_to(path).as_posix(), file) for file in path.rglob("*") if file.is_file()
        )
    if not path.is_file():
        raise Refused("UnreadableError", 3, f"{path} does not exist; check the path.")
    return [("", path)]


def sum_of(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def replaceable(out: Path) -> bool:
    """True for a folder in which a run of this program left all that there is."""
    for name in RECORDS:
        try:
            record = json.loads((out / name).read_text(encoding="utf-8"))
            known = {name, *record.get("results", ()), *(f["name"] for f in record["files"])}
            ours = record["software"]["name"] == "dgmvlc"
        except (OSError, ValueError, KeyError, TypeError):
            continue
        return ours and {p.name for p in out.iterdir()} <= {n.split("/")[0] for n in known}
    return False


def put_in_place(arrived: Path, out: Path) -> None:
    """Give what arrived its name; an earlier one steps aside first and goes last."""
    aside = out.with_name(f".{out.name}.earlier")
    if out.exists():
        out.rename(aside)
    arrived.rename(out)
    shutil.rmtree(aside) if aside.is_dir() else aside.unlink(missing_ok=True)
