"""Networks that read a text and say how it feels: a Transformer of any depth and width, and a convolutional one."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dwindle.infer.text.review_tokenizer import LONGEST

PADDING = 0  # the number of the padding token; a network finds by it where a text ends
MASKED = -1e4  # added to the attention paid to padding: nothing is left of it, in float16 too


class Reader(nn.Module):
    """What every network here answers: logits from token numbers, and the state that they were read from."""

    def features(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (batch, classes) and the mean state of the last layer (batch, width)."""
        raise NotImplementedError

    def forward(self, tokens: Tensor) -> Tensor:
        return self.features(tokens)[0]


class Words(nn.Module):
    """Token numbers to vectors: a table, factorised where its rows are narrower than the network."""

    def __init__(self, vocabulary: int, width: int, row: int, frozen: bool = False) -> None:
        super().__init__()
        self.table = nn.Embedding(vocabulary, row, padding_idx=PADDING)
        self.table.weight.requires_grad_(not frozen)
        self.widened = nn.Linear(row, width, bias=False) if row != width else nn.Identity()

    def forward(self, tokens: Tensor) -> Tensor:
        return self.widened(self.table(tokens))


class Layer(nn.Module):
    """A Transformer encoder's layer as BERT has it; it may have fewer heads than its width has room for."""

    def __init__(self, width: int, heads: int, head_width: int, units: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.head_width = heads, head_width
        self.query, self.key, self.value = (nn.Linear(width, heads * head_width) for _ in range(3))
        self.joined = nn.Linear(heads * head_width, width)
        self.norm_attention = nn.LayerNorm(width, eps=1e-12)
        self.wide = nn.Linear(width, units)
        self.narrow = nn.Linear(units, width)
        self.norm_output = nn.LayerNorm(width, eps=1e-12)
        self.activation = nn.GELU()
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        query, key, value = self._split(self.query(x)), self._split(self.key(x)), self._split(self.value(x))
        scores = torch.matmul(query, key.transpose(-1, -2)) * self.head_width**-0.5 + mask
        attended = torch.matmul(self.dropout(scores.softmax(dim=-1)), value).transpose(1, 2).flatten(2)
        x = self.norm_attention(x + self.dropout(self.joined(attended)))
        return self.norm_output(x + self.dropout(self.narrow(self.activation(self.wide(x)))))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, self.head_width)).transpose(1, 2)


class TransformerReader(Reader):
    """Words, positions, layers; the mean of the last layer's states is classified."""

    def __init__(
        self,
        vocabulary: int,
        width: int,
        heads: Sequence[int],  # of each layer
        units: Sequence[int],  # in each layer's feed-forward part
        head_width: int,
        row: int | None = None,  # of the table of words; default: as wide as the network
        classes: int = 2,
        dropout: float = 0.1,
        frozen_words: bool = False,
    ) -> None:
        super().__init__()
        self.words = Words(vocabulary, width, row or width, frozen_words)
        self.positions = nn.Parameter(0.02 * torch.randn(LONGEST, width))
        self.norm = nn.LayerNorm(width, eps=1e-12)
        self.dropout = nn.Dropout(dropout)
        shapes = zip(heads, units, strict=True)
        self.layers = nn.ModuleList(Layer(width, count, head_width, inner, dropout) for count, inner in shapes)
        self.answer = nn.Linear(width, classes)
        self.apply(_begin_small)

    def features(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        present = (tokens != PADDING).float()
        mask = (1 - present)[:, None, None, :] * MASKED
        x = self.dropout(self.norm(self.words(tokens) + self.positions[: tokens.shape[1]]))
        for layer in self.layers:
            x = layer(x, mask)
        state = mean_state(x, present)
        return self.answer(self.dropout(state)), state


class ConvolutionReader(Reader):
    """Narrow words, residual convolutions over them, and the mean and the maximum of what they find."""

    def __init__(
        self, vocabulary: int, row: int, channels: int, blocks: int, classes: int = 2, dropout: float = 0.2
    ) -> None:
        super().__init__()
        self.words = Words(vocabulary, channels, row)
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(_ConvolutionBlock(channels, 2**number) for number in range(blocks))
        self.answer = nn.Linear(2 * channels, classes)

    def features(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        present = (tokens != PADDING).float()
        x = self.dropout(self.words(tokens)).transpose(1, 2)
        for block in self.blocks:
            x = block(x * present.unsqueeze(1))
        x = x.transpose(1, 2)
        highest = (x + (1 - present).unsqueeze(-1) * MASKED).amax(dim=1)
        state = torch.cat([mean_state(x, present), highest], dim=1)
        return self.answer(self.dropout(state)), state


class _ConvolutionBlock(nn.Module):
    """Three neighbours so many words apart, rectified, added to what came in."""

    def __init__(self, channels: int, apart: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(channels, channels, 3, padding=apart, dilation=apart)
        self.norm = nn.BatchNorm1d(channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.norm(self.convolution(x)).relu()


def mean_state(x: Tensor, present: Tensor) -> Tensor:
    """The mean over the tokens that are there; (batch, tokens, width) and (batch, tokens) of 0 and 1."""
    return (x * present.unsqueeze(-1)).sum(dim=1) / present.sum(dim=1, keepdim=True).clamp(min=1)


def _begin_small(module: nn.Module) -> None:
    """As BERT begins: normal, with a standard deviation of 0.02."""
    if isinstance(module, nn.Linear | nn.Embedding):
        nn.init.normal_(module.weight, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
