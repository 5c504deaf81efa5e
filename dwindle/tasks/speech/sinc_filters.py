"""A filterbank that learns: band-pass filters, each given by two edges (SincNet, Ravanelli and Bengio 2018).

Each is a pair of filters a quarter period apart, whose squares add up to the energy of the band, which is then averaged
(LEAF, Zeghidour et al. 2021, does so). Two numbers a band are learnt and stored; the graph derives the filters.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from dwindle.infer.speech import SAMPLE_RATE
from dwindle.tasks.speech.front_end import (
    FRAME_SAMPLES,
    HOP_SAMPLES,
    MEL_BANDS,
    level_shares,
    log_relative,
    mel_spaced_hz,
)

STEP_SAMPLES = 32  # between two energies of a band; a frame averages eight
MARGIN_SAMPLES = STEP_SAMPLES // 2  # on either side of what a frame hears
AS_TRANSFORMED = 0.375 * FRAME_SAMPLES**2 / 4  # energies then stand where those of LogMel's transform do


class SincFilters(nn.Module):
    """Waveform (batch, samples) to log energies (batch, bands, frames); the clip's level cancels out."""

    maps = 1
    spectrum_samples = 2 * FRAME_SAMPLES  # that a frame hears, margins and all
    spectra_go_to = frozenset({"Slice", "Concat"})  # in an exported graph
    stays_whole = True  # when a network is quantised

    def __init__(self, bands: int = MEL_BANDS) -> None:
        super().__init__()
        self.bands = bands
        edges_hz = mel_spaced_hz(2 * bands + 3)[1::2]  # neighbours begin where mel triangles cross
        self.register_buffer("first_low_hz", edges_hz[:-1].clone())
        self.register_buffer("first_width_hz", edges_hz[1:] - edges_hz[:-1])
        # in widths that the band began with, so that all bands learn equally fast
        self.raised = nn.Parameter(torch.zeros(bands))
        self.widened = nn.Parameter(torch.zeros(bands))  # the logarithm
        self.register_buffer("level_shares", level_shares(self.first_low_hz))
        self.register_buffer("window", torch.hamming_window(FRAME_SAMPLES, periodic=False))
        pooling = torch.hann_window(FRAME_SAMPLES // STEP_SAMPLES + 2, periodic=False)[1:-1]
        self.register_buffer("pooling", pooling.reshape(1, 1, 1, -1) * (AS_TRANSFORMED / pooling.sum()))

    def forward(self, audio: Tensor) -> Tensor:
        inner = self.energies(audio)
        energies = torch.cat([inner[:, :, :1], inner, inner[:, :, -1:]], dim=2)
        return log_relative(energies, self.level_shares)

    def energies(self, audio: Tensor) -> Tensor:
        """Of each band in frames as far apart and as centred as log-mel frames; the outermost would need more sound."""
        inside = audio[:, MARGIN_SAMPLES:-MARGIN_SAMPLES].unsqueeze(1)
        pairs = functional.conv1d(inside, self.filters().unsqueeze(1), stride=STEP_SAMPLES).square()
        each = (pairs[:, : self.bands] + pairs[:, self.bands :]).unsqueeze(1)
        frames = functional.conv2d(each, self.pooling, stride=(1, HOP_SAMPLES // STEP_SAMPLES))
        return frames.squeeze(1)

    def filters(self) -> Tensor:
        """(2 bands, samples): cosines, then sines, each within a sinc as wide as the band is narrow."""
        width_hz = (self.first_width_hz * torch.exp(self.widened)).unsqueeze(1)
        centre_hz = (self.first_low_hz + self.first_width_hz * self.raised).unsqueeze(1) + width_hz / 2
        samples = torch.arange(FRAME_SAMPLES, device=self.window.device)
        seconds = (samples - (FRAME_SAMPLES - 1) / 2) / SAMPLE_RATE  # never zero: the middle lies between two samples
        low_pass = self.window * torch.sin(math.pi * width_hz * seconds) / (math.pi * seconds) * (2 / SAMPLE_RATE)
        turns = 2 * math.pi * centre_hz * seconds
        return torch.cat([low_pass * torch.cos(turns), low_pass * torch.sin(turns)])
