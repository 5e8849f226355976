"""Finds the files the package carries (vocabulary, split file, sample scan, weights), and refuses
those that are not as they were shipped.

`python -m DGMVLCCore.ground.resources` writes the list of checksums anew, after a carried file was
changed on purpose.
"""

from __future__ import annotations

import hashlib
import sys
from functools import lru_cache
from pathlib import Path

from DGMVLCCore.errors import DGMVLCError, UnreadableError, WeightsError

SUMS = "SHA256SUMS"
# What a run depends on; pictures and reports of the documentation are not read by it.
COVERED = ("*.json", "sample/*", "weights/*/*")
TEXT = (".json", ".txt", ".md")
HASHED_ELSEWHERE = ".safetensors"  # in the record beside them, which is covered here


def resource(name: str) -> Path:
    """Path of a carried file or folder, e.g. `resource("splits.json")`; from a checkout or from an
    installed wheel.

    Raises:
        WeightsError, UnreadableError: this installation does not hold it, or it was altered.
    """
    here = Path(__file__).parents[1]
    for root in (here.parent / "Resources", here / "resources"):
        if (root / name).exists():
            _check(root, name)
            return root / name
    raise _kind(name)(f"This installation lacks the file {name}; install dgmvlc again.")


def _kind(name: str) -> type[DGMVLCError]:
    return WeightsError if name.startswith("weights") else UnreadableError


def covered(root: Path) -> list[Path]:
    """The carried files whose checksums are kept, in order."""
    found = {path for pattern in COVERED for path in root.glob(pattern) if path.is_file()}
    return sorted(p for p in found if p.name[0] != "." and p.suffix != HASHED_ELSEWHERE)


def digest(path: Path) -> str:
    """SHA-256 of a file; of a text whatever its line ends."""
    content = path.read_bytes()
    if path.suffix in TEXT:
        content = content.replace(b"\r\n", b"\n")
    return hashlib.sha256(content).hexdigest()


def _check(root: Path, name: str) -> None:
    """Refuse a carried file, or one of a folder, that is not as it was shipped."""
    files = [root / name] if (root / name).is_file() else sorted((root / name).rglob("*"))
    known = set(covered(root))
    for path in files:
        if path in known:
            facts = path.stat()
            _check_file(root, path, facts.st_mtime_ns, facts.st_size)


@lru_cache(maxsize=256)
def _check_file(root: Path, path: Path, changed: int, size: int) -> None:
    """`path` against its checksum; asked again only when its time or size changed."""
    name = path.relative_to(root).as_posix()
    if digest(path) != checksums(root).get(name):
        raise _kind(name)(
            f"{path} is not the file that was shipped (its SHA-256 is not that of {SUMS}); install "
            "dgmvlc again."
        )


def checksums(root: Path) -> dict[str, str]:
    """Name -> SHA-256 as listed.

    Raises:
        UnreadableError: the list is missing or damaged.
    """
    try:
        rows = [row.split("  ", 1) for row in (root / SUMS).read_text("utf-8").splitlines()]
        return {name: value for value, name in rows}
    except (OSError, ValueError) as error:
        raise UnreadableError(
            f"The list of checksums {root / SUMS} is missing or damaged; install dgmvlc again."
        ) from error


def main() -> int:
    """Write the checksums of this checkout's carried files."""
    root = Path(__file__).parents[2] / "Resources"
    rows = [f"{digest(path)}  {path.relative_to(root).as_posix()}\n" for path in covered(root)]
    (root / SUMS).write_text("".join(rows), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
