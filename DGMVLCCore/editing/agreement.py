"""Do image and words agree, before and after an edit?"""

from __future__ import annotations

from DGMVLCCore.editing.alignment import AlignmentPipeline
from DGMVLCCore.editing.result import Agreement, CounterfactualResult
from DGMVLCCore.errors import UnsuitableInputError
from DGMVLCCore.imaging.anatomy import Anatomy

RANKED = 3
OPPOSED = (
    -0.1
)  # on validation patients the step to the true scan without the lesion never lay below 0.15


def agreement_of(
    look: AlignmentPipeline, result: CounterfactualResult, anatomy: Anatomy
) -> Agreement:
    """Agreement of the edited region with both sentences and the direction of the change."""
    before = look.region_vector(result.original, anatomy, result.mask)
    after = look.region_vector(result.counterfactual, anatomy, result.mask)
    sentences = [result.plan.source, result.plan.target]
    was, now = look.agreement_of(before, sentences), look.agreement_of(after, sentences)
    ranked = tuple((match.term, match.agreement) for match in look.rank(before)[:RANKED])
    return Agreement(
        (was[0], now[0]), (was[1], now[1]), look.direction(before, after, *sentences), ranked
    )


def refuse_opposed(agreement: Agreement) -> None:
    """No image whose change runs against its words.

    Raises:
        UnsuitableInputError: it does.
    """
    if agreement.direction < OPPOSED:
        raise UnsuitableInputError(
            "The change that the network made runs against the words (direction "
            f"{agreement.direction:+.2f}, at least {OPPOSED:+.2f} "
            "needed), so there is no image; check region and finding, or take more noises."
        )
