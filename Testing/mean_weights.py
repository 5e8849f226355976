"""The mean of an editor's weights before and after a training that began with them, which is often
better than either (Wortsman et al., 2022, model soups).

    python -m Testing.mean_weights BEFORE AFTER OUT [--share 0.5]

BEFORE may lack inputs that AFTER has; they count as weights of 0. Which share is best is for the
validation patients to say.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file

from DGMVLCCore.models.editor import Editor
from DGMVLCCore.models.networks import load_generator
from DGMVLCCore.results.manifest import sha256_of
from Testing.round_weights import FILE, RECORD


def mean_state(before: Editor, after: Editor, share: float) -> dict[str, torch.Tensor]:
    """Each weight, fp16: `share` of it from `after`."""
    new = {name: after.config[name] for name in ("detail", "tissue")}  # type: ignore[index]
    old = Editor.on(before, **new).state_dict()
    return {
        name: torch.lerp(old[name].float(), value.float(), share).half()
        for name, value in after.state_dict().items()
    }


def main() -> None:
    """Write the mean of two folders of weights as a third, and record it there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--share", type=float, default=0.5, help="of the weights after")
    args = parser.parse_args()
    editors = [load_generator(path)[0] for path in (args.before, args.after)]
    state = mean_state(*editors, args.share)  # type: ignore[arg-type]
    shutil.copytree(args.after, args.out)
    save_file(state, args.out / FILE, metadata={"format": "pt"})
    record = json.loads((args.out / RECORD).read_text(encoding="utf-8"))
    record["averaged_with"] = {"sha256": sha256_of(args.before / FILE), "share": 1 - args.share}
    record["sha256"] = sha256_of(args.out / FILE)
    (args.out / RECORD).write_text(json.dumps(record, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
