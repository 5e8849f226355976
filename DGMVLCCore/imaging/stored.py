"""Images as files hold them: the voxels are unpacked and their checksums compared before anything
is made of them.

No foreign header reaches a C++ reader: headers are parsed here, by `nrrd`, `metaimage` and `nifti`.
"""

from __future__ import annotations

import bz2
import gzip
import io
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from DGMVLCCore.errors import UnreadableError, UnsuitableInputError, quoted

CHUNK = 1 << 22
SURPLUS_BYTES = 4096  # some writers fill the last block of a file
MOST_VOXELS, MOST_BYTES = 2**29, 2**31  # 2 GB; a chest CT of 2,000 slices
LARGEST_RATIO = 1100  # deflate cannot pack denser


@dataclass(frozen=True, eq=False)
class StoredImage:
    """An image as its file holds it.

    Args:
        array: voxels, slowest axis first: (D,H,W), or fewer or more axes, with values per voxel
            last when `components` > 1.
        affine: (4,4), voxel index (x,y,z) -> LPS mm.
        components: values a voxel. complex_values: real and imaginary parts.
        sides_known: False when the file does not say where the patient's left is.
        fields: free text fields of the header. notes: what a reader should know of the geometry.
    """

    array: np.ndarray
    affine: np.ndarray
    components: int = 1
    complex_values: bool = False
    sides_known: bool = True
    fields: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, ...]:
        """Voxels along each axis, fastest first."""
        axes = self.array.shape[:-1] if self.components > 1 else self.array.shape
        return axes[::-1]


@dataclass(frozen=True)
class Layout:
    """What a header says of its voxels.

    Args:
        files: that hold them, in order. shape: slowest axis first. packing: "raw", "gzip", "zlib",
            "bzip2", "text" or "hex".
        start: where they begin in a file that also holds the header. lines, skip: text lines, then
            (unpacked) bytes before them in each file; skip -1: they are the file's last bytes.
    """

    files: tuple[Path, ...]
    dtype: np.dtype
    shape: tuple[int, ...]
    packing: str = "raw"
    skip: int = 0
    lines: int = 0
    start: int = 0


def damaged(path: Path, why: str = "is cut or damaged") -> UnreadableError:
    """The refusal of a file that is not whole."""
    return UnreadableError(f"{path} {why}; copy or export it again.")


def refused(path: Path, what: str) -> UnreadableError:
    """The refusal of a header field that cannot be meant."""
    return UnreadableError(f"{path}: its header {what}; it is damaged, export it again.")


