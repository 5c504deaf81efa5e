"""The network with state that is carried from hop to hop: each frame is computed once, for many streams at a time.

The weights are the student's. Two things differ from runs on windows: a frame waits until all that it depends on has
come (`LAG_FRAMES`), and each spectrum is divided by the level of the sound around it, not by that of the window.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from dwindle.errors import UserError
from dwindle.tasks.speech.front_end import ENERGY_FLOOR, FRAME_SAMPLES, HOP_SAMPLES, MEL_BANDS, SILENCE_ENERGY, LogMel
from dwindle.tasks.speech.network import Residual, SpeechNet

FRAME_SPECTRA = 2  # spectra in a frame
LEVEL_SPECTRA = 48  # over which the level is taken: 0.77 s, as long as a live listener's window ...
LEVEL_AHEAD = 12  # ... of which so many follow: as after a word's peak when it is first decoded


class StreamNet(nn.Module):
    """New samples (batch, 256 n) and what came before to n frames; the `state` of a stream that begins is zeros.

    Zeros are no silence to a network with biases: let it hear `lag_frames` frames of silence first.
    Channels come last, so that all streams of a batch go through one matrix product.
    """

    def __init__(self, network: SpeechNet):
        super().__init__()
        stem = network.eval().stem
        if stem[2].stride[1] != 1:
            raise UserError("a network that strides over time twice cannot carry its state: only a student can")
        if not hasattr(network.front_end, "spectrum_samples"):
            raise UserError("only a network whose spectra are each of their own samples can carry its state")
        self.front_end, self.input_norm = network.front_end, network.input_norm
        spectrum = self.front_end.spectrum_samples
        # a spectrum that hears more sound comes later: it need not be kept for so long
        self.kept_spectra_ahead = LEVEL_AHEAD - (spectrum - FRAME_SAMPLES) // (2 * HOP_SAMPLES)
        self.state: dict[str, tuple[int, ...]] = {"samples": (spectrum - HOP_SAMPLES,)}
        self.state |= {"energies": (self.kept_spectra_ahead, MEL_BANDS), "levels": (LEVEL_SPECTRA - 1,)}
        self.lag_frames = LEVEL_AHEAD // FRAME_SPECTRA + 1
        self.first = fuse_conv_bn_eval(*stem[0])
        self.state["stem"] = (self.first.kernel_size[1] - 1, MEL_BANDS, 1)
        bands = -(-MEL_BANDS // self.first.stride[0])
        self.second = self._kept("second", stem[2], stem[3], stem[4], bands)
        bands = -(-bands // stem[2].stride[0])
        self.third = self._block("third", stem[6], bands)
        self.across_bands = fuse_conv_bn_eval(*network.across_bands[:2])
        self.trunk = nn.ModuleList(self._block(f"trunk_{n}", block, 1) for n, block in enumerate(network.trunk))
        self.spelling = network.spelling

    def _kept(
        self, name: str, depthwise: nn.Conv2d, pointwise: nn.Conv2d, norm: nn.Module, bands: int
    ) -> nn.ModuleList:
        edge = depthwise.kernel_size[1] - 1
        self.state[name] = (edge, bands, depthwise.in_channels)
        self.lag_frames += edge // 2
        return nn.ModuleList([depthwise, fuse_conv_bn_eval(pointwise, norm)])

    def _block(self, name: str, block: Residual, bands: int) -> nn.ModuleList:
        first = self._kept(f"{name}_a", *block.body[:3], bands)
        return nn.ModuleList([first, self._kept(f"{name}_b", *block.body[4:], bands)])

    def forward(self, audio: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
        before = dict(zip(self.state, state, strict=True))
        after: dict[str, Tensor] = {}

        def joined(name: str, new: Tensor) -> Tensor:
            """What is new behind the edge that was kept; keeps the newest edge."""
            whole = torch.cat([before[name], new], dim=1)
            after[name] = whole[:, -self.state[name][0] :]
            return whole

        def residual(name: str, block: nn.ModuleList, new: Tensor) -> Tensor:
            whole = joined(f"{name}_a", new)
            inner = torch.relu(_separable(block[0], whole))
            body = _separable(block[1], joined(f"{name}_b", inner))
            return torch.relu(whole[:, : body.shape[1]] + body)

        picture = self.input_norm(self._picture(joined("samples", audio), joined).unsqueeze(1)).squeeze(1)
        stem = torch.relu(_convolved(self.first, joined("stem", picture.unsqueeze(3))))
        stem = torch.relu(_separable(self.second, joined("second", stem)))
        stem = residual("third", self.third, stem)
        trunk = torch.relu(_pointwise(self.across_bands, stem.transpose(2, 3).flatten(2).unsqueeze(2)))
        for number, block in enumerate(self.trunk):
            trunk = residual(f"trunk_{number}", block, trunk)
        return _pointwise(self.spelling, trunk).squeeze(2), *(after[name] for name in self.state)

    def _picture(self, samples: Tensor, joined: Callable[[str, Tensor], Tensor]) -> Tensor:
        """Spectra (batch, time, bands) over the level of the sound around them."""
        new = self._energies(samples)
        # a column, not a row of one dimension: ONNX Runtime turns both when it joins a turning to a product
        level = joined("levels", torch.matmul(new, self.front_end.level_shares.unsqueeze(1)).squeeze(2))
        mean = functional.avg_pool1d(level.unsqueeze(1), LEVEL_SPECTRA, stride=1).squeeze(1)
        delayed = joined("energies", new)[:, : -self.kept_spectra_ahead]
        return torch.log(delayed / (mean.unsqueeze(2) + SILENCE_ENERGY) + ENERGY_FLOOR)

    def _energies(self, samples: Tensor) -> Tensor:
        """(batch, time, bands)"""
        front_end = self.front_end
        if not isinstance(front_end, LogMel):
            return front_end.energies(samples).transpose(1, 2)
        # two halves instead of an unfolding, which no runtime does well
        halves = samples.unflatten(1, (-1, HOP_SAMPLES))
        pieces = torch.cat([halves[:, :-1], halves[:, 1:]], dim=2)
        filters = front_end.mel_filters()
        spectrum = torch.matmul(pieces, front_end.fourier_rows().T)
        return torch.matmul(spectrum.square(), torch.cat([filters, filters[:, 1:-1]], dim=1).T)


def _pointwise(convolution: nn.Conv2d, whole: Tensor) -> Tensor:
    """Of one tap: a matrix product over the channels, which come last."""
    return functional.linear(whole, convolution.weight.flatten(1), convolution.bias)


def _taps(convolution: nn.Conv2d, whole: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """What each tap sees of (batch, time, bands, channels), padded over bands alone, and its weights."""
    (high, wide), (stride, skip) = convolution.kernel_size, convolution.stride
    padded = functional.pad(whole, (0, 0, high // 2, high // 2)) if high > 1 else whole
    bands, times = padded.shape[2] - high + 1, padded.shape[1] - wide + 1
    for row in range(high):
        for column in range(wide):
            seen = padded[:, column : column + times : skip, row : row + bands : stride]
            yield seen, convolution.weight[:, :, row, column]


def _separable(pair: nn.ModuleList, whole: Tensor) -> Tensor:
    """A depthwise convolution, tap by tap, and a pointwise one."""
    depthwise, pointwise = pair
    return _pointwise(pointwise, sum(seen * weight.flatten() for seen, weight in _taps(depthwise, whole)))


def _convolved(convolution: nn.Conv2d, whole: Tensor) -> Tensor:
    """A convolution of one channel: what all taps see beside each other, in one product."""
    seen = torch.cat([seen for seen, _ in _taps(convolution, whole)], dim=3)
    return functional.linear(seen, convolution.weight.flatten(1), convolution.bias)
