"""The networks: a small one that shrinks well, a tiny one, and the plain baseline that every tutorial has.

All take images (batch, 1, 28, 28), ink 1 on paper 0, and give logits (batch, classes) and the embedding that the last
layer sees: what else is to be known of a digit (its strokes, its likeness to a few examples) is read from that.
"""

import torch
from torch import Tensor, nn

from dwindle.infer.images import SIDE

MAP_SIDE = SIDE // 4  # of the last feature map: two strides of two


class DigitNet(nn.Module):
    """Strided convolutions, then one depthwise kernel over the whole map where others take its mean.

    The depthwise kernel knows where a stroke was, which a mean forgets; in a network this small that decides.
    """

    def __init__(
        self,
        classes: int,
        stem_channels: int = 12,
        channels: int = 16,
        last_channels: int = 20,
        blocks: int = 1,  # residual ones, on the last map
    ) -> None:
        super().__init__()
        self.trunk = nn.Sequential(
            *normalised(nn.Conv2d(1, stem_channels, 5, stride=2, padding=2, bias=False)),
            *normalised(nn.Conv2d(stem_channels, channels, 3, padding=1, bias=False)),
            *normalised(nn.Conv2d(channels, last_channels, 3, stride=2, padding=1, bias=False)),
            *(Residual(last_channels) for _ in range(blocks)),
        )
        self.pool = nn.Conv2d(last_channels, last_channels, MAP_SIDE, groups=last_channels, bias=False)
        self.pool_norm = nn.BatchNorm2d(last_channels)
        self.answer = nn.Linear(last_channels, classes)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        embedding = self.embedding(image)
        return self.answer(embedding), embedding

    def embedding(self, image: Tensor) -> Tensor:
        """What the last layer sees of each image: (batch, last_channels)."""
        return self.pool_norm(self.pool(self.trunk(image))).flatten(1)


class Residual(nn.Module):
    """A convolution and a shortcut around it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.rectifier = nn.ReLU(inplace=True)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.rectifier(inputs + self.norm(self.convolution(inputs)))


class NanoNet(nn.Module):
    """Under a thousand parameters: depthwise-separable convolutions with shortcuts, halved twice on the way."""

    def __init__(self, classes: int, channels: int = 10) -> None:
        super().__init__()
        self.stem = normalised(nn.Conv2d(1, channels, 3, stride=2, padding=1, bias=False))
        self.blocks = nn.Sequential(
            SeparableResidual(channels), nn.MaxPool2d(2), SeparableResidual(channels), nn.MaxPool2d(2)
        )
        self.last = SeparableResidual(channels)
        self.pool = nn.Conv2d(channels, channels, SIDE // 8, groups=channels, bias=False)
        self.pool_norm = nn.BatchNorm2d(channels)
        self.answer = nn.Linear(channels, classes)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        embedding = self.pool_norm(self.pool(self.last(self.blocks(self.stem(image))))).flatten(1)
        return self.answer(embedding), embedding


class SeparableResidual(nn.Module):
    """A depthwise and a pointwise convolution, and a shortcut around both."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        self.pointwise = nn.Conv2d(channels, channels, 1, bias=False)
        self.norm = nn.BatchNorm2d(channels)
        self.rectifier = nn.ReLU(inplace=True)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.rectifier(inputs + self.norm(self.pointwise(self.depthwise(inputs))))


class BaselineCNN(nn.Module):
    """Two convolutions with pooling and two dense layers."""

    def __init__(self, classes: int, stem_channels: int = 8, channels: int = 16, hidden_channels: int = 64) -> None:
        super().__init__()
        self.features = nn.Sequential(
            normalised(nn.Conv2d(1, stem_channels, 3, padding=1, bias=False)),
            nn.MaxPool2d(2),
            normalised(nn.Conv2d(stem_channels, channels, 3, padding=1, bias=False)),
            nn.MaxPool2d(2),
        )
        with torch.no_grad():  # a dummy input tells how long the flattened maps are
            flattened = self.features.eval()(torch.zeros(1, 1, SIDE, SIDE)).numel()
        self.features.train()
        self.embed = nn.Sequential(nn.Flatten(), nn.Linear(flattened, hidden_channels), nn.ReLU())
        self.answer = nn.Linear(hidden_channels, classes)

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        embedding = self.embed(self.features(image))
        return self.answer(embedding), embedding


def normalised(convolution: nn.Conv2d) -> nn.Sequential:
    """A convolution with its batch normalisation, which folds into it when training is over, and a rectifier."""
    return nn.Sequential(convolution, nn.BatchNorm2d(convolution.out_channels), nn.ReLU(inplace=True))
