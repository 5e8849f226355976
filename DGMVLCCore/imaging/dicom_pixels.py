"""Pixels of DICOM slices in HU (or stored units), each checked against its header."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections import OrderedDict
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.pixels import apply_modality_lut
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from DGMVLCCore.errors import UnreadableError, UnsuitableInputError
from DGMVLCCore.ground.scratch import scratch_folder
from DGMVLCCore.imaging import dicom_tags as tags
from DGMVLCCore.imaging.dicom_files import Slice, Slices, read
from DGMVLCCore.imaging.dicom_tags import DAMAGE
from DGMVLCCore.imaging.padding import pad_plane

UNPACK_SECONDS = 600
PLAIN = (
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
)


def check_grey(item: Slice) -> None:
    """Refuse colour, and several images in one file without a place for each.

    Raises:
        UnsuitableInputError: with the reason. UnreadableError: a tag that cannot be meant.
    """
    header, name = item.header, item.path.name
    if tags.whole(header, "SamplesPerPixel", item.path, 1, 1, 4) > 1:
        raise UnsuitableInputError(
            f"{name} is a colour DICOM image; a scan with one value a voxel is needed."
        )
    frames = tags.whole(header, "NumberOfFrames", item.path, 1, 1, 100_000)
    if tags.text(header, "PhotometricInterpretation") == "PALETTE COLOR":
        raise UnsuitableInputError(
            f"{name} is a colour DICOM image (PALETTE COLOR); a scan with one value a voxel is "
            "needed."
        )
    if frames > 1 and item.frame is None:
        raise UnsuitableInputError(
            f"{name} is a multi-frame DICOM image ({frames} frames) that is no enhanced CT; export "
            "it as single slices, or as NRRD."
        )
    size_of(item)
    stored = tags.whole(header, "BitsStored", item.path, 16, 1, 64)
    if tags.whole(header, "HighBit", item.path, stored - 1, 0, 63) != stored - 1:
        raise UnsuitableInputError(
            f"{name} keeps its {stored} bits at the top of larger numbers (HighBit), which is not "
            "read; export it again."
        )


def rescale_of(item: Slice) -> tuple[float, float]:
    """Slope and intercept from stored values to HU; 1 and 0 where they are not given.

    Raises:
        UnreadableError: a slope of 0, which would wipe the slice out, or no numbers.
    """
    slope = tags.number(item.header, "RescaleSlope", item.path, 1.0)
    if not slope:
        raise UnreadableError(
            f"{item.path} gives RescaleSlope (0028,1053) as 0, which leaves nothing of the image; "
            "export the original series again."
        )
    return slope, tags.number(item.header, "RescaleIntercept", item.path, 0.0)


def size_of(item: Slice) -> tuple[int, int]:
    """Rows and columns."""
    return (
        tags.whole(item.header, "Rows", item.path, None, 1),
        tags.whole(item.header, "Columns", item.path, None, 1),
    )


def _syntax(dataset: Dataset) -> str:
    """Transfer syntax; files without preamble do not say it."""
    meta = dataset.file_meta = getattr(dataset, "file_meta", FileMetaDataset())
    if "TransferSyntaxUID" not in meta:
        implicit, little = dataset.original_encoding
        meta.TransferSyntaxUID = (
            ImplicitVRLittleEndian
            if implicit
            else ExplicitVRLittleEndian
            if little
            else ExplicitVRBigEndian
        )
    return str(meta.TransferSyntaxUID)


def _no_pixels(path: Path) -> UnreadableError:
    return UnreadableError(
        f"{path} holds no readable pixels; it is cut, or packed in a way that is not supported: "
        "export it uncompressed."
    )


class Pixels:
    """The pixels of a series: plain files are read here, packed ones in a child process, because
    the library that unpacks them may die of a damaged file.

    Args:
        items: the slices whose pixels will be asked for.
    """

    def __init__(self, items: Slices) -> None:
        self._items = items
        self._unpacked: dict[Path, np.ndarray] | None = None
        self._last: OrderedDict[Path, tuple[Dataset, np.ndarray]] = OrderedDict()

    def plane(self, item: Slice) -> np.ndarray:
        """Rescaled pixels of one slice, float32 (H,W), padding outside the scan as air.

        Raises:
            UnreadableError: truncated, or packed in a way that is not supported.
        """
        rows, columns = size_of(item)
        slope, intercept = rescale_of(item)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                dataset, stored = self._stored(item)
                if stored is None:
                    hu = self._child(item.path).reshape(rows, columns)
                    stored = np.rint((hu - intercept) / slope)
                elif "ModalityLUTSequence" in dataset:
                    hu = np.asarray(apply_modality_lut(stored, dataset))
                else:
                    hu = stored * np.float64(slope) + np.float64(intercept)
        except DAMAGE as error:
            raise _no_pixels(item.path) from error
        if hu.shape != (rows, columns):
            raise _no_pixels(item.path)
        return pad_plane(hu.astype(np.float32), stored, _padding(item))

    def _stored(self, item: Slice) -> tuple[Dataset, np.ndarray | None]:
        """A file's dataset and this slice's stored values; None for those that the child reads."""
        if item.path not in self._last:
            dataset = read(item.path)
            packed = _syntax(dataset) not in PLAIN
            if packed and item.frame is None:
                return dataset, None
            if item.frame is None:
                return dataset, dataset.pixel_array
            self._last.clear()
            frames = self._child(item.path) if packed else dataset.pixel_array
            self._last[item.path] = (dataset, frames)
        dataset, frames = self._last[item.path]
        return dataset, frames[item.frame] if frames.ndim == 3 else frames

    def _child(self, path: Path) -> np.ndarray:
        """Unpacked pixels of a file: rescaled of single images, stored values of frames."""
        if self._unpacked is None:
            paths = list(dict.fromkeys(item.path for item in self._items))
            framed = self._items[0].frame is not None
            self._unpacked = unpack_files(paths, stored=framed)
        return self._unpacked[path]


def _padding(item: Slice) -> tuple[int, int] | None:
    """Lowest and highest stored value that the header says is padding (DICOM PS3.3 C.7.5.1.1.2),
    in the sign of its pixels."""
    value = tags.numbers(item.header, "PixelPaddingValue", 1, item.path)
    if value is None:
        return None
    limit = tags.numbers(item.header, "PixelPaddingRangeLimit", 1, item.path) or value
    signed = tags.whole(item.header, "PixelRepresentation", item.path, 0, 0, 1) == 1
    span = 2 ** tags.whole(item.header, "BitsAllocated", item.path, 16, 1, 64)
    ends = [
        v - span if signed and v >= span // 2 else v + span if not signed and v < 0 else v
        for v in (value[0], limit[0])
    ]
    return int(min(ends)), int(max(ends))


def unpack_files(paths: list[Path], *, stored: bool = False) -> dict[Path, np.ndarray]:
    """Pixels of compressed files, read in a child process.

    Args:
        stored: values as they are stored; rescaled ones otherwise.

    Raises:
        UnreadableError: a file that the child could not read, or that ended it.
    """
    how = "stored" if stored else "rescaled"
    package = str(Path(__file__).resolve().parents[2])
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH")))),
    }
    with scratch_folder("dicom") as folder:
        try:
            done = subprocess.run(
                [sys.executable, "-m", "DGMVLCCore.imaging.unpack", str(folder), how],
                input=json.dumps([str(path.absolute()) for path in paths]).encode(),
                capture_output=True,
                timeout=UNPACK_SECONDS,
                env=environment,
            )
        except subprocess.TimeoutExpired as error:
            raise _no_pixels(paths[0]) from error
        made = [folder / f"{number}.npy" for number in range(len(paths))]
        missing = next((path for path, file in zip(paths, made) if not file.is_file()), None)
        if done.returncode or missing:
            raise _no_pixels(missing or paths[0])
        return {path: np.load(file, allow_pickle=False) for path, file in zip(paths, made)}
