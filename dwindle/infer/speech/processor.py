"""From what a device or file delivers to what the recogniser takes: mono float32 at its rate, and how loud it is."""

from functools import lru_cache
from math import gcd

import numpy as np

from dwindle.errors import UserError

PASS_HZ_SHARE = 0.90  # of the output's half rate: the filter is flat up to here
STOP_HZ_SHARE = 1.10  # aliases fold back no lower than the end of the pass band
ATTENUATION_DB = 60.0
AT_A_TIME = 1_000  # output samples whose windows are copied out at once: a few MB
SILENT_DB = -100.0  # what a level meter shows for digital silence
MUTED_AFTER_S = 3.0  # a real microphone hisses: a stream that begins with exact zeros for so long is switched off
CANCELLED_DB = 20.0  # a mean so far below its channels: one of them has inverted polarity


class AudioProcessor:
    """Chunks of any length in, chunks at the recogniser's rate out; the same samples whatever the chunking."""

    def __init__(self, input_rate: int, output_rate: int):
        self.input_rate = input_rate
        self._resampler = Resampler(input_rate, output_rate)
        self._downmix = Downmix()
        self.level_db = SILENT_DB
        self._samples_heard = 0
        self._was_heard = False

    def process(self, chunk: np.ndarray) -> np.ndarray:
        """One chunk: (samples,) or (samples, channels), 16-bit integers or floats in [-1, 1]."""
        samples = chunk.astype(np.float32) / 32_768 if chunk.dtype == np.int16 else np.asarray(chunk, np.float32)
        # a driver's NaN or overflow must not reach the network
        mono = self._downmix.process(np.nan_to_num(np.clip(samples, -1.0, 1.0), nan=0.0))
        self._samples_heard += len(mono)
        if len(mono):
            rms = float(np.sqrt(np.mean(np.square(mono))))
            self.level_db = 20 * np.log10(max(rms, 10 ** (SILENT_DB / 20)))
            self._was_heard = self._was_heard or bool(mono.any())
        return self._resampler.process(mono)

    def finish(self) -> np.ndarray:
        """What the resampler still holds, once no more will come."""
        return self._resampler.finish()

    @property
    def seconds_heard(self) -> float:
        """How much sound there was so far."""
        return self._samples_heard / self.input_rate

    @property
    def muted(self) -> bool:
        """Nothing but exact zeros from the first sample on, for seconds. Zeros after sound are a pause."""
        return not self._was_heard and self._samples_heard >= MUTED_AFTER_S * self.input_rate


class Downmix:
    """Channels to mono: their mean, or the first one where the mean cancels because one has inverted polarity."""

    def __init__(self) -> None:
        self._cancels: bool | None = None  # not known before there is sound

    def process(self, block: np.ndarray) -> np.ndarray:
        """One block, (samples,) or (samples, channels). The first with sound in it decides for the whole recording."""
        if block.ndim == 1:
            return block
        mono = block.mean(axis=1)
        if self._cancels is None and block.shape[1] > 1 and block.any():
            powers = np.square(block).mean(axis=0)
            self._cancels = bool(np.square(mono).mean() < powers.min() * 10 ** (-CANCELLED_DB / 10))
        return block[:, 0] if self._cancels else mono


class Resampler:
    """Any rate down to a lower one, chunk by chunk: a polyphase windowed sinc, 2-3 ms behind.

    Every chunking gives the same samples, bit for bit.
    """

    def __init__(self, input_rate: int, output_rate: int):
        if input_rate < output_rate:
            raise UserError(f"sound at {input_rate} Hz is too coarse: at least {output_rate} Hz is needed")
        divisor = gcd(input_rate, output_rate)
        self._up, self._down = output_rate // divisor, input_rate // divisor
        self._phases = _filters(input_rate, output_rate, self._up)
        self._half = self._phases.shape[1] // 2
        self.reset()

    def reset(self) -> None:
        """Start a new recording."""
        self._tail = np.zeros(self._half, np.float32)  # as if silence had gone before
        self._tail_start = -self._half  # the input position of the tail's first sample
        self._next_output = 0

    def process(self, chunk: np.ndarray) -> np.ndarray:
        """The output samples that this chunk completes."""
        if self._up == self._down:
            return chunk
        samples = np.concatenate([self._tail, chunk])
        end = self._tail_start + len(samples)
        # output n stands at input n * down / up and needs `half` samples to each side
        complete = max(self._next_output, ((end - self._half - 1) * self._up) // self._down + 1)
        keep_from = complete * self._down // self._up - self._half - self._tail_start
        self._tail, self._tail_start = samples[keep_from:], self._tail_start + keep_from
        positions = np.arange(self._next_output, complete) * self._down
        self._next_output = complete
        output = np.zeros(len(positions), np.float32)
        if len(output):
            windows = np.lib.stride_tricks.sliding_window_view(samples, 2 * self._half + 1)
            starts = positions // self._up - self._half - (end - len(samples))
            for at in range(0, len(output), AT_A_TIME):
                part = slice(at, at + AT_A_TIME)
                taps = self._phases[positions[part] % self._up]
                output[part] = np.einsum("ij,ij->i", windows[starts[part]], taps)
        return output

    def finish(self) -> np.ndarray:
        """The last samples, once no more will come."""
        if self._up == self._down:
            return np.zeros(0, np.float32)
        return self.process(np.zeros(self._half, np.float32))


@lru_cache(maxsize=8)  # of many files, most have the same rate; computing them takes as long as decoding a word
def _filters(input_rate: int, output_rate: int, up: int) -> np.ndarray:
    """One low-pass filter per output phase: (phases, taps), centred on the middle tap."""
    edge_hz = output_rate / 2
    width = 2 * np.pi * (STOP_HZ_SHARE - PASS_HZ_SHARE) * edge_hz / input_rate
    half = int(np.ceil((ATTENUATION_DB - 8) / (2.285 * width) / 2)) + 1  # Kaiser's rule
    beta = 0.1102 * (ATTENUATION_DB - 8.7)
    offsets = np.arange(-half, half + 1)[None, :] - np.arange(up)[:, None] / up
    window = np.i0(beta * np.sqrt(np.clip(1 - (offsets / (half + 1)) ** 2, 0, None))) / np.i0(beta)
    taps = np.sinc(offsets * output_rate / input_rate) * window
    return (taps / taps.sum(axis=1, keepdims=True)).astype(np.float32)


def resampled(samples: np.ndarray, input_rate: int, output_rate: int) -> np.ndarray:
    """A whole recording at a lower rate."""
    resampler = Resampler(input_rate, output_rate)
    return np.concatenate([resampler.process(samples), resampler.finish()])
