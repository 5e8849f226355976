"""Stores trained weights as 8-bit floats (e4m3: three bits of mantissa): half the room of fp16 in
the tree and less than half in the history. `from_pretrained` reads them as they are.

    python Testing/round_weights.py WEIGHTS OUT

Tensors that are small, or that would lose more than `LOST`, stay fp16. What the loss costs is for
the benchmark of the network to say.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from DGMVLCCore.results.manifest import sha256_of

FILE, RECORD = "diffusion_pytorch_model.safetensors", "training.json"
SMALL = 4096  # values; fewer take no room
LOST = 0.04  # of a tensor's norm; numbers below 2^-6 keep fewer bits


def stored(values: torch.Tensor) -> torch.Tensor:
    """A tensor as it is stored: e4m3 where that is near enough, else as it came."""
    if values.numel() <= SMALL:
        return values
    short = values.to(torch.float8_e4m3fn)
    lost = torch.linalg.vector_norm(short.float() - values.float())
    near = lost <= LOST * torch.linalg.vector_norm(values.float())
    return short if near else values


def main() -> None:
    """Store one folder of weights as another, and record it there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    shutil.copytree(args.weights, args.out)
    tensors = {name: stored(values) for name, values in load_file(args.out / FILE).items()}
    save_file(tensors, args.out / FILE, metadata={"format": "pt"})
    record = json.loads((args.out / RECORD).read_text(encoding="utf-8"))
    record["sha256"] = sha256_of(args.out / FILE)
    record["stored_as"] = "float8_e4m3fn"
    (args.out / RECORD).write_text(json.dumps(record, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
