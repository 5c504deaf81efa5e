"""From what a device or file delivers to what the recogniser takes: mono float32 at its rate, and how loud it is."""

import numpy as np

from dwindle.errors import UserError
from dwindle.infer.speech.resampler import Resampler

SILENT_DB = -100.0  # what a level meter shows for digital silence
MUTED_AFTER_S = 3.0  # real microphones hiss: exact zeros for so long mean that something is switched off


class AudioProcessor:
    """Chunks of any length in, chunks at the recogniser's rate out; the same samples whatever the chunking."""

    def __init__(self, input_rate: int, output_rate: int):
        if input_rate < output_rate:
            raise UserError(f"sound at {input_rate} Hz is too coarse: at least {output_rate} Hz is needed")
        self.input_rate = input_rate
        self._resampler = Resampler(input_rate, output_rate)
        self.level_db = SILENT_DB
        self._samples_heard = 0
        self._zeros_in_a_row = 0

    def process(self, chunk: np.ndarray) -> np.ndarray:
        """One chunk: (samples,) or (samples, channels), 16-bit integers or floats in [-1, 1]."""
        mono = _as_mono(chunk)
        self._samples_heard += len(mono)
        if len(mono):
            rms = float(np.sqrt(np.mean(np.square(mono))))
            self.level_db = 20 * np.log10(max(rms, 10 ** (SILENT_DB / 20)))
            loud = np.flatnonzero(mono)
            self._zeros_in_a_row = len(mono) - 1 - loud[-1] if len(loud) else self._zeros_in_a_row + len(mono)
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
        """Nothing but exact zeros for seconds."""
        return self._zeros_in_a_row >= MUTED_AFTER_S * self.input_rate


def _as_mono(chunk: np.ndarray) -> np.ndarray:
    samples = chunk.astype(np.float32) / 32_768 if chunk.dtype == np.int16 else np.asarray(chunk, np.float32)
    mono = samples.mean(axis=1) if samples.ndim == 2 else samples
    return np.nan_to_num(np.clip(mono, -1.0, 1.0), nan=0.0)  # a driver's hiccup must not reach the network
