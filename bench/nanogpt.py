"""The architecture of nanoGPT (A. Karpathy), written from its description: learnt positions, LayerNorm, GELU."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class NanoBlock(nn.Module):
    """Attention over the whole context, then a GELU network four times as wide; no biases, as its small settings."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.first, self.second = nn.LayerNorm(width, bias=False), nn.LayerNorm(width, bias=False)
        self.mix, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.up, self.down = nn.Linear(width, 4 * width, bias=False), nn.Linear(4 * width, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        batch, time, width = x.shape
        mixed = self.mix(self.first(x)).view(batch, time, 3, self.heads, width // self.heads)
        query, key, value = mixed.permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.out(seen.transpose(1, 2).reshape(batch, time, width))
        return x + self.down(functional.gelu(self.up(self.second(x))))


class NanoGPT(nn.Module):
    """Tokens in, logits of the next ones out."""

    def __init__(self, classes: int, width: int, blocks: int, heads: int, context: int) -> None:
        super().__init__()
        self.embedding, self.position = nn.Embedding(classes, width), nn.Embedding(context, width)
        self.blocks = nn.Sequential(*(NanoBlock(width, heads) for _ in range(blocks)))
        self.norm = nn.LayerNorm(width, bias=False)
        for parameter in self.parameters():
            if parameter.ndim > 1:
                nn.init.normal_(parameter, std=0.02)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embedding(tokens) + self.position(torch.arange(tokens.shape[1]))
        return functional.linear(self.norm(self.blocks(x)), self.embedding.weight)
