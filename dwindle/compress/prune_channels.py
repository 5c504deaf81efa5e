"""Structured pruning: whole channels go, and what is left is a narrower dense network, which is really faster."""

import copy
from typing import Any

import torch
import torch_pruning
from torch import nn

from dwindle.compress.compare import Version
from dwindle.compress.workshop import Workshop
from dwindle.engine import Tensors
from dwindle.errors import UsageError, UserError
from dwindle.export.measure import learnt_multiply_adds

LAYERS = (nn.Conv1d, nn.Conv2d, nn.Linear)
BLOCK = 8  # channels that processors handle together: a layer of ten took longer than one of sixteen
RATE_SHARE = 4.0  # of the fine-tuning's learning rate: half of what was learnt is cut out


def narrowed(arguments: dict[str, Any], share: float) -> dict[str, Any]:
    """A network's arguments with at least that share of every width gone; widths are named …channels."""
    if not 0 < share < 1:
        raise UsageError(f"the share of channels to remove lies between 0 and 1, not at {share:g}")
    widths = {key: value for key, value in arguments.items() if key.endswith("channels")}
    if not widths:
        raise UserError("this network cannot be narrowed: none of its arguments is named …channels")
    return {**arguments, **{key: _in_blocks(value * (1 - share)) for key, value in widths.items()}}


def _in_blocks(width: float) -> int:
    """No more than this, in whole blocks; a narrower one at least even."""
    return int(width / BLOCK) * BLOCK if width >= BLOCK else max(2, int(width / 2) * 2)


def without_channels(network: nn.Module, smaller: nn.Module, example: Tensors) -> nn.Module:
    """`smaller` with the weights of the network's strongest channels; every layer is named alike in both."""
    network = copy.deepcopy(network).eval()
    outputs = {name: len(layer.weight) for name, layer in smaller.named_modules() if isinstance(layer, LAYERS)}
    layers = {name: layer for name, layer in network.named_modules() if isinstance(layer, LAYERS)}
    fixed: set[nn.Module] = {layer for name, layer in layers.items() if outputs.get(name) == len(layer.weight)}
    graph = torch_pruning.DependencyGraph().build_dependency(network, tuple(example.values()))
    importance = torch_pruning.importance.GroupMagnitudeImportance(p=2)
    for name, layer in layers.items():
        surplus = len(layer.weight) - outputs.get(name, len(layer.weight))
        if surplus > 0:
            scores: Any = importance(_group(graph, layer, list(range(len(layer.weight))), fixed))
            _group(graph, layer, scores.argsort()[:surplus].tolist(), fixed).prune()
    try:
        smaller.load_state_dict(network.state_dict())
    except RuntimeError as error:
        raise UserError("this network's channels depend on one another in a way that cannot be cut") from error
    return smaller


def _group(graph: Any, layer: nn.Module, channels: list[int], fixed: set[nn.Module]) -> Any:
    """All that must go with these channels, without the outputs of layers that keep theirs.

    A broadcast product, as attention makes one, looks to the library as if its two sides had channels in common.
    """
    group = graph.get_pruning_group(layer, graph.get_pruner_of_module(layer).prune_out_channels, channels)
    group._group = [
        item
        for item in group
        if item.dep.target.module not in fixed
        or item.dep.handler != graph.get_pruner_of_module(item.dep.target.module).prune_out_channels
    ]
    return group


def prune_channels(
    network: nn.Module, arguments: dict[str, Any], share: float, workshop: Workshop, name: str, epochs: int
) -> tuple[Version, dict[str, Any]]:
    """Cut that share of every width out of the network, then fine-tune; also the arguments of what is left.

    A task whose networks have other widths than channels (heads, units) says itself what goes: by `narrowed`.
    """
    example = workshop.task.example_inputs()
    if by_task := getattr(workshop.task, "narrowed", None):
        cut, smaller = by_task(network, arguments, share)
    else:
        smaller = narrowed(arguments, share)
        with torch.enable_grad():  # the dependencies are found by following gradients
            cut = without_channels(network, workshop.task.rebuild(smaller), example)
    workshop.fine_tune(cut, name, epochs, RATE_SHARE)
    before, after = (learnt_multiply_adds(one, example) for one in (network, cut))
    fewer = f"{before / after:.2f} times fewer multiply-adds in the layers that learn, {after:,} of {before:,}"
    return workshop.finished(name, "structured", cut, f"rebuilt narrower, then {epochs} epochs; {fewer}"), smaller
