"""Descriptions of digits: which of the seven segments of a display each one lights, and how an embedding says it.

A digit that no training has shown is known by its description (bench/zero_shot_digits.py); an exported file carries the
layer that reads the segments from its embedding, and the page shows what it sees.
"""

import json

import torch
from torch import Tensor
from torch.nn import functional

SEGMENTS = torch.tensor(  # top, upper left, upper right, middle, lower left, lower right, bottom
    [
        [1, 1, 1, 0, 1, 1, 1],
        [0, 0, 1, 0, 0, 1, 0],
        [1, 0, 1, 1, 1, 0, 1],
        [1, 0, 1, 1, 0, 1, 1],
        [0, 1, 1, 1, 0, 1, 0],
        [1, 1, 0, 1, 0, 1, 1],
        [1, 1, 0, 1, 1, 1, 1],
        [1, 0, 1, 0, 0, 1, 0],
        [1, 1, 1, 1, 1, 1, 1],
        [1, 1, 1, 1, 0, 1, 1],
    ],
    dtype=torch.float32,
)
WEIGHT_DECAY = 1e-3
MOST_STEPS = 100
DECIMALS = 3


def fitted_segments(embeddings: Tensor, digits: Tensor) -> Tensor:
    """(segments, embedding + 1): each segment's logistic regression on the embedding; the last number is the bias."""
    embeddings, lit = embeddings.float(), SEGMENTS[digits]
    mean, spread = embeddings.mean(dim=0), embeddings.std(dim=0).clamp_min(1e-6)
    standard = (embeddings - mean) / spread
    weights = torch.zeros(SEGMENTS.shape[1], embeddings.shape[1] + 1, requires_grad=True)
    optimizer = torch.optim.LBFGS([weights], max_iter=MOST_STEPS, line_search_fn="strong_wolfe")

    def surprise() -> Tensor:
        optimizer.zero_grad()
        logits = standard @ weights[:, :-1].T + weights[:, -1]
        loss = functional.binary_cross_entropy_with_logits(logits, lit) + WEIGHT_DECAY * weights.square().sum()
        loss.backward()
        return loss

    optimizer.step(surprise)
    found = weights.detach()
    plain = found[:, :-1] / spread
    return torch.cat([plain, (found[:, -1] - plain @ mean).unsqueeze(1)], dim=1)


def as_metadata(weights: Tensor) -> str:
    """What an exported file tells of the layer: a row of JSON for each segment."""
    return json.dumps([[round(value, DECIMALS) for value in row] for row in weights.tolist()])
