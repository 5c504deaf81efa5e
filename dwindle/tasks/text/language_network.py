"""A small decoder-only Transformer over characters: rotary positions, RMS norm, tied embeddings, sliding windows.

Each character sees itself and the `window - 1` characters before it, however long the text is. What a step must
remember is therefore bounded: the keys and values of the last `window` characters. They are plain inputs and outputs,
so that an exported file is the same network, and whoever runs it keeps them in rings: position p in slot p % window.
A step of one character moves little else than weights: no memory is copied, and what can be one operator is one.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from dwindle.tasks.text.language_layers import CharacterEmbedding, RootMeanSquareNorm, dropped, unit

PERIOD = 65_536  # every rotary frequency is a whole number of turns in so many positions
FAR = 1e4  # taken from the score of what must not be seen, at least
Turn = tuple[Tensor, Tensor]  # cosines and signed sines (batch, 1, time, numbers)


class Attention(nn.Module):
    """Causal attention in a sliding window; queries and keys have unit RMS, which keeps their products in bounds."""

    def __init__(self, width: int, heads: int, head_width: int, window: int) -> None:
        super().__init__()
        self.heads, self.head_width, self.window = heads, head_width, window
        self.mix = nn.Linear(width, 3 * heads * head_width, bias=False)  # queries, keys and values
        self.out = nn.Linear(heads * head_width, width, bias=False)
        self.sharpness = nn.Parameter(torch.full((heads, 1, 1), head_width**-0.5))  # of each head's attention
        self.register_buffer("ones", torch.ones(head_width), persistent=False)  # a gain, see `unit`

    def forward(
        self, x: Tensor, turn: Turn, seen: Tensor, memory: tuple[Tensor, ...] | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Gives what was found, and the keys and values of these characters; `seen` says which see which."""
        mixed = self.mix(x)
        mixed = mixed.reshape(mixed.shape[0], mixed.shape[1], 3 * self.heads, self.head_width).transpose(1, 2)
        mixed, value = mixed.split([2 * self.heads, self.heads], dim=1)
        query, key = rotated(unit(mixed) * self.ones, turn, self.head_width // 2).split(self.heads, dim=1)
        query = self.sharpness * query
        if memory is None:
            found = functional.scaled_dot_product_attention(query, key, value, seen, scale=1.0)
        else:
            keys, values = memory
            scores = torch.cat([query @ keys.transpose(-1, -2), query @ key.transpose(-1, -2)], dim=-1) + seen
            weights = scores.softmax(dim=-1)
            found = weights[..., : self.window] @ values + weights[..., self.window :] @ value
        found = found.transpose(1, 2)
        return self.out(found.reshape(found.shape[0], found.shape[1], self.heads * self.head_width)), key, value


class Block(nn.Module):
    """Attention, then two linear layers with a squared ReLU between them; each adds to what it reads."""

    def __init__(self, width: int, heads: int, head_width: int, hidden: int, window: int, dropout: float) -> None:
        super().__init__()
        self.norm_attention, self.norm_hidden = RootMeanSquareNorm(width), RootMeanSquareNorm(width)
        self.attention = Attention(width, heads, head_width, window)
        self.up, self.down = nn.Linear(width, hidden, bias=False), nn.Linear(hidden, width, bias=False)
        self.dropout = dropout

    def forward(
        self, x: Tensor, turn: Turn, seen: Tensor, memory: tuple[Tensor, ...] | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        found, key, value = self.attention(self.norm_attention(x), turn, seen, memory)
        x = x + dropped(found, self.dropout, self.training)
        rectified = functional.relu(self.up(self.norm_hidden(x)))
        return x + dropped(self.down(rectified * rectified), self.dropout, self.training), key, value


class LanguageTransformer(nn.Module):
    """Characters in, logits of each next character out."""

    def __init__(
        self,
        classes: int,
        width: int,
        blocks: int,
        heads: int,
        hidden: int,
        rows: Sequence[int],
        head_width: int = 32,
        window: int = 128,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.window, self.heads, self.head_width = window, heads, head_width
        ring = (heads, window, head_width)
        self.state = {f"memory_{number}": ring for number in range(2 * blocks)}  # keys and values of one text
        self.embedding = CharacterEmbedding(classes, width, rows, dropout)
        self.blocks = nn.ModuleList(Block(width, heads, head_width, hidden, window, dropout) for _ in range(blocks))
        self.norm = RootMeanSquareNorm(width)
        half = head_width // 2
        signs = torch.tensor([-1.0, 1.0]).repeat_interleave(half) * (2 * math.pi / PERIOD)
        self.register_buffer("turns", whole_turns(half, window).repeat(2), persistent=False)
        self.register_buffer("angles", signs, persistent=False)  # in radians, of one part of a turn
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=layer.in_features**-0.5)
        for block in self.blocks:  # at first a block passes on what it reads
            nn.init.zeros_(block.attention.out.weight)
            nn.init.zeros_(block.down.weight)

    def forward(
        self, tokens: Tensor, before: Tensor, start: Tensor | None = None, *memory: Tensor
    ) -> tuple[Tensor, ...]:
        """Tokens (batch, time) give logits (batch, time, classes) and, with a memory, what it has to remember of them.

        `before` (batch, BEFORE) are the characters before them, which only the embedding reads; `start` (batch) is the
        position of the first. `memory` are each block's keys and values, in rings (batch, heads, window, numbers); what
        goes into them is stacked in their order (batch, rings, heads, time, numbers). Without them memory is empty.
        """
        positions = torch.arange(tokens.shape[1], device=tokens.device).unsqueeze(0)
        there = positions  # of all that can be seen
        if start is not None:
            positions = start.unsqueeze(1) + positions
            newest = start.unsqueeze(1) - 1
            held = newest - (newest - torch.arange(self.window, device=tokens.device)) % self.window
            there = torch.cat([held, positions], dim=1)  # below zero in a slot that is still empty
        farthest = positions.clamp(max=self.window - 1).unsqueeze(2)  # a text's first characters see fewer
        distance = positions.unsqueeze(2) - there.unsqueeze(1)
        outside = (distance * (farthest - distance)).clamp(max=0).unsqueeze(1)  # zero from nothing to the farthest
        seen = outside == 0 if start is None else outside.float() * FAR
        turn = self.turn(positions)
        x, new = self.embedding(tokens, before), []
        for number, block in enumerate(self.blocks):
            x, *of_block = block(x, turn, seen, memory[2 * number : 2 * number + 2] or None)
            new += of_block
        logits = self.embedding.logits(self.norm(x))
        if not memory:
            return (logits,)
        joined = torch.cat(new, dim=1)
        return logits, joined.reshape(joined.shape[0], len(new), self.heads, -1, self.head_width)

    def turn(self, positions: Tensor) -> Turn:
        """Exact at any position, for whole turns cancel."""
        angle = (positions.unsqueeze(1).unsqueeze(-1) * self.turns % PERIOD).float() * self.angles
        return angle.cos(), angle.sin()


def whole_turns(count: int, window: int) -> Tensor:
    """Rotary frequencies, in turns per PERIOD: from one radian a character to one turn in four windows."""
    fastest, slowest = PERIOD / (2 * math.pi), PERIOD / (4 * window)
    steps = torch.linspace(0, 1, count, dtype=torch.float64)
    return (fastest * (slowest / fastest) ** steps).round().long()


def rotated(x: Tensor, turn: Turn, half: int) -> Tensor:
    """Rotary positions: each pair of numbers turns with the position, so that products tell distances."""
    first, second = x.split(half, dim=-1)
    return x * turn[0] + torch.cat([second, first], dim=-1) * turn[1]
