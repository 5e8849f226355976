"""Writes the locks: every package that `make` installs, for every supported Python and system, at
one version and held to the hashes that the index gives.

python Testing/lock.py (`make lock`), after a change of pyproject.toml or constraints.txt

uv resolves; constraints.txt says which versions. requirements.lock holds everything but torch;
requirements-torch.lock torch's default build and what only that needs (NVIDIA's libraries on
Linux); requirements-cpu.lock the CPU build, which brings none of them.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXTRAS = ("scene", "view", "docs", "dev")
HEAD = "# Written by `make lock` from pyproject.toml and constraints.txt; do not edit.\n"
OF_TORCH = re.compile(r"(torch==|cuda-|nvidia-|triton==)")
# No package index has CPU builds for Linux: they come from PyTorch's own or from a folder. So their
# hashes cannot be asked for; these are of the files that the tests ran with. Where another CPU
# build is offered, `make` takes the default build instead.
CPU_BUILDS = {
    "2.13.0": (
        # torch-2.13.0+cpu-cp311-cp311-manylinux_2_28_x86_64.whl
        "6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b",
    )
}


def resolved() -> list[str]:
    """Every package with its version, marker and hashes, as requirement files hold them.

    Raises:
        subprocess.CalledProcessError: uv could not resolve them; it says why.
    """
    command = [sys.executable, "-m", "uv", "pip", "compile", "pyproject.toml", "--universal"]
    command += [f"--extra={extra}" for extra in EXTRAS]
    command += ["--python-version=3.10", "--constraints=constraints.txt", "--generate-hashes"]
    command += ["--no-annotate", "--no-header", "--no-config", "--quiet"]
    text = subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, encoding="utf-8"
    ).stdout
    return [entry for entry in re.split(r"^(?=\S)", text, flags=re.MULTILINE) if entry.strip()]


def cpu_build(entries: list[str]) -> str:
    """The CPU build of torch's version, as a requirement file holds it."""
    version = next(found[1] for each in entries if (found := re.match(r"torch==(\S+)", each)))
    hashes = "".join(f" \\\n    --hash=sha256:{value}" for value in CPU_BUILDS.get(version, ()))
    return f"torch=={version}+cpu{hashes}\n" if hashes else ""


def main() -> int:
    """Write the locks."""
    entries = resolved()
    texts = {
        "requirements.lock": [each for each in entries if not OF_TORCH.match(each)],
        "requirements-torch.lock": [each for each in entries if OF_TORCH.match(each)],
        "requirements-cpu.lock": [cpu_build(entries)],
    }
    for name, lines in texts.items():
        (ROOT / name).write_text(HEAD + "".join(lines), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
