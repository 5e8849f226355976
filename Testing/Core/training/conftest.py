"""Shards of one synthetic patient."""

import json

import numpy as np
import pytest

from DGMVLCCore.simulation.phrases import phrase_bank


@pytest.fixture(scope="session")
def shards(tmp_path_factory):
    """Shards of one synthetic patient; text states are random (the encoder has its own tests)."""
    folder, rng = tmp_path_factory.mktemp("shards"), np.random.default_rng(0)
    labels = np.ones((9, 160, 160), np.uint8)
    labels[:, 20:140, 10:75], labels[:, 20:140, 85:150] = 3, 2
    hu = np.where(labels > 1, -860, 40) + rng.normal(0, 15, labels.shape)
    np.savez(folder / "scan-volumes-a.npz", hu=hu.astype(np.int16), labels=labels, spacing=np.array([4.0, 1.6, 1.6]),
             unclear=np.zeros(9, bool), noise=np.array([15.0, 0.6]))
    phrases = phrase_bank(np.random.default_rng(0), 120)
    lengths = np.full(len(phrases) + 1, 4)
    np.savez(folder / "phrases.npz", tokens=rng.standard_normal((lengths.sum(), 384)).astype(np.float16), lengths=lengths,
             pooled=rng.standard_normal((len(lengths), 384)).astype(np.float16), phrases=np.array([json.dumps(vars(p)) for p in phrases]))
    patch = np.full((4, 3, 48, 48), -860, np.int16)
    mask = np.zeros(patch.shape, np.uint8)
    mask[..., 20:28, 20:28] = 1
    np.savez(folder / "nodules.npz", hu=np.where(mask > 0, 30, patch).astype(np.int16), mask=mask, kind=np.array(["smooth_nodule"] * 4),
             side=np.array(["left"] * 4), size_mm=np.full(4, 8.0))
    return folder
