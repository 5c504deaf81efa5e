"""An LSTM over characters, with the embedding and the output of the Transformer: what it remembers has a fixed size."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dwindle.tasks.text.language_layers import CharacterEmbedding, RootMeanSquareNorm, dropped


class LanguageLSTM(nn.Module):
    """Characters in, logits of each next character out."""

    def __init__(self, classes: int, width: int, layers: int, rows: Sequence[int], dropout: float = 0.0) -> None:
        super().__init__()
        self.state = {"hidden": (layers, width), "cell": (layers, width)}  # of one text
        self.dropout = dropout
        self.embedding = CharacterEmbedding(classes, width, rows, dropout)
        self.recurrent = nn.LSTM(width, width, layers, batch_first=True)
        self.norm = RootMeanSquareNorm(width)

    def forward(
        self, tokens: Tensor, before: Tensor, hidden: Tensor | None = None, cell: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Tokens (batch, time) give logits (batch, time, classes) and the new state (batch, layers, width), twice."""
        if hidden is None or cell is None:
            hidden, cell = (torch.zeros(len(tokens), *shape, device=tokens.device) for shape in self.state.values())
        x = self.embedding(tokens, before)
        given, (hidden, cell) = self.recurrent(
            x, (hidden.transpose(0, 1).contiguous(), cell.transpose(0, 1).contiguous())
        )
        x = x + dropped(given, self.dropout, self.training)
        return self.embedding.logits(self.norm(x)), hidden.transpose(0, 1), cell.transpose(0, 1)
