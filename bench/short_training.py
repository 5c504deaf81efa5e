"""A short training of a small network on few examples, for benches that train many of them."""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from dwindle.task import first_output
from dwindle.tasks.images.augment import ImageAugment
from dwindle.tasks.images.datasets import Digits

WARM_UP = 0.1  # of the steps


def train_briefly(
    network: nn.Module,
    digits: Digits,
    steps: int,
    loss: Callable[[Tensor, Tensor, Tensor], Tensor],  # outputs, images, targets
    rate: float = 4e-3,
    batch_size: int = 64,
    seed: int = 0,
) -> nn.Module:
    """So many steps of AdamW at a rate that rises and falls; images are augmented. Returns the network, to be used."""
    torch.manual_seed(seed)
    augment = ImageAugment()
    optimizer = torch.optim.AdamW(network.parameters(), lr=rate, weight_decay=0.02)
    network.train()
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = rate * share_of_rate(step / steps)
        chosen = torch.randint(len(digits), (batch_size,))
        images, targets = augment(digits.images[chosen]), digits.targets[chosen]
        optimizer.zero_grad()
        loss(first_output(network(images)), images, targets).backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
    return network.eval()


def share_of_rate(progress: float) -> float:
    """Of the highest learning rate, at this share of the steps: a linear warm-up, then half a cosine to zero."""
    return min(1.0, progress / WARM_UP + 0.05) * 0.5 * (1 + math.cos(math.pi * progress))


def answers(network: Callable[[Tensor], Tensor], images: Tensor, batch_size: int = 500) -> Tensor:
    """The network's outputs for all images."""
    with torch.inference_mode():
        return torch.cat([first_output(network(part)) for part in images.split(batch_size)])
