"""Resampling for live sound: a short windowed sinc, 2-3 ms behind, where soxr's streams are 30-130 ms behind."""

from math import gcd

import numpy as np

PASS_HZ_SHARE = 0.90  # of the output's half rate: flat up to here
STOP_HZ_SHARE = 1.10  # folded back no lower than the pass band's end
ATTENUATION_DB = 60.0


class Resampler:
    """Any rate down to a lower one, chunk by chunk; every chunking gives the same samples, bit for bit."""

    def __init__(self, input_rate: int, output_rate: int):
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
        if not len(positions):
            return np.zeros(0, np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(samples, 2 * self._half + 1)
        starts = positions // self._up - self._half - (end - len(samples))
        return np.einsum("ij,ij->i", windows[starts], self._phases[positions % self._up])

    def finish(self) -> np.ndarray:
        """The last samples, once no more will come."""
        if self._up == self._down:
            return np.zeros(0, np.float32)
        return self.process(np.zeros(self._half, np.float32))


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
