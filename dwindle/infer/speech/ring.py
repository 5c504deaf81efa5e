"""A bounded ring of samples between the sound card's callback, which must never wait, and the worker."""

import threading
import time

import numpy as np


class SampleRing:
    """One writer, one reader. A full ring drops what is new and counts it: old sound is never reordered."""

    def __init__(self, capacity: int, channels: int = 1):
        self._samples = np.zeros((capacity, channels), np.float32)
        self._arrived = threading.Event()
        self.written = 0  # samples ever taken in, per channel
        self.written_at = time.perf_counter()
        self.taken = 0
        self.dropped = 0

    def write(self, block: np.ndarray) -> None:
        """Copy in (samples, channels); called from the audio thread."""
        capacity = len(self._samples)
        kept = block[: capacity - (self.written - self.taken)]
        at = self.written % capacity
        first = min(len(kept), capacity - at)
        self._samples[at : at + first] = kept[:first]
        self._samples[: len(kept) - first] = kept[first:]
        self.dropped += len(block) - len(kept)
        self.written_at = time.perf_counter()
        self.written += len(kept)  # last: the reader trusts everything below it
        self._arrived.set()

    def read(self, timeout_s: float) -> np.ndarray:
        """All that waits, as (samples, channels); empty when nothing came within the time."""
        deadline = time.monotonic() + timeout_s
        # an event may be left over from a block that an earlier reading took before it was announced
        while self.written == self.taken and self._arrived.wait(max(0.0, deadline - time.monotonic())):
            self._arrived.clear()
        capacity = len(self._samples)
        count = self.written - self.taken
        at = self.taken % capacity
        first = min(count, capacity - at)
        block = np.concatenate([self._samples[at : at + first], self._samples[: count - first]])
        self.taken += count
        return block

    def seconds_captured(self, sample_rate: int) -> float:
        """The stream's clock: what came in, and what must have been said since."""
        return self.written / sample_rate + time.perf_counter() - self.written_at
