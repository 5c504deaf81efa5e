"""Magnitude pruning: the smallest weights of the whole network become zero, step by step, with training in between."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import prune

from dwindle.checkpoint import fingerprint, load_safely, save_tensors
from dwindle.compress.compare import Version
from dwindle.compress.workshop import Workshop
from dwindle.errors import UsageError, UserError
from dwindle.export.layers import matrices_in

NEVER_TRAINED_TO_ZERO = 0.01  # a share of exact zeros that training alone does not reach
STATE_FORMAT = "dwindle-pruning-1"


class MagnitudePruner:
    """Prunes a model in place, evenly over so many steps; masks keep the zeros until `remove` makes them plain."""

    def __init__(self, model: nn.Module, target_sparsity: float = 0.4, steps: int = 8) -> None:
        if not 0 <= target_sparsity < 1:
            raise UsageError(f"a sparsity is from 0 to less than 1, not {target_sparsity:g}")
        if steps < 1:
            raise UsageError(f"pruning takes at least one step, not {steps}")
        self.model, self.target_sparsity, self.steps, self.done = model, target_sparsity, steps, 0
        self.matrices = list(matrices_in(model))
        if not self.matrices:
            raise UserError("this model has no layer with weights to prune")
        if prune.is_pruned(model):
            raise UserError("this model carries pruning masks already: remove them, or prune the model before pruning")
        if (found := sparsity(model)) > NEVER_TRAINED_TO_ZERO:
            raise UserError(
                f"already {100 * found:.0f}% of this model's weights are zero: prune the one before pruning"
            )
        for layer, name in self.matrices:
            weight = getattr(layer, name)
            weight.data = weight.data.contiguous()  # torch's pruning cannot look at channels last as one long row
            prune.identity(layer, name)
        make_copyable(model)

    @property
    def sparsity(self) -> float:
        """The share of zeros among the weights, counted."""
        return sparsity(self.model)

    def step(self) -> float:
        """Zero the next share of the smallest weights; gives the sparsity that was reached."""
        self.done += 1
        masks = [getattr(layer, f"{name}_mask") for layer, name in self.matrices]
        wanted = round(self.target_sparsity * self.done / self.steps * sum(mask.numel() for mask in masks))
        further = wanted - sum(int((mask == 0).sum()) for mask in masks)
        if further > 0:
            prune.global_unstructured(self.matrices, pruning_method=prune.L1Unstructured, amount=further)
        make_copyable(self.model)
        return self.sparsity

    def remove(self) -> nn.Module:
        """Take the masks off; the zeros stay."""
        return without_masks(self.model)


def weights_of(model: nn.Module) -> list[Tensor]:
    """The weights that can be pruned, as the model uses them."""
    return [
        getattr(layer, f"{name}_orig") * getattr(layer, f"{name}_mask")
        if hasattr(layer, f"{name}_mask")
        else getattr(layer, name)
        for layer, name in matrices_in(model)
    ]


def sparsity(model: nn.Module) -> float:
    """The share of exact zeros among the weights of layers."""
    weights = weights_of(model)
    return sum(int((weight == 0).sum()) for weight in weights) / max(1, sum(weight.numel() for weight in weights))


def hold_zeros(model: nn.Module) -> None:
    """Mask what is zero, so that training leaves it there."""
    for layer, name in list(matrices_in(model)):
        weight = getattr(layer, name)
        prune.custom_from_mask(layer, name, (weight != 0).to(weight.dtype))
    make_copyable(model)


def without_masks(model: nn.Module) -> nn.Module:
    """The model with plain weights again, zeros included."""
    for layer, name in list(matrices_in(model)):
        if hasattr(layer, f"{name}_mask"):
            prune.remove(layer, name)
    return model


def make_copyable(model: nn.Module) -> None:
    """A masked weight is the product of the last forward pass: cut off its history, which Python cannot copy."""
    for layer, name in matrices_in(model):
        if hasattr(layer, f"{name}_mask"):
            masked = getattr(layer, f"{name}_orig") * getattr(layer, f"{name}_mask")
            setattr(layer, name, masked.detach())


def prune_in_steps(
    network: nn.Module,
    workshop: Workshop,
    name: str,
    target_sparsity: float,
    epochs_after_steps: list[int],
    at_each_step: Callable[[Version], None] | None = None,
    timed: bool = True,
) -> Version:
    """Prune a copy of the network, fine-tuning after each step; stopped at any moment, it can be resumed."""
    network, steps = copy.deepcopy(network), len(epochs_after_steps)
    conditions = {"target": target_sparsity, "epochs": epochs_after_steps, "student": fingerprint(network)}
    conditions |= workshop.conditions
    pruner = MagnitudePruner(network, target_sparsity, steps)
    for number, epochs in enumerate(epochs_after_steps, start=1):
        state_path = workshop.folder / f".pruning-{name}-{number}.pt"
        if _restored(network, state_path, conditions, workshop):
            workshop.accelerator.print(f"{name}: goes on after step {number}/{steps} (--fresh begins anew)", flush=True)
            pruner.done = number
        else:
            reached = pruner.step()
            zeros = f"{100 * reached:.1f}% of the weights are zero"
            workshop.accelerator.print(f"{name}: step {number}/{steps}: {zeros}", flush=True)
            workshop.fine_tune(network, f"{name}-{number}", epochs)
            make_copyable(network)
            state = {"format": STATE_FORMAT, "conditions": conditions, "weights": network.state_dict()}
            if workshop.is_main_process:
                save_tensors(state_path, state)
            workshop.forget(f"{name}-{number}")
        if at_each_step is not None:
            level = f"{name}_{round(100 * pruner.sparsity)}"
            bare = without_masks(copy.deepcopy(network))
            at_each_step(workshop.finished(level, "pruned", bare, _note(bare, epochs_after_steps[:number]), timed))
    pruner.remove()
    return workshop.finished(name, "pruned", network, _note(network, epochs_after_steps), timed)


def _note(network: nn.Module, epochs_after_steps: list[int]) -> str:
    steps, epochs = len(epochs_after_steps), sum(epochs_after_steps)
    pace = "one step" if steps == 1 else f"{steps} steps"
    return f"{100 * sparsity(network):.1f}% of the weights zero in {pace}, {epochs} epochs"


def _restored(network: nn.Module, state_path: Path, conditions: dict[str, Any], workshop: Workshop) -> bool:
    """Whether there was a state to go on from, which the network then is in."""
    if not state_path.is_file():
        return False
    state = load_safely(state_path)
    if not isinstance(state, dict) or state.get("format") != STATE_FORMAT:
        raise UserError(f"{state_path}: not a state of pruning: begin anew with --fresh")
    if changed := [key for key, value in conditions.items() if state["conditions"].get(key) != value]:
        difference = f"{state_path}: was pruned with another {changed[0]}"
        if workshop.resume:
            raise UserError(f"{difference}: repeat the command as it was, or begin anew with --fresh")
        workshop.accelerator.print(f"{difference}: not gone on from", flush=True)
        return False
    with torch.no_grad():
        network.load_state_dict(state["weights"])
    make_copyable(network)
    return True
