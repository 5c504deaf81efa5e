"""The newest sound of a stream, as the network hears it hop by hop; each spectrum of it is computed once."""

import numpy as np

from dwindle.infer.speech import STREAM_WINDOW_S
from dwindle.infer.speech.model import Recogniser


class StreamWindow:
    """Give it each hop; ask it for frames whenever somebody speaks."""

    def __init__(self, recogniser: Recogniser):
        self._recogniser = recogniser
        frame = recogniser.frame_samples
        self._length = round(STREAM_WINDOW_S * recogniser.sample_rate / frame) * frame
        self.reset()

    def reset(self) -> None:
        """Start a new recording, with silence before it."""
        self.samples = np.zeros(self._length, np.float32)
        self._answers: dict[str, np.ndarray] = {}  # to these samples
        self._spectra: np.ndarray | None = None  # of the newest samples that were heard ...
        self._unheard = 0  # ... and how many have come since

    def append(self, hop: np.ndarray) -> None:
        """The oldest sound makes room."""
        self.samples = np.concatenate([self.samples[len(hop) :], hop])
        self._unheard += len(hop)
        self._answers = {}

    def frames(self, newest: int) -> np.ndarray:
        """Probabilities (newest, labels + blank) of the last frames."""
        return self._recogniser.probabilities(self._heard()["frames"][0][-newest:])

    def direction(self) -> np.ndarray:
        """Where the newest sound lies in the crowd of all that is said."""
        return self._recogniser.needed_crowd.direction(self._heard()["embedding"][0])

    def _heard(self) -> dict[str, np.ndarray]:
        """What the network answers to these samples; the same run gives frames and embedding."""
        if not self._answers:
            self._answers, self._spectra = self._recogniser.heard(self.samples, self._spectra, self._unheard)
            self._unheard = 0
        return self._answers
