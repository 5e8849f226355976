"""The generator of slabs: the U-Net of slices, with layers that mix neighbouring slices after every
stage."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from diffusers.configuration_utils import register_to_config
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from DGMVLCCore.errors import WeightsError, quoted
from DGMVLCCore.ground.resources import resource
from DGMVLCCore.models.checks import check_weights, load_network
from DGMVLCCore.models.denoiser import STAGES, Conditions, Denoiser

FILE = "diffusion_pytorch_model.safetensors"
ALONG_Z = "along_z."  # beginning of the names of the weights that a 2D network lacks


class AlongZ(nn.Module):
    """A residual 3x1x1 convolution over the slices of a slab (the depth half of a factorised 3D
    convolution, as in R(2+1)D, Tran et al. 2018).

    It starts as the identity. Time, spacing and distance between slices weigh each channel, because
    neighbours tell less of a nearly
    clean slice, and less from afar. The border slice stands in for the one beyond it, as in the
    network's context.
    """

    def __init__(self, channels: int, embed: int, hidden: int = 32) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(16, channels)
        self.conv = nn.Conv2d(channels, channels, (3, 1))
        self.gate = nn.Sequential(nn.Linear(embed, hidden), nn.SiLU(), nn.Linear(hidden, channels))
        for layer in (self.conv, self.gate[-1]):
            nn.init.zeros_(layer.weight)  # type: ignore[arg-type]
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def forward(self, features: Tensor, embed: Tensor, depth: int) -> Tensor:
        """(slabs*depth,C,H,W) and (slabs*depth,E) -> (slabs*depth,C,H,W)."""
        h, w = features.shape[-2:]
        x = (
            F.silu(self.norm(features)).unflatten(0, (-1, depth)).flatten(-2).transpose(1, 2)
        )  # (slabs,C,depth,H*W)
        mixed = (
            self.conv(torch.cat([x[:, :, :1], x, x[:, :, -1:]], 2))
            .transpose(1, 2)
            .flatten(0, 1)
            .unflatten(-1, (h, w))
        )
        return features + mixed * (1 + self.gate(embed))[:, :, None, None]


class VolumeDenoiser(Denoiser):
    """A `Denoiser` whose batch is slabs of consecutive slices.

    Args:
        base, base_sha256: folder name and weights' SHA-256 of the 2D network under the layers along
            z; such a network is saved
            without the 2D weights. Empty: it was trained as a whole and is saved as a whole.
        depth: slices of a slab in training; any number may be asked for.
        the others: as `Denoiser`.

    Single slices (depth 1) skip the layers along z, so they are answered exactly as by the 2D
    network.
    """

    @register_to_config
    def __init__(
        self,
        widths: tuple[int, int, int] = (64, 112, 176),
        text_dim: int = 384,
        affine_fusion: bool = True,
        cross_attention: bool = True,
        anatomy: bool = True,
        findings: tuple[str, ...] = (),
        attributes: tuple[str, ...] = (),
        text_encoder_sha256: str = "",
        scan_dim: int = 0,
        vision_sha256: str = "",
        modality: str = "CT",
        depth: int = 8,
        base: str = "",
        base_sha256: str = "",
    ) -> None:
        super().__init__(
            widths,
            text_dim,
            affine_fusion,
            cross_attention,
            anatomy,
            findings,
            attributes,
            text_encoder_sha256,
            scan_dim,
            vision_sha256,
            modality,
        )
        self.along_z = nn.ModuleDict(
            {name: AlongZ(widths[level], 4 * widths[0]) for name, level in STAGES.items()}
        )

    @classmethod
    def on(cls, model: Denoiser, name: str, sha256: str, depth: int = 8) -> VolumeDenoiser:
        """Layers along z, that do nothing yet, on a trained 2D network whose folder is called
        `name`."""
        config = model.config.items()  # type: ignore[attr-defined]
        public = {key: value for key, value in config if not key.startswith("_")}
        made = cls(**public, depth=depth, base=name, base_sha256=sha256)
        made.load_state_dict(model.state_dict(), strict=False)
        return made

    def forward(
        self, x_t: Tensor, t: Tensor, cond: Conditions, depth: int = 1
    ) -> tuple[Tensor, Tensor | None]:
        """Predict the clean slices of slabs.

        Args:
            x_t: (slabs*depth,1,H,W), the slices of a slab in order from feet to head. t:
                (slabs*depth,). cond: of the same slices.
            depth: slices of each slab.

        Returns:
            as `Denoiser.forward`.
        """
        if depth == 1:
            return super().forward(x_t, t, cond)
        return self.run(
            x_t, t, cond, lambda name, features, embed: self.along_z[name](features, embed, depth)
        )

    def freeze_base(self) -> None:
        """Let training change only the layers along z."""
        for name, value in self.named_parameters():
            value.requires_grad_(name.startswith(ALONG_Z))

    def stored_names(self) -> set[str]:
        """The tensors of its own file: of a network on a base only the layers along z."""
        names = set(self.state_dict())
        if not self.config.base:  # type: ignore[attr-defined]
            return names
        return {name for name in names if name.startswith(ALONG_Z)}

    def save_pretrained(self, save_directory: Any, *args: Any, **kwargs: Any) -> None:
        """Write configuration and weights; of a network on a base only the layers along z."""
        folder = Path(save_directory)
        if not self.config.base:  # type: ignore[attr-defined]
            super().save_pretrained(str(folder), *args, **kwargs)
            return
        self.save_config(str(folder))
        kept = self.stored_names()
        weights = {
            name: value.contiguous() for name, value in self.state_dict().items() if name in kept
        }
        save_file(weights, folder / FILE, {"format": "pt"})

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, **kwargs: Any) -> VolumeDenoiser:
        """Read a folder in float32, with its base's from the folder of that name beside it or among
        the shipped weights.

        Raises:
            WeightsError: the base is absent, or is not the one that the layers were trained on.
        """
        folder = Path(pretrained_model_name_or_path)
        config: Any = cls.load_config(str(folder), local_files_only=True)
        if not config.get("base"):
            return super().from_pretrained(str(folder), **kwargs)  # type: ignore[no-any-return]
        below, _ = load_network(
            Denoiser, base_folder(folder, config["base"], config["base_sha256"]), "denoiser"
        )
        model: Any = cls.from_config(config)
        model.load_state_dict(
            below.state_dict()
            | {name: value.float() for name, value in load_file(folder / FILE).items()}
        )
        return model.eval()  # type: ignore[no-any-return]


def base_folder(folder: Path, name: str, sha256: str) -> Path:
    """Where the 2D weights called `name` are that those in `folder` stand on: beside it, or among
    the shipped ones.

    Raises:
        WeightsError: nowhere, or others.
    """
    if not re.fullmatch(r"[\w.-]{1,100}", str(name)) or str(name).startswith("."):
        raise WeightsError(
            f"The weights in {folder} stand on {quoted(name)}, which is no name of a folder beside "
            "them; get them again."
        )
    beside = folder.resolve().parent / name
    try:
        found = beside if beside.exists() else resource(f"weights/{name}")
    except WeightsError:
        raise WeightsError(
            f"The weights in {folder} are layers on top of {name}, which is not there; put its "
            f"folder beside {folder.name}."
        ) from None
    if check_weights(found) != sha256:
        raise WeightsError(
            f"The weights in {folder} were trained on another {name} (SHA-256 {sha256[:12]}…) "
            f"than the one in {found}; "
            "give both from one release."
        )
    return found
