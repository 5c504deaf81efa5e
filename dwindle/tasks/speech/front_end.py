"""The log-mel front end: a torch module from the waveform to a picture of it, the same one trained and shipped.

In an ONNX file its constants take under 4 KB: the graph derives the Fourier matrix and the mel filters from a
table of one cosine period and the mel edges, and a runtime folds them once, while it loads the file.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from dwindle.infer.speech import SAMPLE_RATE

FRAME_SAMPLES = 256  # 32 ms at 8 kHz
HOP_SAMPLES = 128  # 16 ms
MEL_BANDS = 40
LOWEST_HZ, HIGHEST_HZ = 60.0, 3_900.0
LEVEL_LOWEST_HZ = 300.0  # hum and rumble below do not count: they can be 30 dB above the voice
ENERGY_FLOOR = 1e-5  # relative to the clip's own level; below it lies what no listener uses
SILENCE_ENERGY = 3e-8  # of a 16-bit recording's last bit; keeps digital silence finite


class LogMel(nn.Module):
    """Waveform (batch, samples) to log-mel energies (batch, bands, frames); the clip's level cancels out."""

    maps = 1
    spectrum_samples = FRAME_SAMPLES
    spectra_go_to = frozenset({"ReduceMean", "Div"})  # in an exported graph: the level, and what is divided by it

    def __init__(self, mel_bands: int = MEL_BANDS, hop_samples: int = HOP_SAMPLES) -> None:
        super().__init__()
        self.bands, self.hop_samples = mel_bands, hop_samples
        one_period = torch.arange(FRAME_SAMPLES, dtype=torch.float64) * (2 * math.pi / FRAME_SAMPLES)
        self.register_buffer("cosine_table", one_period.cos().float())
        self.register_buffer("window", torch.hann_window(FRAME_SAMPLES))
        edges_hz = mel_spaced_hz(mel_bands + 2)
        self.register_buffer("mel_edges_hz", edges_hz)
        self.register_buffer("level_shares", level_shares(edges_hz[:-2]))
        half = FRAME_SAMPLES // 2
        # the transform's rows: cosines of bins 0..half, then sines of bins 1..half-1 (a cosine three quarters on)
        self.register_buffer("row_bins", torch.cat([torch.arange(half + 1), torch.arange(1, half)]).int())
        quarter_turns = torch.cat([torch.zeros(half + 1), torch.full((half - 1,), 0.75 * FRAME_SAMPLES)])
        self.register_buffer("row_phases", quarter_turns.int())

    def forward(self, audio: Tensor) -> Tensor:
        return log_relative(self.energies(audio), self.level_shares)

    def energies(self, audio: Tensor) -> Tensor:
        """The mel energies as torchaudio defines them."""
        if self.training:  # three times as fast on a batch, and the same to 1e-5; ONNX Runtime's FFT is slow
            frames = audio.unfold(-1, FRAME_SAMPLES, self.hop_samples) * self.window
            power = torch.view_as_real(torch.fft.rfft(frames)).square().sum(dim=-1)
            return torch.matmul(power, self.mel_filters().T).transpose(1, 2)
        spectrum = functional.conv1d(audio.unsqueeze(1), self.fourier_rows().unsqueeze(1), stride=self.hop_samples)
        filters = self.mel_filters()
        # real and imaginary parts of a bin go through the same filter, so their squares need not be added first
        return torch.matmul(torch.cat([filters, filters[:, 1:-1]], dim=1), spectrum.square())

    def fourier_rows(self) -> Tensor:
        """(rows, samples): the window times a cosine of each row's bin and phase."""
        samples = torch.arange(FRAME_SAMPLES, device=self.window.device)
        turns = self.row_bins.long().unsqueeze(1) * samples + self.row_phases.long().unsqueeze(1)
        return self.cosine_table[turns % FRAME_SAMPLES] * self.window

    def mel_filters(self) -> Tensor:
        """(bands, bins): triangles that rise and fall linearly in Hz between neighbouring mel edges."""
        bins = torch.arange(FRAME_SAMPLES // 2 + 1, device=self.window.device)
        distance = self.mel_edges_hz.unsqueeze(1) - bins * (SAMPLE_RATE / FRAME_SAMPLES)
        widths = (self.mel_edges_hz[1:] - self.mel_edges_hz[:-1]).unsqueeze(1)
        return torch.relu(torch.minimum(-distance[:-2] / widths[:-1], distance[2:] / widths[1:]))


def level_shares(bands_hz: Tensor) -> Tensor:
    """(bands,): how much each band counts for a clip's level, by a frequency of each: low ones do not."""
    counted = (bands_hz >= LEVEL_LOWEST_HZ).float()
    return counted / counted.sum()


def log_relative(energies: Tensor, shares: Tensor) -> Tensor:
    """The logarithm of energies (batch, bands, frames), relative to the level of each clip."""
    level = torch.matmul(energies.mean(dim=-1), shares.unsqueeze(1)).unsqueeze(2)
    return torch.log(energies / (level + SILENCE_ENERGY) + ENERGY_FLOOR)


def mel_spaced_hz(count: int) -> Tensor:
    """Frequencies evenly spaced on the HTK mel scale."""

    def mel(hz: float) -> float:
        return 2595.0 * math.log10(1.0 + hz / 700.0)

    mels = torch.linspace(mel(LOWEST_HZ), mel(HIGHEST_HZ), count, dtype=torch.float64)
    return (700.0 * (10.0 ** (mels / 2595.0) - 1.0)).float()
