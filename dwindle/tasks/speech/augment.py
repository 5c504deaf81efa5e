"""Augmentation: batches of waveforms as rooms, microphones, telephones and bystanders would change them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
import torchaudio
from torch import Tensor, nn

from dwindle.infer.speech import SAMPLE_RATE

SPEED_PERCENT = (85, 90, 95, 105, 110, 115)  # of the original; tempo and pitch move together
ROOMS = 128
HISSES, HISS_SAMPLES = 40, 4 * SAMPLE_RATE
HUMS = 64
MAINS_HZ = (50.0, 60.0)
RUMBLE_HIGHEST_HZ = 150.0
ROOM_SAMPLES = 3_200  # 0.4 s
REVERBERATION_S = (0.08, 0.6)  # time to fall by 60 dB


@dataclass(frozen=True)
class Strength:
    """How often each change happens (a share of the clips) and how far it goes."""

    speed: float = 0.5
    reverberation: float = 0.2
    band: float = 0.3
    noise: float = 0.5
    babble: float = 0.08
    clipping: float = 0.04
    telephone: float = 0.05
    hum: float = 0.1
    noise_snr_db: tuple[float, float] = (0.0, 25.0)
    babble_snr_db: tuple[float, float] = (3.0, 20.0)
    hum_snr_db: tuple[float, float] = (-20.0, 15.0)


class WaveAugment:
    """Changes a batch (clips, samples) of waveforms, on any device; all randomness comes from torch's CPU generator."""

    def __init__(self, noises: Sequence[np.ndarray], strength: Strength | None = None) -> None:
        self.strength = strength or Strength()
        hiss = hiss_recordings().flatten()
        self.noises = torch.cat([torch.from_numpy(np.concatenate(list(noises))), hiss] if len(noises) else [hiss])
        self.rooms, self.hums = room_responses(), _hums()

    def __call__(self, audio: Tensor) -> Tensor:
        self.noises, self.rooms = self.noises.to(audio.device), self.rooms.to(audio.device)
        self.hums = self.hums.to(audio.device)
        audio = self._speed(audio)
        audio = self._babble(audio)
        audio = self._room_and_band(audio)
        audio = self._noise(audio)
        audio = self._hum(audio)
        audio = self._clipping(audio)
        return self._telephone(audio)

    def _speed(self, audio: Tensor) -> Tensor:
        """A quarter of the chosen clips at each of four drawn speeds; the length of the window stays."""
        chosen = torch.randperm(len(audio))[: round(len(audio) * self.strength.speed)]
        changed = audio.clone()
        for part in chosen.chunk(4) if len(chosen) else ():
            percent = SPEED_PERCENT[int(torch.randint(len(SPEED_PERCENT), ()))]
            faster = _resampler(percent, audio.device)(audio[part])
            changed[part] = _fitted(faster, audio.shape[1])
        return changed

    def _babble(self, audio: Tensor) -> Tensor:
        """Other clips of the batch as people talking in the background."""
        chosen = _some(len(audio), self.strength.babble)
        others = sum(audio[torch.randperm(len(audio))[: len(chosen)]].roll(int(s), 1) for s in _shifts(audio, 3))
        return _mixed(audio, others, chosen, self.strength.babble_snr_db)

    def _noise(self, audio: Tensor) -> Tensor:
        """Background sound from anywhere in the recordings."""
        chosen = _some(len(audio), self.strength.noise)
        starts = torch.randint(len(self.noises) - audio.shape[1], (len(chosen),)).tolist()
        noise = torch.stack([self.noises[start : start + audio.shape[1]] for start in starts]) if starts else audio[:0]
        return _mixed(audio, noise.float(), chosen, self.strength.noise_snr_db)

    def _hum(self, audio: Tensor) -> Tensor:
        """Mains and rumble, which can drown a voice on a meter though not for an ear."""
        chosen = _some(len(audio), self.strength.hum)
        start = int(torch.randint(self.hums.shape[1] - audio.shape[1], ()))
        hums = self.hums[torch.randint(HUMS, (len(chosen),)), start : start + audio.shape[1]]
        return _mixed(audio, hums, chosen, self.strength.hum_snr_db)

    def _room_and_band(self, audio: Tensor) -> Tensor:
        """Reverberation and band limits in one product of spectra."""
        reverberant = torch.rand(len(audio)) < self.strength.reverberation
        limited = torch.rand(len(audio)) < self.strength.band
        chosen = (reverberant | limited).nonzero().squeeze(1)
        if len(chosen) == 0:
            return audio
        length = _fast_length(audio.shape[1] + ROOM_SAMPLES)
        spectrum = torch.fft.rfft(audio[chosen], n=length)
        in_room, in_band = reverberant[chosen].nonzero().squeeze(1), limited[chosen].nonzero().squeeze(1)
        if len(in_room):
            spectrum[in_room] *= torch.fft.rfft(self.rooms[torch.randint(ROOMS, (len(in_room),))], n=length)
        spectrum[in_band] *= _band_responses(len(in_band), spectrum.shape[1]).to(audio.device)
        changed = audio.clone()
        changed[chosen] = torch.fft.irfft(spectrum, n=length)[:, : audio.shape[1]]
        return changed

    def _clipping(self, audio: Tensor) -> Tensor:
        chosen = _some(len(audio), self.strength.clipping)
        limit = audio[chosen].abs().amax(1, keepdim=True) * _uniform(len(chosen), 0.1, 0.6, audio.device)
        audio[chosen] = torch.minimum(torch.maximum(audio[chosen], -limit), limit)
        return audio

    def _telephone(self, audio: Tensor) -> Tensor:
        """8-bit mu-law and back, at a drawn level."""
        chosen = _some(len(audio), self.strength.telephone)
        peak = audio[chosen].abs().amax(1, keepdim=True).clamp_min(1e-6)
        level = _uniform(len(chosen), 0.05, 1.0, audio.device) / peak
        codes = torchaudio.functional.mu_law_encoding(audio[chosen] * level, 256)
        audio[chosen] = torchaudio.functional.mu_law_decoding(codes, 256) / level
        return audio


