"""A small decoder-only Transformer over characters: rotary positions, RMS norm, tied embeddings, sliding windows.

Each character sees itself and the `window - 1` characters before it, however long the text is. What a step must
remember is therefore bounded: the keys and values of the last `window` characters. They are plain inputs and outputs,
so that an exported file is the same network, and whoever runs it keeps them in a ring: position p in slot p % window.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from dwindle.tasks.text.language_layers import CharacterEmbedding, RootMeanSquareNorm, dropped, unit

PERIOD = 65_536  # every rotary frequency is a whole number of turns in so many positions
FAR = -1e4  # added to the score of what must not be seen
Memory = tuple[Tensor, Tensor]  # keys and values (batch, heads, window, head_width)


class Attention(nn.Module):
    """Causal attention in a sliding window; queries and keys have unit RMS, which keeps their products in bounds."""

    def __init__(self, width: int, heads: int, head_width: int) -> None:
        super().__init__()
        self.heads, self.head_width = heads, head_width
        self.mix = nn.Linear(width, 3 * heads * head_width, bias=False)  # queries, keys and values
        self.out = nn.Linear(heads * head_width, width, bias=False)
        self.sharpness = nn.Parameter(torch.full((heads, 1, 1), head_width**-0.5))  # of each head's attention

    def forward(self, x: Tensor, turn: Tensor, seen: Tensor, memory: Memory | None) -> tuple[Tensor, Tensor, Tensor]:
        """Gives what was found, and the keys and values of these characters; `seen` says which see which."""
        batch, time, _ = x.shape
        mixed = self.mix(x).reshape(batch, time, 3, self.heads, self.head_width).permute(2, 0, 3, 1, 4)
        turned, value = rotated(unit(mixed[:2]), turn), mixed[2]
        query, key = self.sharpness * turned[0], turned[1]
        if memory is None:
            found = functional.scaled_dot_product_attention(query, key, value, seen, scale=1.0)
        else:
            keys, values = memory
            scores = torch.cat([query @ keys.transpose(-1, -2), query @ key.transpose(-1, -2)], dim=-1) + seen
            weights, held = scores.softmax(dim=-1), keys.shape[-2]
            found = weights[..., :held] @ values + weights[..., held:] @ value
        return self.out(found.transpose(1, 2).reshape(batch, time, self.heads * self.head_width)), key, value


class Block(nn.Module):
    """Attention, then two linear layers with a squared ReLU between them; each adds to what it reads."""

    def __init__(self, width: int, heads: int, head_width: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.norm_attention, self.norm_hidden = RootMeanSquareNorm(width), RootMeanSquareNorm(width)
        self.attention = Attention(width, heads, head_width)
        self.up, self.down = nn.Linear(width, hidden, bias=False), nn.Linear(hidden, width, bias=False)
        self.dropout = dropout

    def forward(self, x: Tensor, turn: Tensor, seen: Tensor, memory: Memory | None) -> tuple[Tensor, Tensor, Tensor]:
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
        self.window = window
        ring = (blocks, heads, window, head_width)
        self.state = {"keys": ring, "values": ring}  # of one text
        self.embedding = CharacterEmbedding(classes, width, rows, dropout)
        self.blocks = nn.ModuleList(Block(width, heads, head_width, hidden, dropout) for _ in range(blocks))
        self.norm = RootMeanSquareNorm(width)
        self.register_buffer("turns", whole_turns(head_width // 2, window), persistent=False)
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, std=layer.in_features**-0.5)
        for block in self.blocks:  # at first a block passes on what it reads
            nn.init.zeros_(block.attention.out.weight)
            nn.init.zeros_(block.down.weight)

    def forward(
        self,
        tokens: Tensor,
        before: Tensor,
        start: Tensor | None = None,
        keys: Tensor | None = None,
        values: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens (batch, time) give logits (batch, time, classes), keys and values (batch, blocks, heads, time, …).

        `before` (batch, groups) are the characters before them, which only the embedding reads; `start` (batch) is the
        position of the first; `keys` and `values` are rings of what was given before. Without them memory is empty.
        """
        positions = torch.arange(tokens.shape[1], device=tokens.device).unsqueeze(0)
        there = positions  # of all that can be seen
        if start is not None:
            positions = start.unsqueeze(1) + positions
            newest = start.unsqueeze(1) - 1
            held = newest - (newest - torch.arange(self.window, device=tokens.device)) % self.window
            there = torch.cat([held, positions], dim=1)  # below zero in a slot that is still empty
        distance = positions.unsqueeze(2) - there.unsqueeze(1)
        seen = ((distance >= 0) & (distance < self.window) & (there >= 0).unsqueeze(1)).unsqueeze(1)
        if start is not None:
            seen = (~seen).float() * FAR
        turn = self.turn(positions)
        x, new_keys, new_values = self.embedding(tokens, before), [], []
        for number, block in enumerate(self.blocks):
            memory = None if keys is None else (keys[:, number], values[:, number])
            x, key, value = block(x, turn, seen, memory)
            new_keys.append(key)
            new_values.append(value)
        logits = self.embedding.logits(self.norm(x))
        if start is None:  # in training nobody reads them
            return logits, new_keys[-1], new_values[-1]
        blocks, heads, _, numbers = self.state["keys"]
        shape = (tokens.shape[0], blocks, heads, tokens.shape[1], numbers)  # whose last the exporter has lost
        return logits, torch.stack(new_keys, dim=1).reshape(shape), torch.stack(new_values, dim=1)

    def turn(self, positions: Tensor) -> Tensor:
        """Cosines and signed sines (2, batch, 1, time, numbers); exact at any position, for whole turns cancel."""
        angle = (positions.unsqueeze(-1) % PERIOD * self.turns % PERIOD).float() * (2 * math.pi / PERIOD)
        cosine, sine = angle.cos(), angle.sin()
        return torch.stack([torch.cat([cosine, cosine], -1), torch.cat([-sine, sine], -1)]).unsqueeze(2)


def whole_turns(count: int, window: int) -> Tensor:
    """Rotary frequencies, in turns per PERIOD: from one radian a character to one turn in four windows."""
    fastest, slowest = PERIOD / (2 * math.pi), PERIOD / (4 * window)
    steps = torch.linspace(0, 1, count, dtype=torch.float64)
    return (fastest * (slowest / fastest) ** steps).round().long()


def rotated(x: Tensor, turn: Tensor) -> Tensor:
    """Rotary positions: each pair of numbers turns with the position, so that products tell distances."""
    first, second = x.chunk(2, dim=-1)
    return x * turn[0] + torch.cat([second, first], dim=-1) * turn[1]
