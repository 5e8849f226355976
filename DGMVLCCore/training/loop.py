"""The one training loop: accelerate, EMA, resumable checkpoints, a log that the model card
quotes."""

from __future__ import annotations

import json
import logging
import math
import pickle
import shutil
import time
from collections.abc import Iterator
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info
from tqdm import tqdm

from DGMVLCCore.errors import Cancelled, WeightsError
from DGMVLCCore.ground.devices import computes_bf16
from DGMVLCCore.ground.whole import clean, whole_file
from DGMVLCCore.results.folders import replaced_folder
from DGMVLCCore.results.records import write_text
from DGMVLCCore.training.examples import Example, PhraseBank
from DGMVLCCore.training.memory import batch_named, check_memory
from DGMVLCCore.training.recipe import TASKS, Recipe, changed_fields
from DGMVLCCore.training.record import write_record

log = logging.getLogger(__name__)
M = TypeVar("M", bound=ModelMixin)


def step_seed(recipe: Recipe, rank: int, step: int, purpose: int) -> np.random.SeedSequence:
    """The seed of one step of one process; purpose 0 is its examples, 1 its noise."""
    return np.random.SeedSequence([recipe.seed, rank, step, purpose])


class Stream(IterableDataset):
    """Batches made in worker processes; what a step learns from depends on its number alone, not on
    workers or interruptions.

    A maker that keeps what it drew before (the probe's) goes on with new draws instead.
    """

    def __init__(self, task: type[Trainer], recipe: Recipe, rank: int, start: int) -> None:
        self.task, self.recipe, self.rank, self.start = task, recipe, rank, start

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        torch.set_num_threads(1)
        info = get_worker_info()
        worker, workers = (info.id, info.num_workers) if info else (0, 1)
        rng = np.random.default_rng()
        batches = self.task.batches(self.recipe, rng)
        for step in count(
            self.start + worker, workers
        ):  # the loader takes from its workers in turn
            rng.bit_generator.state = np.random.PCG64(
                step_seed(self.recipe, self.rank, step, 0)
            ).state
            yield {key: torch.from_numpy(value) for key, value in next(batches).items()}


class Average:
    """Exponential moving average of the weights (kept in float32)."""

    def __init__(self, model: torch.nn.Module, decay: float) -> None:
        self.decay, self.steps = decay, 0
        self.values = {k: v.detach().float().clone() for k, v in model.state_dict().items()}

    def update(self, model: torch.nn.Module) -> None:
        """One step; early steps follow faster."""
        self.steps += 1
        keep = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for name, value in model.state_dict().items():
            self.values[name].lerp_(value.detach().float(), 1 - keep)


def learning_rate(recipe: Recipe, step: int, done: float) -> float:
    """Warm-up, then cosine decay over the run; `done` in 0..1."""
    return (
        recipe.learning_rate
        * min(1.0, (step + 1) / recipe.warmup)
        * (0.5 + 0.5 * math.cos(math.pi * min(done, 1.0)))
    )


