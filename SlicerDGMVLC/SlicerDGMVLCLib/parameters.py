"""What the user chose, kept in the scene: saved with it, one set a parameter node."""

import enum
from typing import Annotated, Any

import slicer
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper
from SlicerDGMVLCPresenters.presets import QUALITY

from .clinical_schema import spoken


class Labelled(enum.Enum):
    """A choice shown as the words that are its value."""

    def label(self) -> str:
        """Text in the panel's list."""
        return str(self.value)


class Question(Labelled):
    """What the counterfactual shows."""

    WITHOUT = "without the finding"
    INSTEAD = "something else instead"


class Slices(Labelled):
    """Slices that are edited."""

    REGION = "slices of the region"
    CURRENT = "current slice only"
    WHOLE = "whole volume"


class Quality(Labelled):
    """How many noises and steps a run takes."""

    QUICK = "quick look"
    STANDARD = "standard"
    THOROUGH = "thorough"
    CUSTOM = "own numbers (Advanced)"


class Mode(Labelled):
    """How the edit is made."""

    REPLACE = "replace"
    SHIFT = "shift"


class Sex(Labelled):
    """As the clinical data say it."""

    UNKNOWN = "not given"
    FEMALE = spoken("sex", "female")
    MALE = spoken("sex", "male")


class Smoking(Labelled):
    """As the clinical data say it."""

    UNKNOWN = "not given"
    NEVER = spoken("smoking", "never")
    FORMER = spoken("smoking", "former")
    CURRENT = spoken("smoking", "current")
    SOME = spoken("smoking", "yes")  # a table that says no more than yes or no
    NONE = spoken("smoking", "no")


@parameterNodeWrapper
class Parameters:
    """Every choice of the panel that belongs to the scene; 0 and "" mean “not given”.

    Ages in years; noises and steps are counts; findingNumbers are 1-based numbers in the parsed
    report.
    """

    inputVolume: slicer.vtkMRMLScalarVolumeNode
    reportNode: slicer.vtkMRMLTextNode
    reportText: str = ""
    findingNumbers: list[int] = []  # the wrapper copies it for every node
    age: Annotated[int, WithinRange(0, 120)] = 0
    sex: Sex = Sex.UNKNOWN
    smoking: Smoking = Smoking.UNKNOWN
    packYears: Annotated[int, WithinRange(0, 300)] = 0
    otherClinical: str = ""
    clinicalTable: slicer.vtkMRMLTableNode
    clinicalRow: Annotated[int, WithinRange(1, 100000)] = 1
    regionNode: slicer.vtkMRMLSegmentationNode
    regionSegment: str = ""
    question: Question = Question.WITHOUT
    target: str = ""
    slices: Slices = Slices.REGION
    quality: Quality = Quality.STANDARD
    noises: Annotated[int, WithinRange(1, 64)] = 8
    steps: Annotated[int, WithinRange(1, 100)] = 10
    seed: Annotated[int, WithinRange(0, 999999)] = 0
    mode: Mode = Mode.REPLACE
    preview: bool = True
    device: str = ""

    def effort(self) -> tuple[int, int]:
        """(noises, steps) of the chosen quality."""
        return QUALITY.get(self.quality.value, (self.noises, self.steps))


def parametersOf(node: Any) -> Parameters:
    """The choices kept in a vtkMRMLScriptedModuleNode."""
    return Parameters(node)  # type: ignore[call-arg]  # the decorator makes the constructor
