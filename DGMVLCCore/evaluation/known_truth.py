"""Old name of `cases`."""

from DGMVLCCore.evaluation.cases import Case, make_case, make_cases

__all__ = ["Case", "make_case", "make_cases"]
