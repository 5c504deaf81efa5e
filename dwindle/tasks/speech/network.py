"""The network: a front end, depthwise-separable convolutions that keep time, and two readings of the last map.

Pooled over time it names one word (`logits`); unpooled it spells running speech, a frame every 32 ms (`frames`). The
pooled map itself (`embedding`) is what words are told apart by that no layer was trained to name.
"""

import math
from collections.abc import Set

import torch
from torch import Tensor, nn

from dwindle.infer.speech.kept_spectra import EARLIER, SPECTRA
from dwindle.tasks.speech.augment import SpecAugment
from dwindle.tasks.speech.front_ends import DEFAULT_FRONT_END, new_front_end

FREQUENCY_STRIDE = 4  # of the whole stem


class SpeechNet(nn.Module):
    """Waveform (batch, samples) to `logits` (batch, classes), `frames` (batch, time, classes + blank), `embedding`."""

    def __init__(
        self,
        classes: int,
        channels: int = 80,
        stem_channels: int = 16,
        blocks: int = 4,
        kernel: int = 7,
        time_stride: int = 1,  # of the trunk's frames; 2 halves the work of a large network that only names words
        front_end: str = DEFAULT_FRONT_END,
    ) -> None:
        super().__init__()
        self.front_end = new_front_end(front_end)
        self.spec_augment = SpecAugment()
        maps, bands = self.front_end.maps, math.ceil(self.front_end.bands / FREQUENCY_STRIDE)
        self.input_norm = nn.BatchNorm2d(maps, affine=False)
        wide = stem_channels + stem_channels // 2
        self.stem = nn.Sequential(
            normalised(nn.Conv2d(maps, stem_channels, 5, stride=2, padding=2, bias=False)),
            nn.ReLU(inplace=True),
            *separable(stem_channels, wide, (3, 3), stride=(2, time_stride)),
            nn.ReLU(inplace=True),
            Residual(wide, (3, 3)),
        )
        self.across_bands = nn.Sequential(
            *normalised(nn.Conv2d(wide * bands, channels, 1, bias=False)), nn.ReLU(inplace=True)
        )
        self.trunk = nn.Sequential(*(Residual(channels, (1, kernel)) for _ in range(blocks)))
        self.attention = nn.Conv2d(channels, 1, 1)
        self.word = nn.Conv2d(channels, classes, 1)
        self.spelling = nn.Conv2d(channels, classes + 1, 1)

    def forward(self, audio: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        with torch.autocast(audio.device.type, enabled=False):  # half precision overflows in a loud clip's spectrum
            picture = self.spec_augment(self.front_end(audio.float()))
        return self.read(picture)

    @property
    def kept_spectra(self) -> tuple[str, str, int, Set[str]] | None:
        """What an exported graph needs so that they may be kept, where each is of its own samples alone."""
        go_to = getattr(self.front_end, "spectra_go_to", None)
        return (EARLIER, SPECTRA, self.front_end.bands, go_to) if go_to else None

    def read(self, picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The part that is pruned and quantised: the front end's picture in, both readings and the embedding out."""
        bands = self.stem(self.input_norm(picture.unsqueeze(1) if self.front_end.maps == 1 else picture))
        last = self.trunk(self.across_bands(bands.flatten(1, 2).unsqueeze(2)))
        weights = self.attention(last).softmax(dim=-1)
        pooled = (last * weights).sum(dim=-1, keepdim=True)
        logits = self.word(pooled).flatten(1)
        frames = self.spelling(last).squeeze(2).transpose(1, 2)
        return logits, frames, pooled.flatten(1)


def normalised(convolution: nn.Conv2d) -> nn.Sequential:
    """A convolution with its batch normalisation, which folds into it when training is over."""
    return nn.Sequential(convolution, nn.BatchNorm2d(convolution.out_channels))


def separable(inputs: int, outputs: int, kernel: tuple[int, int], stride: tuple[int, int] = (1, 1)) -> nn.Sequential:
    """Depthwise then pointwise; normalising only once halves the memory traffic that training is bound by."""
    padding = (kernel[0] // 2, kernel[1] // 2)
    depthwise = nn.Conv2d(inputs, inputs, kernel, stride, padding, groups=inputs, bias=False)
    return nn.Sequential(depthwise, *normalised(nn.Conv2d(inputs, outputs, 1, bias=False)))


class Residual(nn.Module):
    """Two separable convolutions and a shortcut around them."""

    def __init__(self, channels: int, kernel: tuple[int, int]) -> None:
        super().__init__()
        self.body = nn.Sequential(
            *separable(channels, channels, kernel), nn.ReLU(inplace=True), *separable(channels, channels, kernel)
        )
        self.rectifier = nn.ReLU(inplace=True)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.rectifier(inputs + self.body(inputs))