class SpecAugment(nn.Module):
    """Masks bands and frames of a picture, or of several alike, differently for each clip; only in training."""

    def __init__(self, bands: int = 4, time_share: float = 0.08, masks: int = 2) -> None:
        super().__init__()
        self.time_share, self.masks = time_share, masks
        self.band_mask = torchaudio.transforms.FrequencyMasking(bands, iid_masks=True)

    def forward(self, picture: Tensor) -> Tensor:
        if not self.training:
            return picture
        mean = picture.mean(dim=(-2, -1), keepdim=True)
        longest = max(1, int(picture.shape[-1] * self.time_share))
        time_mask = torchaudio.transforms.TimeMasking(longest, iid_masks=True)
        unmasked = torch.ones(len(picture), 1, *picture.shape[-2:], device=picture.device)
        for _ in range(self.masks):
            unmasked = time_mask(self.band_mask(unmasked))
        unmasked = unmasked if picture.ndim == 4 else unmasked.squeeze(1)
        return (picture - mean) * unmasked + mean


def mixed_at(audio: Tensor, noise: Tensor, snr_db: Tensor) -> Tensor:
    """Noise added at a signal-to-noise ratio for each clip, measured where the clip is louder than silence."""
    loud = audio.abs() > 0.02 * audio.abs().amax(1, keepdim=True)
    signal_power = (audio.square() * loud).sum(1) / loud.sum(1).clamp_min(1)
    noise_power = noise.square().mean(1).clamp_min(1e-12)
    # a clip of pure silence gets quiet noise rather than none
    signal_power = signal_power.clamp_min(1e-6)
    gain = torch.sqrt(signal_power / noise_power * 10 ** (-snr_db / 10))
    return audio + noise * gain.unsqueeze(1)


def _mixed(audio: Tensor, noise: Tensor, chosen: Tensor, snr_db: tuple[float, float]) -> Tensor:
    changed = audio.clone()
    changed[chosen] = mixed_at(audio[chosen], noise, _uniform(len(chosen), *snr_db, audio.device).squeeze(1))
    return changed


def hiss_recordings() -> Tensor:
    """Stationary noise between white and brown, at the level of 16-bit recordings; the same in every run."""
    generator = torch.Generator().manual_seed(1)
    spectrum = torch.fft.rfft(torch.randn(HISSES, HISS_SAMPLES, generator=generator))
    hz = torch.linspace(0, SAMPLE_RATE / 2, spectrum.shape[1]).clamp_min(50.0)
    slope = torch.linspace(0, 1, HISSES).unsqueeze(1)
    hiss = torch.fft.irfft(spectrum * (hz / 50.0) ** -slope, n=HISS_SAMPLES)
    return (hiss * (1_000 / hiss.std(dim=1, keepdim=True))).round().short()


