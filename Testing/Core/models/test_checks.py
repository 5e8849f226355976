"""Weights from elsewhere are held to their record, their class and their tensors."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from DGMVLCCore.errors import WeightsError
from DGMVLCCore.models.checks import FILE, RECORD, check_weights
from DGMVLCCore.models.generator import Generator
from DGMVLCCore.models.networks import load_generator
from DGMVLCCore.models.probe import ProbeNet
from DGMVLCCore.models.volume_denoiser import VolumeDenoiser
from DGMVLCCore.training.recipe import Recipe
from DGMVLCCore.training.record import write_record

LONGEST_SENTENCE = 1500


def saved(model, folder):
    """A network's folder with its record."""
    model.save_pretrained(folder)
    write_record(folder, Recipe("", ""), steps=1, seconds=1.0, device="cpu")
    return folder


@pytest.fixture
def weights(tmp_path):
    return saved(Generator(widths=(16, 16, 16)), tmp_path / "own")


def refused(folder, word, load=load_generator):
    with pytest.raises(WeightsError, match=word) as caught:
        load(folder)
    text = str(caught.value)
    assert "\n" not in text and len(text) <= LONGEST_SENTENCE and text.endswith(".")


def alone(folder):
    """Weights without a record, as somebody else hands them over."""
    (folder / RECORD).unlink()
    return folder


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{", b'{"sha256": 5}', b"\xff\xfe", b"[" * 100_000, b'{"sha256": "ab"}', b"null",
     b'{"sha256": {"a": []}}', b'{"sha256": null}'],
)  # fmt: skip
def test_a_malformed_record_is_refused(weights, content):
    (weights / RECORD).write_bytes(content)
    refused(weights, "training.json")


@pytest.mark.parametrize(
    "change, word",
    [
        (lambda c: [c], "no JSON object"),
        (lambda c: {**c, "_class_name": ["Generator"]}, "of the class"),
        (lambda c: {**c, "_class_name": "x" * 100_000}, "of the class"),
        (lambda c: {**c, "_class_name": "VolumeDenoiser"}, "do not fit|lack|unknown"),
        (lambda c: {**c, "widths": "wide"}, "do not fit"),
        (lambda c: {**c, "widths": [0, 0, 0]}, "do not fit"),
    ],
)
def test_a_configuration_that_does_not_fit_is_refused(weights, change, word):
    config = weights / "config.json"
    config.write_text(
        json.dumps(change(json.loads(config.read_text(encoding="utf-8")))), encoding="utf-8"
    )
    refused(weights, "config.json has SHA-256 .* altered")
    refused(alone(weights), word)


def test_the_configuration_is_inside_the_hash_and_old_records_say_it_is_not(weights, caplog):
    record = json.loads((weights / RECORD).read_text(encoding="utf-8"))
    assert set(record["files"]) == {"config.json"}
    del record["files"]
    (weights / RECORD).write_text(json.dumps(record), encoding="utf-8")
    assert check_weights(weights) == record["sha256"]
    assert "config.json cannot be verified" in caplog.text
    load_generator(alone(weights))
    assert "cannot be verified" in caplog.text


@pytest.mark.parametrize(
    "change, word",
    [
        (lambda t: t.pop(min(t)) is None, "lack 1 tensor"),
        (lambda t: t.update(extra=torch.zeros(3)), "hold the unknown 1 tensor.*extra"),
        (lambda t: t[min(t)].view(-1)[:1].fill_(float("nan")), "not finite"),
        (lambda t: t[min(t)].view(-1)[:1].fill_(float("inf")), "not finite"),
    ],
)
def test_tensors_are_all_there_and_finite(weights, change, word):
    tensors = {name: value.clone() for name, value in load_file(weights / FILE).items()}
    change(tensors)
    save_file(tensors, weights / FILE, {"format": "pt"})
    refused(weights, "altered")
    refused(alone(weights), word)


def test_a_damaged_tensor_file_is_refused(weights):
    content = (weights / FILE).read_bytes()
    for damaged in (content[:5], b"\xff" * 8 + content[8:], content[:-100], b""):
        (weights / FILE).write_bytes(damaged)
        if (weights / RECORD).exists():
            refused(weights, "altered")
            alone(weights)
        refused(weights, "do not fit|damaged")


def test_a_network_of_another_class_is_not_believed(weights):
    refused(weights, "of the class “Generator”", lambda f: ProbeNet and _load_probe(f))


def _load_probe(folder):
    from DGMVLCCore.models.checks import load_network

    return load_network(ProbeNet, folder, "probe")


def test_a_base_is_a_plain_name_beside(tmp_path):
    made = VolumeDenoiser(widths=(16, 16, 16), base="base", base_sha256="a" * 64)
    folder = saved(made, tmp_path / "own")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    (folder / "config.json").write_text(
        json.dumps({**config, "base": "../../etc"}), encoding="utf-8"
    )
    refused(alone(folder), "no name of a folder")
