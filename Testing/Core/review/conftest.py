"""The untrained network of the counterfactual's tests."""

from Testing.Core.counterfactual.conftest import untrained

__all__ = ["untrained"]
