"""Rounds trained fp16 weights to few bits of mantissa, so that they pack to about half the size in
the repository's history; the file's layout and type stay.

    python Testing/round_weights.py WEIGHTS OUT [--bits 3]

Biases, norms and other small tensors stay whole. How much is lost is for the benchmark of the
network to say.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

FILE, RECORD = "diffusion_pytorch_model.safetensors", "training.json"
SMALL = 4096  # values; fewer take no room
MANTISSA = 10  # bits of fp16


def rounded(values: np.ndarray, bits: int) -> np.ndarray:
    """fp16 values to the nearest with so many bits of mantissa."""
    drop = MANTISSA - bits
    stored = values.view(np.uint16).astype(np.uint32)
    stored = (stored + (1 << (drop - 1))) >> drop << drop
    return stored.astype(np.uint16).view(np.float16)


def main() -> None:
    """Round one folder of weights into another, and record it there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--bits", type=int, default=3, choices=range(1, MANTISSA))
    args = parser.parse_args()
    shutil.copytree(args.weights, args.out)
    tensors = load_file(args.out / FILE)
    for name, values in tensors.items():
        if values.dtype == np.float16 and values.size > SMALL:
            tensors[name] = rounded(values, args.bits)
    save_file(tensors, args.out / FILE, metadata={"format": "pt"})
    record = json.loads((args.out / RECORD).read_text(encoding="utf-8"))
    record["sha256"] = hashlib.sha256((args.out / FILE).read_bytes()).hexdigest()
    record["mantissa_bits"] = args.bits
    (args.out / RECORD).write_text(json.dumps(record, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
