"""What both language networks are made of: embeddings of a character with those before it, RMS norm, dropout."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from dwindle.infer.text.language_memory import BEFORE

NORM_EPSILON = 1e-5


class CharacterEmbedding(nn.Module):
    """A character's vector, plus one for the pair, the triple … that it ends; as many as `rows` names tables.

    Groups share rows where their numbers do (hashing). A row costs a look-up, never a multiplication, and spares the
    blocks above from finding out again which letters stand side by side.
    """

    def __init__(self, classes: int, width: int, rows: Sequence[int], dropout: float = 0.0) -> None:
        super().__init__()
        self.classes = classes
        self.single = nn.Embedding(classes, width)
        self.groups = nn.ModuleList(nn.Embedding(count, width) for count in rows)
        self.scale, self.dropout = width**0.5, dropout
        nn.init.normal_(self.single.weight, std=width**-0.5)
        for table in self.groups:
            nn.init.normal_(table.weight, std=0.02)

    def forward(self, tokens: Tensor, before: Tensor) -> Tensor:
        """`before` are the BEFORE characters before the first of `tokens`."""
        text = torch.cat([before, tokens], dim=1)
        x, number = self.single(tokens) * self.scale, tokens
        for back, table in enumerate(self.groups, start=1):
            number = number + text[:, BEFORE - back : -back] * self.classes**back
            x = x + dropped(table(number % table.num_embeddings), self.dropout, self.training)
        return unit(x)

    def logits(self, x: Tensor) -> Tensor:
        """How well each character's vector fits: the embedding is tied to the output."""
        return functional.linear(x, self.single.weight)


class RootMeanSquareNorm(nn.Module):
    """RMS norm with a learnt gain."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gain = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return unit(x) * self.gain


def unit(x: Tensor) -> Tensor:
    """RMS norm without a gain; in the operators that ONNX Runtime knows as one norm where a gain follows."""
    return x / torch.sqrt(x.pow(2).mean(dim=-1, keepdim=True) + NORM_EPSILON)


def dropped(x: Tensor, share: float, training: bool) -> Tensor:
    """Dropout with one mask for all characters of a text, which costs next to nothing to draw."""
    if not training or not share:
        return x
    kept = torch.empty(x.shape[0], 1, x.shape[2], device=x.device, dtype=x.dtype).bernoulli_(1 - share)
    return x * (kept / (1 - share))
