"""Where the network sees the findings of a report: read for an edit, or before anybody asks for
one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec import Struct

from DGMVLCCore.editing.memory import ScanMemory
from DGMVLCCore.editing.pipeline import CounterfactualPipeline, Progress
from DGMVLCCore.editing.reading import attention_map, lungs_to_read
from DGMVLCCore.editing.result import AttentionMap
from DGMVLCCore.imaging.anatomy import Anatomy
from DGMVLCCore.imaging.volume import Volume
from DGMVLCCore.jobs.requests import Request
from DGMVLCCore.language.findings import Finding
from DGMVLCCore.language.prompts import denial_prompt, source_prompt

if TYPE_CHECKING:
    from DGMVLCCore.jobs.session import Session


class ReadAhead(Struct, frozen=True):
    """The findings whose maps are there now."""

    terms: list[str]


def read_finding(
    pipe: CounterfactualPipeline,
    volume: Volume,
    anatomy: Anatomy,
    finding: Finding,
    slices: tuple[int, int] | None,
    memory: ScanMemory,
    tell: Progress,
) -> AttentionMap:
    """Where the network sees a finding, from memory when it was read before; what is read when
    `tell` raises is kept."""
    term, source = finding.term, source_prompt(finding)
    return memory.attention(
        (term, source, slices, pipe.weights_sha256, str(pipe.device)),
        lambda: lungs_to_read(volume, anatomy, slices),
        lambda begun: attention_map(
            pipe, volume, anatomy, term, source, denial_prompt(term), callback=tell, begun=begun
        ),
    )


def read_ahead(
    session: Session,
    request: Request,
    tell: Callable[[str, float], None],
    should_cancel: Callable[[], bool],
) -> ReadAhead:
    """Read the lungs, and the region where one is given, as an edit of this request will; nothing
    is written.

    Raises:
        DGMVLCError: every refusal, with its sentence.
    """
    from DGMVLCCore.jobs.edit import look_ahead

    pipe, memory = session.pipeline(request.weights), session.memory
    read = look_ahead(request, tell, pipe, should_cancel=should_cancel, memory=memory)
    return ReadAhead([finding.taught for finding in read])