class _ZlibStream(io.RawIOBase):
    """A zlib (or gzip) stream in a file, read as bytes; its checksum is compared at its end."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.inflater, self.left = file, zlib.decompressobj(47), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview | bytearray) -> int:  # type: ignore[override]
        part = b""
        while not part and not self.inflater.eof:
            packed = self.inflater.unconsumed_tail or self.file.read(CHUNK)
            if not packed:
                raise EOFError("the packed voxels end too early")
            part = self.inflater.decompress(packed, len(buffer))
        buffer[: len(part)] = part
        return len(part)


def open_stream(file: BinaryIO, packing: str) -> BinaryIO:
    """The unpacked bytes of an open file, from where it stands."""
    if packing == "gzip":
        return gzip.GzipFile(fileobj=file)  # type: ignore[return-value]
    if packing == "bzip2":
        return bz2.BZ2File(file)  # type: ignore[return-value]
    if packing == "zlib":
        return _ZlibStream(file)  # type: ignore[return-value]
    return file


def check_size(path: Path, shape: tuple[int, ...], dtype: np.dtype) -> int:
    """Bytes of the voxels.

    Raises:
        UnreadableError: an axis without voxels. UnsuitableInputError: more than this program holds.
    """
    if not shape or any(n < 1 for n in shape):
        raise refused(path, f"gives the size {quoted('x'.join(map(str, shape[::-1])))}")
    voxels = 1
    for n in shape:
        voxels *= n
    if voxels * dtype.itemsize > MOST_BYTES or (dtype.itemsize > 1 and voxels > MOST_VOXELS):
        raise UnsuitableInputError(
            f"{path.name} holds {quoted('x'.join(map(str, shape[::-1])))} voxels, more than "
            f"{MOST_VOXELS:,}; crop it to the chest."
        )
    return voxels * dtype.itemsize


def fill(stream: BinaryIO, needed: int, path: Path, *, more: bool = False) -> np.ndarray:
    """Exactly `needed` bytes of a stream as uint8, which then ends.

    Args:
        more: whatever follows is not looked at (another file's share of the same image).

    Raises:
        UnreadableError: too few bytes or too many. OSError, EOFError, zlib.error: damaged packing.
    """
    buffer = np.empty(needed, np.uint8)
    view, count = memoryview(buffer), 0  # type: ignore[arg-type]
    while count < needed:
        part = stream.read(min(CHUNK, needed - count))
        if not part:
            raise damaged(path, f"is cut: {count} of {needed} bytes of voxels are there")
        view[count : count + len(part)] = part
        count += len(part)
    if not more and len(stream.read(SURPLUS_BYTES + 1)) > SURPLUS_BYTES:
        raise damaged(
            path, f"holds more than the {needed} bytes of voxels that its header promises"
        )
    while not more and stream.read(SURPLUS_BYTES):
        pass  # the checksum stands at the end
    return buffer


def _file_part(layout: Layout, path: Path, needed: int) -> np.ndarray:
    """One file's share of the voxels as uint8."""
    with path.open("rb") as file:
        file.seek(layout.start)
        for _ in range(layout.lines):
            file.readline(CHUNK)
        room = path.stat().st_size - file.tell()
        if layout.skip < 0:
            if needed > room:
                raise damaged(path, f"is cut: {room} of {needed} bytes of voxels are there")
            file.seek(-needed, io.SEEK_END)
        elif layout.packing == "raw":
            file.seek(layout.skip, io.SEEK_CUR)
            room -= layout.skip
        if needed > max(room, 0) * (1 if layout.packing == "raw" else LARGEST_RATIO):
            raise damaged(
                path, f"is cut: {max(room, 0)} bytes cannot hold {needed} bytes of voxels"
            )
        stream = open_stream(file, layout.packing)
        if layout.skip > 0 and layout.packing != "raw":
            fill(stream, layout.skip, path, more=True)
        return fill(stream, needed, path)


def _text_part(layout: Layout, path: Path) -> np.ndarray:
    """Voxels written as decimal numbers, or as hexadecimal digits."""
    with path.open("rb") as file:
        file.seek(layout.start)
        for _ in range(layout.lines):
            file.readline(CHUNK)
        file.seek(max(layout.skip, 0), io.SEEK_CUR)
        words = file.read(MOST_BYTES).decode("ascii")
    if layout.packing == "hex":
        return np.frombuffer(bytes.fromhex("".join(words.split())), layout.dtype)
    numbers = np.array(words.split(), np.float64)
    if np.issubdtype(layout.dtype, np.integer) and not np.array_equal(numbers, np.rint(numbers)):
        raise damaged(path, "holds broken numbers where its header promises whole ones")
    return numbers.astype(layout.dtype)


def read_voxels(layout: Layout, path: Path) -> np.ndarray:
    """The voxels that a header promises, in the machine's byte order.

    Raises:
        UnreadableError: a file is missing, cut, too long, or does not fit its own checksum.
            UnsuitableInputError: too many voxels.
    """
    needed = check_size(path, layout.shape, layout.dtype)
    share, rest = divmod(needed, max(len(layout.files), 1))
    if rest or not layout.files:
        raise refused(path, f"names {len(layout.files)} files, which cannot share the voxels")
    try:
        if layout.packing in ("text", "hex"):
            array = np.concatenate([_text_part(layout, file) for file in layout.files])
            if array.size * layout.dtype.itemsize != needed:
                raise damaged(path)
        else:
            parts = [_file_part(layout, file, share) for file in layout.files]
            array = (parts[0] if len(parts) == 1 else np.concatenate(parts)).view(layout.dtype)
    except (OSError, EOFError, ValueError, OverflowError, zlib.error) as error:
        raise damaged(path) from error
    return array.reshape(layout.shape).astype(layout.dtype.newbyteorder("="), copy=False)


def all_inside(path: Path, names: list[str]) -> tuple[Path, ...]:
    """The files that a header lists beside it, each once. Errors as `inside`."""
    files = tuple(inside(path, name) for name in names)
    if len(set(files)) < len(files):
        raise refused(path, "names a file of voxels twice")
    return files


def inside(path: Path, name: str) -> Path:
    """A file that a header names beside it.

    Raises:
        UnreadableError: missing, or outside the header's folder.
    """
    folder = path.parent.resolve()
    try:
        file = (folder / name).resolve()
        there = file.is_file()
    except (OSError, ValueError, RuntimeError) as error:  # a name that is none
        raise damaged(path) from error
    if not file.is_relative_to(folder):
        raise UnreadableError(
            f"{path} names the file {quoted(name)} outside its own folder, which is not read; put "
            "both into one folder."
        )
    if not there:
        raise UnreadableError(
            f"{path} is cut or damaged: it names the file {quoted(name)}, which is not there; copy "
            "both."
        )
    return file
