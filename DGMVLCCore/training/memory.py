"""Will a training step fit into the device? Told from two examples before the first step, and named
when it did not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from DGMVLCCore.errors import DeviceError, as_dgmvlc_error

KEPT = (
    5  # copies of the weights in float32: themselves, gradients, two moments of AdamW, the average
)
SLACK = 1.25  # workspaces of the kernels, and what the backward pass makes on its way
FEW = 2
Losses = Callable[[dict[str, Tensor]], dict[str, Tensor]]


def saved_bytes(losses: Losses, batch: dict[str, Tensor]) -> int:
    """Bytes that the forward pass keeps for the backward pass."""
    held: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        held[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        losses(batch)
    return sum(held.values())


def free_bytes(device: torch.device) -> int:
    """Memory that is free on a device now."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    import psutil

    return int(psutil.virtual_memory().available)


def check_memory(model: nn.Module, losses: Losses, batch: dict[str, Tensor], size: int) -> None:
    """Refuse a batch that cannot fit, before the first step.

    Args:
        losses: of any part of a batch. batch: a whole one; two examples of it are tried. size: the
            recipe's batch.

    Raises:
        DeviceError: the sentence names what is needed, what is free and a batch that fits.
    """
    whole = len(next(iter(batch.values())))
    few = {name: value[:FEW] for name, value in batch.items()}
    weights = [p for p in model.parameters()]
    each = SLACK * saved_bytes(losses, few) / min(FEW, whole)
    fixed = KEPT * 4 * sum(p.numel() for p in weights)
    free = free_bytes(weights[0].device)
    if fixed + each * whole <= free:
        return
    fits = size
    while fits > 1 and fixed + each * whole * fits / size > free:
        fits //= 2
    what = (
        f"A step of batch {size} needs about {(fixed + each * whole) / 2**30:.1f} GiB, but "
        f"{free / 2**30:.1f} GiB are free on {weights[0].device}"
    )
    if fixed + each * whole * fits / size > free:
        raise DeviceError(
            f"{what}, and not even a batch of 1 fits; take a device with more memory or narrower "
            "`widths` in the recipe."
        )
    raise DeviceError(f"{what}; a batch of {fits} fits (--batch {fits}).")


@contextmanager
def batch_named(device: str, batch: int) -> Iterator[None]:
    """Turn the device's out-of-memory error into a sentence with the half of the batch.

    Raises:
        DeviceError: out of memory.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        known = as_dgmvlc_error(error)
        if not isinstance(known, DeviceError):
            raise
        advice = (
            f"try half of it (--batch {batch // 2})"
            if batch > 1
            else "no smaller batch is possible; take a device with more"
        )
        raise DeviceError(
            f"{device} ran out of memory with a batch of {batch}; {advice}."
        ) from error