class Trainer:
    """State of a run: model, optimiser, average; saved and resumed as one checkpoint. A task says
    what is learned from what."""

    # True when `losses` takes any part of a batch, so that the memory of a whole one can be told
    # from a few examples
    divisible = False

    def __init__(self, recipe: Recipe) -> None:
        from accelerate import Accelerator

        self.recipe, self.out = recipe, Path(recipe.out)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self.accelerator = Accelerator(mixed_precision="bf16" if computes_bf16(device) else "no")
        torch.manual_seed(recipe.seed + self.accelerator.process_index)
        model = self.build().to(self.accelerator.device).train()
        for name, value in model.named_parameters():
            if name.startswith(recipe.frozen):
                value.requires_grad_(False)
        optimiser = torch.optim.AdamW(
            [p for p in model.parameters() if p.requires_grad],
            recipe.learning_rate,
            betas=(0.9, 0.99),
            weight_decay=recipe.weight_decay,
        )
        if recipe.compile:
            model.compile(dynamic=False)
        self.model, self.optimiser = self.accelerator.prepare(model, optimiser)
        self.average = Average(self.accelerator.unwrap_model(self.model), recipe.ema)
        self.bank = PhraseBank(Path(recipe.shards) / "phrases.npz")
        self.step, self.spent, self.quiet = 0, 0.0, False
        self.recent: list[dict[str, float]] = []  # losses since the last line of the log

    def build(self) -> Any:
        """The network to train, a diffusers model."""
        raise NotImplementedError

    def begun(self, kind: type[M], **new: Any) -> M:
        """A network of the recipe's `start_from`, or a new one of these arguments."""
        if not self.recipe.start_from:
            return kind(**new)
        return kind.from_pretrained(
            self.recipe.start_from, torch_dtype=torch.float32, low_cpu_mem_usage=False
        )

    @staticmethod
    def batches(recipe: Recipe, seed: Any) -> Iterator[Example]:
        """Endless batches; called in worker processes. `seed` is for `np.random.default_rng`: a
        number, or the generator that is set anew for every batch."""
        raise NotImplementedError

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Named terms; their sum is minimised."""
        raise NotImplementedError

    def more(self) -> dict[str, torch.nn.Module | torch.optim.Optimizer]:
        """What a task keeps in the checkpoint besides model and optimiser."""
        return {}

    @property
    def checkpoint(self) -> Path:
        """Where the run can be resumed from."""
        return self.out / "checkpoint.pt"

    def save(self) -> None:
        """Checkpoint and the averaged weights in fp16, each renamed into place."""
        if not self.accelerator.is_main_process:
            return
        model = self.accelerator.unwrap_model(self.model)
        state = {
            "model": model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "average": self.average.values,
            "average_steps": self.average.steps,
            "step": self.step,
            "spent": self.spent,
            "recent": self.recent,
            "extra": {name: part.state_dict() for name, part in self.more().items()},
        }
        with whole_file(self.checkpoint) as temporary:
            torch.save(state, temporary)
        # Without the private entries: one of them is the folder that the run began from.
        averaged = type(model).from_config(
            {name: value for name, value in model.config.items() if not name.startswith("_")}
        )
        averaged.load_state_dict(self.average.values)
        place = self.out / "weights"
        with replaced_folder(place) as folder:
            if place.is_dir():  # a card or a record of another kind beside the tensors stays
                shutil.copytree(place, folder, dirs_exist_ok=True)
            averaged.half().save_pretrained(folder)
            write_record(
                folder,
                self.recipe,
                steps=self.step,
                seconds=self.spent,
                device=self.accelerator.device.type,
            )
            self.write_beside(folder)

    def write_beside(self, weights: Path) -> None:
        """What a task keeps beside the averaged weights, before they are put in place."""

    def resume(self) -> None:
        """Continue from the checkpoint when there is one.

        Raises:
            WeightsError: it belongs to another recipe.
        """
        if not self.checkpoint.exists():
            return
        if changed := changed_fields(self.out / "recipe.json", self.recipe):
            raise WeightsError(
                f"{self.checkpoint} belongs to another recipe ({'; '.join(changed)}); give the "
                "same values, or choose another output folder."
            )
        try:
            state = torch.load(self.checkpoint, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
            raise WeightsError(
                f"{self.checkpoint} is cut or damaged; remove it to begin anew, or choose another "
                "output folder."
            ) from error
        try:
            self.accelerator.unwrap_model(self.model).load_state_dict(state["model"])
        except RuntimeError as error:
            raise WeightsError(
                f"{self.checkpoint} was made by another architecture; choose another output folder."
            ) from error
        self.optimiser.load_state_dict(state["optimiser"])
        self.average.values, self.average.steps = state["average"], state["average_steps"]
        self.average.values = {
            k: v.to(self.accelerator.device) for k, v in self.average.values.items()
        }
        for name, part in self.more().items():
            part.load_state_dict(state["extra"][name])
        self.step, self.spent, self.recent = state["step"], state["spent"], state.get("recent", [])
        self.cut_log()

    def cut_log(self) -> None:
        """Forget lines of the log that are later than the checkpoint: their steps are done
        again."""
        log_file = self.out / "log.jsonl"
        if log_file.exists() and self.accelerator.is_main_process:
            whole = log_file.read_text(encoding="utf-8").split("\n")[
                :-1
            ]  # a line that was cut off has no end
            lines = [line for line in whole if json.loads(line)["step"] <= self.step]
            write_text("".join(line + "\n" for line in lines), log_file)

    def update(self, batch: dict[str, Tensor]) -> dict[str, float]:
        """One optimiser step; returns the terms of the loss."""
        torch.manual_seed(
            int(
                step_seed(self.recipe, self.accelerator.process_index, self.step, 1).generate_state(
                    1
                )[0]
            )
        )
        terms = self.losses(batch)
        self.accelerator.backward(torch.stack(list(terms.values())).sum())
        self.accelerator.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad()
        self.average.update(self.accelerator.unwrap_model(self.model))
        self.step += 1
        return {name: value.item() for name, value in terms.items()}

    def begin(self) -> None:
        """What an earlier start of the run left: its rests go, its checkpoint is taken up.

        Raises:
            WeightsError: a checkpoint of another recipe.
        """
        self.out.mkdir(parents=True, exist_ok=True)
        clean(self.out / "weights")
        self.resume()
        self.cut_log()  # also where a run ended before its first checkpoint
        self.recipe.save(self.out / "recipe.json")

    def run(self) -> Path:
        """Train until the recipe's end; returns the folder of the averaged weights.

        Raises:
            WeightsError: a checkpoint of another recipe. DeviceError: too little memory; the
                sentence names a batch that fits. Cancelled: interrupted.
        """
        self.begin()
        try:
            with batch_named(str(self.accelerator.device), self.recipe.batch):
                self.steps()
        except KeyboardInterrupt:
            kept = (
                f"{self.checkpoint} is kept, and the same command goes on from there"
                if self.checkpoint.exists()
                else "no checkpoint was written yet"
            )
            raise Cancelled(f"Stopped at step {self.step}; {kept}.") from None
        self.save()
        return self.out / "weights"

    def steps(self) -> None:
        """Steps until the recipe's end, with the log and the checkpoints between."""
        recipe = self.recipe
        stream = Stream(type(self), recipe, self.accelerator.process_index, self.step)
        loader = DataLoader(
            stream,
            batch_size=None,
            num_workers=recipe.workers,
            prefetch_factor=4 if recipe.workers else None,
        )
        bar = tqdm(
            initial=self.step,
            total=recipe.steps or None,
            unit="step",
            disable=self.quiet or not self.accelerator.is_main_process,
        )
        clock, first = time.monotonic(), self.step
        for given in loader:
            done = self.step / recipe.steps if recipe.steps else self.spent / (recipe.minutes * 60)
            if done >= 1:
                break
            batch = {key: value.to(self.accelerator.device) for key, value in given.items()}
            if self.step == first and self.divisible:
                check_memory(
                    self.accelerator.unwrap_model(self.model), self.losses, batch, recipe.batch
                )
            for group in self.optimiser.param_groups:
                group["lr"] = learning_rate(recipe, self.step, done)
            self.recent.append(self.update(batch))
            now = time.monotonic()
            self.spent, clock = self.spent + now - clock, now
            bar.update()
            if self.step % 50 == 0:
                self.report(self.recent, bar)
                self.recent = []
            if self.step % recipe.checkpoint_every == 0:
                self.save()
        bar.close()

    def report(self, recent: list[dict[str, float]], bar: Any) -> None:
        """One line of log.jsonl: the mean of each term."""
        means = {
            name: round(float(np.mean([row[name] for row in recent])), 5) for name in recent[0]
        }
        bar.set_postfix(**{name: f"{value:.4f}" for name, value in means.items()})
        if self.accelerator.is_main_process:
            with (self.out / "log.jsonl").open("a", encoding="utf-8") as file:
                file.write(
                    json.dumps({"step": self.step, "seconds": round(self.spent, 1), **means}) + "\n"
                )


def train(recipe: Recipe, *, quiet: bool = False) -> Path:
    """Run a recipe (resuming when its folder holds a checkpoint); returns the weights' folder.
    `quiet` shows no progress bar."""
    module, name = TASKS[recipe.task]
    trainer = getattr(import_module(f"DGMVLCCore.{module}"), name)(recipe)
    trainer.quiet = quiet
    return trainer.run()
