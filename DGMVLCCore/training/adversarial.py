"""What the one-pass generator learns: to be right on average, to be told from real by nobody, and
to mean what the sentence says."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from DGMVLCCore.models.denoiser import PATCH, Conditions
from DGMVLCCore.models.discriminator import Discriminator, holed
from DGMVLCCore.models.generator import Generator
from DGMVLCCore.training.denoising import DenoisingTrainer, conditions_of
from DGMVLCCore.training.examples import Example, ExampleMaker, PhraseBank
from DGMVLCCore.training.masked import MaskMaker
from DGMVLCCore.training.recipe import Recipe

ADVERSARIAL, FIDELITY, CORRELATION = (
    0.12,
    10.0,
    0.2,
)  # weights of the generator's three terms; at 0.3 large holes filled with black grain
BETAS = (0.5, 0.99)  # less momentum than a regression: the goal moves with the opponent
# weight of real slices under an untrue sentence; real and generated ones weigh alike, or the judge
# would settle for one answer
UNTRUE = 0.5
# learning rate of the discriminator over that of the generator (two time scales, Heusel et al.
# 2017)
JUDGE_SPEED = 2.0
FLAT = 0.02  # model units, 15 HU: a hole of less contrast has no pattern to correlate with


def fidelity_loss(one: Tensor, two: Tensor, clean: Tensor, mask: Tensor) -> Tensor:
    """Squared error of the mean over noises, from two of them: (x1 - x)(x2 - x) inside the hole.

    Its expectation is |E x̂ - x|²: independent noises cancel. What differs from noise to noise
    costs nothing, whereas the plain squared error, or
    a texture that is the same for every noise, would be punished for each pixel it cannot guess.
    All (B,1,H,W), model units.
    """
    return ((one - clean) * (two - clean) * mask).sum() / mask.sum().clamp_min(1)


def correlation_loss(made: Tensor, clean: Tensor, mask: Tensor) -> Tensor:
    """1 - r inside each hole, r Pearson's on means over cells of 4x4 pixels; from 0 to 2, and an
    inverted picture costs most.

    The paper's code has 1 - r², for which the inverted picture is as good as the right one. All
    (B,1,H,W), model units.
    """
    share = F.avg_pool2d(mask, PATCH).flatten(1)
    weight = share / share.sum(1, keepdim=True).clamp_min(1e-6)
    a, b = (F.avg_pool2d(x * mask, PATCH).flatten(1) / share.clamp_min(1e-3) for x in (made, clean))
    a, b = a - (a * weight).sum(1, keepdim=True), b - (b * weight).sum(1, keepdim=True)
    spread = ((a * a * weight).sum(1) + FLAT**2) * ((b * b * weight).sum(1) + FLAT**2)
    return (1 - (a * b * weight).sum(1) / spread.sqrt()).mean()


def judged(scores: Tensor, mask: Tensor, active: Tensor | None = None) -> Tensor:
    """Mean of a judge's terms (B,1,h,w) over the patches of the hole, of the examples (B,) that are
    `active`."""
    weight = holed(mask) if active is None else holed(mask) * active.float()[:, None, None, None]
    return (scores * weight).sum() / weight.sum().clamp_min(1e-6)


def mismatched(text: Tensor, bank: PhraseBank) -> Tensor:
    """For each phrase (B,) of the bank one that is untrue of the same slice: denied if it was
    stated, or about another finding; 0 where nothing was said.

    A denied finding is answered by a stated one: examples of denial show clear lung.
    """
    stated = [key for key in bank.by_meaning if key[1]]

    def pick(options: list[Any]) -> Any:
        return options[int(torch.randint(len(options), (1,)))]

    out = []
    for index in text.tolist():
        said = bank.phrases[index - 1] if index else None
        if said is None:
            out.append(0)
        elif said.present and torch.rand(1) < 0.5 and (said.term, False) in bank.by_meaning:
            out.append(pick(bank.by_meaning[(said.term, False)]))
        else:
            others = [key for key in stated if not said.present or key[0] != said.term]
            out.append(pick(bank.by_meaning[pick(others)]) if others else 0)
    return torch.tensor(out, device=text.device)


class AdversarialTrainer(DenoisingTrainer):
    """Trains a `Generator` against a `Discriminator`, which is kept in the checkpoint and thrown
    away afterwards.

    The hinge loss instead of the paper's least squares: the text projection leaves scores without a
    target value, and a judge that is right by
    the margin stops (Miyato & Koyama 2018). Fakes are generated slices, and real ones under an
    untrue sentence (Reed et al. 2016).
    """

    def __init__(self, recipe: Recipe) -> None:
        super().__init__(recipe)
        for group in self.optimiser.param_groups:
            group["betas"] = BETAS
        rate = JUDGE_SPEED * recipe.learning_rate
        judge = (
            Discriminator(text_dim=self.bank.tokens.shape[-1]).to(self.accelerator.device).train()
        )
        self.judge, self.judge_optimiser = self.accelerator.prepare(
            judge, torch.optim.AdamW(judge.parameters(), rate, betas=BETAS, weight_decay=0.0)
        )

    def build(self) -> Generator:
        """A new generator, or one that begins with a generator's or a denoiser's weights."""
        return self.network(Generator)

    @staticmethod
    def batches(recipe: Recipe, seed: Any) -> Iterator[Example]:
        """Endless batches of holes and true sentences; a share of them shows the anatomy's mask and
        nothing of the scan."""
        holes = ExampleMaker(Path(recipe.shards), recipe.nodule_share)
        return MaskMaker(holes).mixed(holes.batches(recipe.batch, seed), recipe.batch, seed)

    def made(self, clean: Tensor, cond: Conditions) -> Tensor:
        """The generator's slices (B,1,H,W) under fresh noise, the patient's own outside the
        hole."""
        with self.accelerator.autocast():
            out, _ = self.model(
                torch.randn_like(clean), torch.ones(len(clean), device=clean.device), cond
            )
        mask = cond.mask[:, 1:2]
        return out.float() * mask + clean * (1 - mask)

    def losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """The generator's terms: realism under the sentence, fidelity of the mean, correlation."""
        clean, mask = batch["clean"], batch["mask"][:, 1:2]
        cond, _ = self.conditions(batch)
        one, two = self.made(clean, cond), self.made(clean, cond)
        judge = self.accelerator.unwrap_model(self.judge).requires_grad_(False)
        realism = judged(-judge(one, cond), mask)
        judge.requires_grad_(True)
        return {
            "realism": ADVERSARIAL * realism,
            "fidelity": FIDELITY * fidelity_loss(one, two, clean, mask),
            "correlation": CORRELATION * correlation_loss((one + two) / 2, clean, mask),
        }

    def judge_losses(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """The discriminator's terms: real, generated, and real under an untrue sentence."""
        clean, mask = batch["clean"], batch["mask"][:, 1:2]
        with torch.no_grad():
            cond, text = self.conditions(batch)
            fake = self.made(clean, cond)
        other = mismatched(text, self.bank)
        untrue = conditions_of(batch, self.bank, other)
        return {
            "judge real": judged(F.relu(1 - self.judge(clean, cond)), mask),
            "judge made": judged(F.relu(1 + self.judge(fake, cond)), mask),
            "judge untrue": UNTRUE * judged(F.relu(1 + self.judge(clean, untrue)), mask, other > 0),
        }

    def update(self, batch: dict[str, Tensor]) -> dict[str, float]:
        """One step of the discriminator, then one of the generator."""
        terms = self.judge_losses(batch)
        for group in self.judge_optimiser.param_groups:
            group["lr"] = JUDGE_SPEED * self.optimiser.param_groups[0]["lr"]
        self.accelerator.backward(torch.stack(list(terms.values())).sum())
        self.judge_optimiser.step()
        self.judge_optimiser.zero_grad()
        return {name: value.item() for name, value in terms.items()} | super().update(batch)

    def more(self) -> dict[str, torch.nn.Module | torch.optim.Optimizer]:
        """The discriminator and its optimiser."""
        judge = self.accelerator.unwrap_model(self.judge)
        return {"judge": judge, "judge_optimiser": self.judge_optimiser}
