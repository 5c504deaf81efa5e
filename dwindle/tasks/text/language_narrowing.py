"""Structured pruning of the language Transformer: whole heads and whole hidden units go from every block."""

from typing import Any

import torch
from torch import Tensor, nn

from dwindle.errors import UserError
from dwindle.tasks.text.language_network import Block, LanguageTransformer

UNITS_TOGETHER = 16  # processors handle so many at a time


def narrowed(network: nn.Module, arguments: dict[str, Any], share: float) -> tuple[nn.Module, dict[str, Any]]:
    """A network with at most that share of the units less, and as many heads less as round to it; and its arguments."""
    if not isinstance(network, LanguageTransformer):
        raise UserError("only a Transformer has heads and units to take out")
    heads = max(1, round(arguments["heads"] * (1 - share)))
    hidden = max(UNITS_TOGETHER, round(arguments["hidden"] * (1 - share) / UNITS_TOGETHER) * UNITS_TOGETHER)
    smaller_arguments = {**arguments, "heads": heads, "hidden": hidden}
    smaller = LanguageTransformer(**smaller_arguments, window=network.window)
    weights = network.state_dict()
    for number, block in enumerate(network.blocks):
        for name, tensor in _kept(block, heads, hidden).items():
            weights[f"blocks.{number}.{name}"] = tensor
    smaller.load_state_dict(weights)
    return smaller, smaller_arguments


@torch.no_grad()
def _kept(block: Block, heads: int, hidden: int) -> dict[str, Tensor]:
    """The weights of a block's strongest heads and units."""
    attention = block.attention
    mix = attention.mix.weight.unflatten(0, (3, attention.heads, attention.head_width))
    out = attention.out.weight.unflatten(1, (attention.heads, attention.head_width))
    strong_heads = _strongest(mix[2].flatten(1).norm(dim=1) * out.transpose(0, 1).flatten(1).norm(dim=1), heads)
    # a squared ReLU: what a unit gives grows with the square of what it reads
    strong_units = _strongest(block.up.weight.norm(dim=1) ** 2 * block.down.weight.norm(dim=0), hidden)
    return {
        "attention.mix.weight": mix[:, strong_heads].flatten(0, 2),
        "attention.out.weight": out[:, strong_heads].flatten(1),
        "attention.sharpness": attention.sharpness[strong_heads],
        "up.weight": block.up.weight[strong_units],
        "down.weight": block.down.weight[:, strong_units],
    }


def _strongest(scores: Tensor, count: int) -> Tensor:
    return scores.topk(count).indices.sort().values
