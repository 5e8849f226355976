"""Errors a user can act on: each carries the exit code of the command line and what to do next."""

from __future__ import annotations

import errno

LONGEST_QUOTE, LONGEST_SENTENCE = 80, 1500
NOT_WRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM)


def quoted(text: object) -> str:
    """Foreign text as a sentence may quote it: one line, at most 80 characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)[:1000]).split())
    return f"“{line if len(line) <= LONGEST_QUOTE else line[: LONGEST_QUOTE - 1] + '…'}”"


class DGMVLCError(Exception):
    """Base of every error this package raises on purpose; its text is one sentence for the user, on
    one line, and no longer than a reader reads."""

    exit_code = 1
    advice = ""

    def __init__(self, sentence: str = "") -> None:
        line = "".join(c if c >= " " else " " for c in sentence)
        if len(line) > LONGEST_SENTENCE:
            line = f"{line[: LONGEST_SENTENCE - 400]} … {line[-396:]}"
        super().__init__(line)


class UsageError(DGMVLCError):
    """The call itself is wrong: options that do not go together, an index out of range."""

    exit_code = 2
    advice = "Correct the request."


class UnreadableError(DGMVLCError):
    """A file or folder is missing, truncated or not what its name says."""

    exit_code = 3
    advice = "Check the file, or export it again."


class ArchiveError(UnreadableError):
    """An archive does not answer, refuses, or answers what is not asked."""

    advice = "Check its name, address and credentials, and run again."


class ArchiveAwayError(ArchiveError):
    """An archive was asked several times and answered none."""


class ArchiveClosedError(ArchiveError):
    """An archive lets nobody in, or leads elsewhere: no fault of what was asked."""


class UnsuitableInputError(DGMVLCError):
    """The input can be read but nothing honest can be made of it.

    Args:
        option: field of `imaging.untilt.Reading` with which it can be read all the same; a viewer
            offers it.
    """

    exit_code = 4
    advice = "Choose another finding, region or scan."

    def __init__(self, sentence: str = "", option: str = "") -> None:
        super().__init__(sentence)
        self.option = option


class DeviceError(DGMVLCError):
    """The asked device is absent or ran out of memory."""

    exit_code = 5
    advice = "Take fewer slices or samples, close other programs, or choose another device."


class OutputError(DGMVLCError):
    """The result cannot be written: no space, no permission, or a result is already there."""

    exit_code = 6
    advice = "Choose another folder, or free space."


class WeightsError(DGMVLCError):
    """Weights are missing, altered or made for another architecture."""

    exit_code = 7
    advice = "Install dgmvlc again."


class Cancelled(DGMVLCError):
    """The user stopped the run; nothing was written."""

    exit_code = 130


def as_dgmvlc_error(error: BaseException) -> DGMVLCError | None:
    """An error of the system as one of ours: no memory, or an output that cannot be written; None
    when it is neither."""
    if isinstance(error, DGMVLCError):
        return error
    if isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError)
        and ("out of memory" in str(error) or "can't allocate" in str(error))
    ):
        return DeviceError("Out of memory; take a smaller part of the scan or a machine with more.")
    if isinstance(error, OSError) and error.errno in NOT_WRITABLE:
        return OutputError(
            f"{error.filename or 'The output'} could not be written: {error.strerror}."
        )
    if isinstance(error, ValueError) and "embedded null" in str(error):
        return UsageError("A file name holds a character 0, which no name can; give another one.")
    if isinstance(error, OSError) and error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
        return UsageError(
            f"{quoted(error.filename)} cannot be used ({error.strerror}); choose another name."
        )
    return None
