"""How far the newest sound stands out of what went on before it: what sounds like a word amid noise may be noise."""

from collections import deque

import numpy as np

REMEMBERED_S = 2.0
NEWEST_S = 0.5  # of it: where a word is when it is judged
STANDS_OUT = 10 ** (12.0 / 10)  # times as strong as what went on: 12 dB


class Surroundings:
    """Follows the level of a stream, hop by hop."""

    def __init__(self, hop_s: float):
        self._newest_hops = round(NEWEST_S / hop_s)
        self._powers: deque[float] = deque(maxlen=round(REMEMBERED_S / hop_s))
        self.reset()

    def reset(self) -> None:
        """Start a new recording, before which nothing was."""
        self._powers.extend([0.0] * (self._powers.maxlen or 0))

    def follow(self, hop: np.ndarray) -> None:
        """Hear a little more; a constant offset has no level."""
        self._powers.append(float(np.var(hop)))

    @property
    def are_loud(self) -> bool:
        """Whether what goes on is nearly as loud as the newest sound."""
        powers = np.array(self._powers)
        return bool(powers[-self._newest_hops :].max() < STANDS_OUT * np.median(powers))
