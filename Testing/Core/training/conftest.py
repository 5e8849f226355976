"""Shards of one synthetic patient."""

import pytest


@pytest.fixture(scope="session")
def shards(tmp_path_factory, make_shards):
    """Shards of one synthetic patient."""
    return make_shards(tmp_path_factory.mktemp("shards"))
