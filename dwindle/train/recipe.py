"""A recipe: how long and how fast to train, and how the weights that are kept are averaged."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Recipe:
    """How to train; two runs of one recipe on one machine give one model."""

    epochs: int
    batch_size: int = 128
    learning_rate: float = 3e-3
    weight_decay: float = 0.02
    warm_up_share: float = 0.1
    averaging: float = 0.995  # of the weights that are judged and kept, per step
    evaluate_every: int = 0  # steps; 0: at the end of each epoch only
    patience: int = 0  # epochs without a better validation score; 0: never stop early
    stop_accuracy: float | None = None
    seed: int = 0
    optimizer: str = "adamw"  # or "muon"

    def rate_at(self, progress: float) -> float:
        """Linear warm-up, then half a cosine down to nothing; progress goes from 0 to 1."""
        rising = progress / self.warm_up_share if self.warm_up_share else 1.0
        falling = 0.5 * (1 + math.cos(math.pi * max(0.0, progress - self.warm_up_share) / (1 - self.warm_up_share)))
        return self.learning_rate * min(rising, falling)


def moving_average(decay: float) -> Callable[[list[Tensor], list[Tensor], Tensor], None]:
    """An average that forgets by `decay` a step, and faster at first: a short run must not keep where it began."""

    @torch.no_grad()
    def update(averaged: list[Tensor], current: list[Tensor], count: Tensor) -> None:
        steps = float(count)
        torch._foreach_lerp_(  # pyright: ignore[reportPrivateImportUsage] - as torch's own averages do
            averaged, current, 1 - min(decay, (1 + steps) / (10 + steps))
        )

    return update


def decayed_apart(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Matrices decay; biases and normalisation do not."""
    matrices = [parameter for parameter in model.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in model.parameters() if parameter.ndim <= 1]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
