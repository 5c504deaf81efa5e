"""The wavelet scattering of a waveform as a front end: Morlet wavelets, modulus, average; and all of it once more.

The wavelets are those of kymatio's filter bank (Andreux et al. 2020), which is asked for them when a network is built.
A file holds a centre and a width for each; its graph derives the filters from these and computes plain convolutions.
"""

import math
from itertools import groupby
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from dwindle.errors import imported
from dwindle.infer.speech import SAMPLE_RATE
from dwindle.tasks.speech.front_end import HOP_SAMPLES, level_shares

SCALE = 5  # average and wavelets are no longer than 2^5 allows: as fine in time as a log-mel frame
PER_OCTAVE = (8, 1)  # wavelets of the first and of the second order
FILTER_SAMPLES = 4096  # that kymatio makes its filters of; their centres and widths do not depend on it
REMEDY = "pip install 'kymatio>=0.3,<0.4'"
CUT_AFTER = 3.0  # standard deviations of a filter's envelope in time
FASTEST_STEP, SLOWEST_STEP = 8, 32  # samples between two values of an envelope; kymatio's octaves lie between
MOVING_STEP = 2  # values of an envelope between two of how it moves
FLOOR = 3e-3  # relative to the clip's own level: the root of the log-mel energies' floor
SILENCE = 3e-7  # less than the amplitude of a 16-bit recording's last bit in one band; keeps digital silence finite

Wavelet = dict[str, Any]  # as kymatio describes it: xi, its centre, and sigma, its width, in cycles a sample; j


class Scattering(nn.Module):
    """Waveform (batch, samples) to log amplitudes (batch, maps, bands, frames); the clip's level cancels out.

    The first map is the first order. The others are the second, the slowest movements first: how strongly each band's
    envelope moves so fast. A band that is too narrow to move so fast has nothing there.
    """

    def __init__(self) -> None:
        super().__init__()
        first, second, average_width = _bank()
        # kymatio looks for slower wavelets in an envelope: no others can be there
        movements = [[slow for slow in second if slow["j"] > one["j"]] for one in first]
        self.maps, self.bands = 1 + max(map(len, movements)), len(first)
        alike = groupby(zip(first, movements, strict=True), lambda pair: len(pair[1]))
        groups = [list(group) for _, group in alike]
        self.groups = nn.ModuleList(
            _Group([one for one, _ in group], group[0][1], average_width, self.maps) for group in groups
        )
        centres_hz = torch.tensor([one["xi"] * SAMPLE_RATE for one in first])
        self.register_buffer("level_shares", level_shares(centres_hz))

    def forward(self, audio: Tensor) -> Tensor:
        amplitudes = self.amplitudes(audio)
        level = torch.matmul(amplitudes[:, 0].mean(dim=-1), self.level_shares.unsqueeze(1)) + SILENCE
        relative = amplitudes.flatten(1, 2) / level.unsqueeze(2)
        return torch.log(relative + FLOOR).unflatten(1, (self.maps, self.bands))

    def amplitudes(self, audio: Tensor) -> Tensor:
        """The coefficients of both orders as kymatio defines them, low bands first."""
        return torch.cat([group(audio) for group in self.groups], dim=2)


class _Group(nn.Module):
    """Wavelets of about an octave, their envelopes equally slow: (batch, samples) to (batch, maps, bands, frames)."""

    def __init__(self, wavelets: list[Wavelet], movements: list[Wavelet], average_width: float, maps: int) -> None:
        super().__init__()
        step = min(SLOWEST_STEP, FASTEST_STEP << wavelets[0]["j"])
        self.empty_maps = maps - 1 - len(movements)
        self.envelopes, self.average = _Envelopes(wavelets, 1, step), _Average(average_width, step, 1)
        self.moving = _Envelopes(movements, step, MOVING_STEP) if movements else None
        self.later_average = _Average(average_width, step * MOVING_STEP, len(movements))

    def forward(self, audio: Tensor) -> Tensor:
        envelopes = self.envelopes(audio.unsqueeze(1).unsqueeze(1)).transpose(1, 2)
        maps = [self.average(envelopes)]
        if self.moving is not None:
            maps.append(self.later_average(self.moving(envelopes)))
        return torch.cat([*maps, *[0 * maps[0]] * self.empty_maps], dim=1)


class _Envelopes(nn.Module):
    """Rows (batch, 1, rows, time) through each wavelet: the modulus (batch, wavelets, rows, time / step)."""

    def __init__(self, wavelets: list[Wavelet], spacing: int, step: int) -> None:
        super().__init__()
        self.register_buffer("centres", torch.tensor([[one["xi"] * spacing] for one in wavelets]))
        self.register_buffer("widths", torch.tensor([[one["sigma"] * spacing] for one in wavelets]))
        self.count, self.step = len(wavelets), step
        self.taps = _taps(spacing * min(one["sigma"] for one in wavelets))

    def forward(self, inputs: Tensor) -> Tensor:
        filters, padding = self.filters().unsqueeze(1).unsqueeze(1), (self.taps - self.step) // 2
        filtered = functional.conv2d(inputs, filters, stride=(1, self.step), padding=(0, padding)).square()
        return (filtered[:, : self.count] + filtered[:, self.count :]).sqrt()

    def filters(self) -> Tensor:
        """(2 wavelets, taps): real parts, then imaginary ones; no constant passes, and the moduli add up to 1."""
        turns = 2 * math.pi * (torch.arange(self.taps, device=self.centres.device) - (self.taps - 1) / 2)
        gauss = torch.exp(-0.5 * (turns * self.widths).square())
        cosine, sine = gauss * torch.cos(turns * self.centres), gauss * torch.sin(turns * self.centres)
        cosine = cosine - gauss * (cosine.sum(dim=1, keepdim=True) / gauss.sum(dim=1, keepdim=True))
        moduli = (cosine.square() + sine.square()).sqrt().sum(dim=1, keepdim=True)
        return torch.cat([cosine / moduli, sine / moduli])


class _Average(nn.Module):
    """Maps (batch, maps, rows, time) at frames as far apart as log-mel frames, and centred where those are."""

    def __init__(self, width: float, spacing: int, maps: int) -> None:
        super().__init__()
        self.hop, self.width, self.maps = HOP_SAMPLES // spacing, width * spacing, maps
        self.taps = max(2 * self.hop, _taps(self.width))

    def forward(self, inputs: Tensor) -> Tensor:
        turns = 2 * math.pi * (torch.arange(self.taps, device=inputs.device) - (self.taps - 1) / 2)
        gauss = torch.exp(-0.5 * (turns * self.width).square())
        low_pass = torch.stack([gauss / gauss.sum()] * self.maps).unsqueeze(1).unsqueeze(1)
        padding = (0, self.taps // 2 - self.hop)
        return functional.conv2d(inputs, low_pass, stride=(1, self.hop), padding=padding, groups=self.maps)


def _bank() -> tuple[list[Wavelet], list[Wavelet], float]:
    """kymatio's wavelets of the first and second order, by rising centre, and the width of its average."""
    filter_bank = imported("kymatio.scattering1d.filter_bank", REMEDY)
    average, first, second = filter_bank.scattering_filter_factory(FILTER_SAMPLES, SCALE, PER_OCTAVE, 2**SCALE)
    return first[::-1], second[::-1], average["sigma"]


def _taps(width: float) -> int:
    """An even number of taps, that hold a filter of this width."""
    return 2 * math.ceil(CUT_AFTER / (2 * math.pi * width))