def _hums() -> Tensor:
    """Mains with its harmonics, over rumble; the same in every run."""
    generator = torch.Generator().manual_seed(2)
    samples = 4 * SAMPLE_RATE
    seconds = torch.arange(samples) / SAMPLE_RATE
    spectrum = torch.fft.rfft(torch.randn(HUMS, samples, generator=generator))
    hz = torch.linspace(0, SAMPLE_RATE / 2, spectrum.shape[1]).clamp_min(10.0)
    rumble = torch.fft.irfft(spectrum / hz / (1 + (hz / RUMBLE_HIGHEST_HZ) ** 8), n=samples)
    hums = rumble / rumble.std(dim=1, keepdim=True) * torch.rand(HUMS, 1, generator=generator)
    for harmonic in range(1, 7):
        strength = torch.rand(HUMS, 1, generator=generator) / harmonic
        phase = 2 * math.pi * torch.rand(HUMS, 1, generator=generator)
        mains_hz = torch.tensor(MAINS_HZ).repeat(HUMS // 2).unsqueeze(1)
        hums += strength * torch.sin(2 * math.pi * harmonic * mains_hz * seconds + phase)
    return hums


def _some(count: int, share: float) -> Tensor:
    return (torch.rand(count) < share).nonzero().squeeze(1)


def _uniform(count: int, low: float, high: float, device: torch.device) -> Tensor:
    return torch.empty(count, 1).uniform_(low, high).to(device)


def _shifts(audio: Tensor, count: int) -> Tensor:
    return torch.randint(audio.shape[1], (count,))


def _fitted(audio: Tensor, length: int) -> Tensor:
    """Cut about the middle, or put zeros on both sides."""
    spare = length - audio.shape[1]
    before = spare // 2
    return nn.functional.pad(audio, (before, spare - before))


@cache
def _resampler(percent: int, device: torch.device) -> torchaudio.transforms.Resample:
    return torchaudio.transforms.Resample(percent, 100, lowpass_filter_width=4).to(device)


def _fast_length(length: int) -> int:
    """The next length that has a fast Fourier transform."""
    return min(n for n in (base << k for base in (8, 9, 10, 12, 15) for k in range(8, 20)) if n >= length)


def room_responses(seed: int = 0) -> Tensor:
    """Room responses: the direct sound, then noise that dies away; for one seed the same rooms in every run."""
    generator = torch.Generator().manual_seed(seed)
    seconds = torch.arange(ROOM_SAMPLES) / SAMPLE_RATE
    shortest, longest = (math.log(bound) for bound in REVERBERATION_S)
    fall_s = torch.exp(torch.empty(ROOMS, 1).uniform_(shortest, longest, generator=generator))
    tail = torch.randn(ROOMS, ROOM_SAMPLES, generator=generator) * 10 ** (-3 * seconds / fall_s)
    gap_s = torch.empty(ROOMS, 1).uniform_(0.001, 0.02, generator=generator)
    tail = tail * (seconds > gap_s)
    direct_to_reverberant_db = torch.empty(ROOMS, 1).uniform_(-2.0, 12.0, generator=generator)
    tail = tail / tail.square().sum(1, keepdim=True).sqrt() * 10 ** (-direct_to_reverberant_db / 20)
    tail[:, 0] = 1.0
    return tail


def _band_responses(count: int, bins: int) -> Tensor:
    """Smooth high-pass, low-pass and tilt, as cheap, covered and telephone microphones have them."""
    hz = torch.linspace(0, SAMPLE_RATE / 2, bins)
    low_cut = torch.empty(count, 1).uniform_(20.0, 400.0)
    high_cut = torch.empty(count, 1).uniform_(800.0, 4_400.0)
    tilt_db_per_khz = torch.empty(count, 1).uniform_(-4.0, 4.0)
    # powers by squaring: torch.pow takes ten times as long, and was a third of all augmentation
    to_low_4 = (low_cut / hz.clamp_min(1.0)).square().square()
    to_high_4 = (hz / high_cut).square().square()
    passed = 1 / ((1 + to_low_4) * (1 + to_high_4 * to_high_4 * to_high_4))
    return passed * torch.exp(tilt_db_per_khz * (math.log(10) / 20) * (hz / 1000 - 1))
