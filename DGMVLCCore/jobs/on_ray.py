"""Many scans on Ray: actors that keep their models, one scan at a time each.

Ray restarts a lost worker and tries its scan again; a scan that its worker does not survive four
times is a failure, and the others go on. Of Ray nothing is imported unless it is asked for.
"""

from __future__ import annotations

import logging
import os
import secrets
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from DGMVLCCore import __version__
from DGMVLCCore.errors import DeviceError, UsageError
from DGMVLCCore.jobs.many import Item, Pace, Place, Row, run_item

RETRIES = 3  # of a scan whose worker was lost
CORES = 4  # an actor without a GPU, where there are so many
START_TRIES = 4
SILENT: dict[str, object] = {"log_to_driver": False, "logging_level": logging.ERROR}
QUIET = {"RAY_USAGE_STATS_ENABLED": "0"}  # nothing leaves the machine


log = logging.getLogger(__name__)


class Looker:
    """What an actor does: keep a session warm and run scans with it."""

    def __init__(self) -> None:
        from DGMVLCCore.jobs.session import Session

        self.session = Session()

    def version(self) -> str:
        """Of the package on that machine."""
        return __version__

    def run(self, item: Item) -> Row:
        """One scan."""
        return run_item(self.session, item, lambda stage, share: None)


def _ray(address: str) -> Any:
    """Ray itself; of one that is started here, every call needs a token that only this run knows,
    because Ray's own ports listen on all addresses (its tokens: since Ray 2.52)."""
    os.environ.update({name: os.environ.get(name, value) for name, value in QUIET.items()})
    if not address:
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    try:
        import ray
    except ImportError:
        raise UsageError(
            "Ray is not installed here; install it with pip install 'dgmvlc[ray]', or leave --on "
            "out to work in this process."
        ) from None
    return ray


def _connect(ray: Any, address: str) -> bool:
    """Join a cluster, or start one of this machine alone; True when it was not there before."""
    if ray.is_initialized():
        return False
    if not address:
        _start(ray)
        return True
    try:
        ray.init(address=address, **SILENT)
    except (ConnectionError, ValueError, RuntimeError, TimeoutError) as error:
        raise UsageError(
            f"Ray could not be reached at {address} ({str(error)[:200]}); check the address (--on "
            "ray=HOST:6379 or ray=ray://HOST:10001)."
        ) from error
    return True


def _start(ray: Any) -> None:
    """A cluster of this machine alone, tried again, because Ray gives it half a minute, which a
    busy machine may not keep.

    Raises:
        DeviceError: it did not start.
    """
    alone = {"address": "local", "include_dashboard": False, "_node_ip_address": "127.0.0.1"}
    for tries_left in reversed(range(START_TRIES)):
        try:
            ray.init(**alone, **SILENT)
            return
        except Exception as error:  # Ray has no kind of its own for it
            log.debug("Ray did not start", exc_info=True)
            ray.shutdown()
            if not tries_left:
                raise DeviceError(
                    f"Ray did not start on this machine ({str(error)[:200]}); end other programs, "
                    "or leave --on out to work in this process."
                ) from error


def _shares(ray: Any, wanted: int | None) -> tuple[int, float, float]:
    """Number of actors, and cores and GPUs of each."""
    whole = ray.cluster_resources()
    cores, gpus = int(whole.get("CPU", 1)), int(whole.get("GPU", 0))
    if gpus:
        return wanted or gpus, 1, 1
    count = wanted or max(1, cores // CORES)
    return count, max(1, min(CORES, cores // count)), 0


def _actors(ray: Any, wanted: int | None) -> list[Any]:
    count, cores, gpus = _shares(ray, wanted)
    threads = {name: str(int(cores)) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    kind = ray.remote(Looker).options(
        num_cpus=cores,
        num_gpus=gpus,
        max_restarts=-1,
        max_task_retries=RETRIES,
        runtime_env={"env_vars": {**threads, "HF_HUB_OFFLINE": "1"}},
    )
    return [kind.remote() for _ in range(count)]


def run_on_ray(
    items: Sequence[Item], place: Place, pace: Pace, done: Callable[[Row], None]
) -> None:
    """Every item on the actors of a Ray cluster; `done` gets each row.

    Raises:
        UsageError: Ray is missing, cannot be reached, or its machines have another version.
        DeviceError: no worker could be started.
    """
    address = place.ray or os.environ.get("RAY_ADDRESS", "")
    ray = _ray(address)
    begun = _connect(ray, address)
    actors: list[Any] = []
    try:
        actors = _actors(ray, place.workers)
        _feed(ray, actors, deque(items), pace, done)
    finally:
        for actor in actors:
            ray.kill(actor)
        if begun:
            ray.shutdown()


def _feed(
    ray: Any, actors: list[Any], waiting: deque[Item], pace: Pace, done: Callable[[Row], None]
) -> None:
    """Give each actor that is there the next scan, until all are done; machines that join later
    take part."""
    coming = {actor.version.remote(): actor for actor in actors}
    running: dict[Any, tuple[Any, Item]] = {}
    why = ""
    while waiting or running:
        if not coming and not running:
            raise DeviceError(f"No Ray worker could be started ({why[:300]}); see Ray's own log.")
        (ended,), _ = ray.wait([*coming, *running], num_returns=1)
        row = None
        if ended in coming:
            actor = coming.pop(ended)
            try:
                other = ray.get(ended)
            except ray.exceptions.RayError as error:
                why = str(error)
                continue
            if other != __version__:
                raise UsageError(
                    f"A machine of the cluster has dgmvlc {other}, this one {__version__}; install "
                    "the same version everywhere."
                )
        else:
            actor, item = running.pop(ended)
            row = _row(ray, ended, item)
        if waiting:
            item = waiting.popleft()
            running[actor.run.remote(item)] = (actor, item)
        pace.at_once = max(len(running), 1)
        if row is not None:
            done(row)


def _row(ray: Any, ended: Any, item: Item) -> Row:
    try:
        return ray.get(ended)  # type: ignore[no-any-return]
    except ray.exceptions.RayActorError:
        return Row(
            item.id,
            "failed",
            f"The worker was lost {RETRIES + 1} times while it worked on this scan, most often "
            "because memory ran out; take fewer slices, or fewer workers on a machine.",
        )
    except ray.exceptions.RayError as error:
        return Row(item.id, "failed", f"Ray could not do this scan: {str(error)[:500]}")
