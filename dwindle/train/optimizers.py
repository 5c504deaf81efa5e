"""Optimizers: AdamW, and Muon for networks made of matrices (Jordan et al. 2024), with AdamW for all that is none."""

from typing import Any

import torch
from torch import Tensor, nn

from dwindle.train.recipe import Recipe, decayed_apart

ITERATIONS = 4  # of Newton-Schulz: singular values then lie near one, which is all that is needed
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
MOMENTUM = 0.95
OTHERS_RATE = 0.3  # of the learning rate, for embeddings, gains and biases
OTHERS_BETAS = (0.9, 0.98)
UPDATE_RMS = 0.2  # as AdamW's updates have it, so that both understand one learning rate
TINY = 1e-8


def optimizer_of(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """The optimizer that the recipe asks for."""
    if recipe.optimizer == "muon":
        return Muon(model, recipe.learning_rate, recipe.weight_decay)
    return torch.optim.AdamW(decayed_apart(model, recipe.weight_decay), lr=recipe.learning_rate, fused=True)


class Muon(torch.optim.Optimizer):
    """Momentum whose step is made orthogonal, for weights of layers; AdamW without decay for everything else."""

    def __init__(self, model: nn.Module, lr: float, weight_decay: float) -> None:
        layers = [module for module in model.modules() if not isinstance(module, nn.Embedding)]
        own = [parameter for module in layers for parameter in module.parameters(recurse=False)]
        matrices = [parameter for parameter in own if parameter.ndim == 2]
        chosen = set(matrices)
        others = [parameter for parameter in model.parameters() if parameter not in chosen]
        groups = [
            {"params": matrices, "orthogonal": True, "weight_decay": weight_decay},
            {"params": others, "orthogonal": False, "weight_decay": 0.0},
        ]
        super().__init__([group for group in groups if group["params"]], {"lr": lr})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                if group["orthogonal"]:
                    self._turn(parameter, group)
                else:
                    self._adapt(parameter, group)

    def _turn(self, parameter: Tensor, group: dict[str, Any]) -> None:
        state, gradient = self.state[parameter], parameter.grad
        assert gradient is not None, "only what has a gradient comes here"
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        state["momentum"].lerp_(gradient, 1 - MOMENTUM)
        update = orthogonal(gradient.lerp(state["momentum"], MOMENTUM))  # Nesterov
        parameter.mul_(1 - group["lr"] * group["weight_decay"])
        parameter.add_(update, alpha=-group["lr"] * UPDATE_RMS * max(parameter.shape) ** 0.5)

    def _adapt(self, parameter: Tensor, group: dict[str, Any]) -> None:
        state, gradient = self.state[parameter], parameter.grad
        assert gradient is not None, "only what has a gradient comes here"
        if not state:
            state["mean"], state["square"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
            state["steps"] = torch.zeros((), dtype=torch.int64)
        state["steps"] += 1
        (first, second), steps = OTHERS_BETAS, int(state["steps"])
        state["mean"].lerp_(gradient, 1 - first)
        state["square"].lerp_(gradient.square(), 1 - second)
        spread = (state["square"] / (1 - second**steps)).sqrt_().add_(TINY)
        parameter.addcdiv_(state["mean"], spread, value=-group["lr"] * OTHERS_RATE / (1 - first**steps))


def orthogonal(matrix: Tensor) -> Tensor:
    """A matrix with the same singular vectors, and singular values near one, by Newton-Schulz iterations."""
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = x / (x.norm() + TINY)
    a, b, c = COEFFICIENTS
    for _ in range(ITERATIONS):
        square = x @ x.T
        x = a * x + (b * square + c * square @ square) @ x
    return x.T if tall else x
