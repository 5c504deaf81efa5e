"""How sure a model may say it is: a temperature that makes its confidence true, and where it should say unsure."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

WANTED_RIGHT = 0.95  # of the answers that are not called unsure
TEMPERATURES = [2 ** (step / 8) for step in range(-16, 33)]  # a quarter to sixteen


@dataclass(frozen=True)
class Calibration:
    """Set on held-out sentences."""

    temperature: float
    threshold: float  # of the confidence; below it an answer is unsure


def calibrated(logits: Tensor, labels: Tensor) -> Calibration:
    """The temperature of the smallest cross-entropy, and the lowest threshold that leaves enough right answers."""
    losses = {t: float(functional.cross_entropy(logits / t, labels)) for t in TEMPERATURES}
    temperature = min(losses, key=losses.__getitem__)
    confidence, answers = (logits / temperature).softmax(dim=-1).max(dim=-1)
    order = confidence.argsort(descending=True)
    right = (answers == labels)[order].double().cumsum(0) / torch.arange(1, len(labels) + 1)
    enough = (right >= WANTED_RIGHT).nonzero().flatten()
    lowest = float(confidence[order[enough[-1]]]) if len(enough) else 1.0
    return Calibration(temperature, math.floor(1e6 * lowest) / 1e6)
