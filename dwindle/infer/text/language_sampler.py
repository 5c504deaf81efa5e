"""Drawing the next character; NumPy alone, so that one seed gives one text whatever computes the logits."""

import math

import numpy as np

from dwindle.errors import UsageError


class Sampler:
    """Draws from the softmax of logits / temperature, among the `top_k` likeliest; temperature 0 takes the likeliest.

    Every character costs one random number. `never` is a token that is not written.
    """

    def __init__(
        self, temperature: float = 0.8, top_k: int | None = None, seed: int | None = None, never: int | None = None
    ) -> None:
        if not 0 <= temperature < math.inf:
            raise UsageError(f"a temperature is a number from 0, not {temperature:g}")
        if top_k is not None and top_k < 1:
            raise UsageError(f"top_k is a whole number from 1, not {top_k}")
        if seed is not None and seed < 0:
            raise UsageError(f"a seed is a whole number from 0, not {seed}")
        self.temperature, self.top_k, self.never = temperature, top_k, never
        self.random = np.random.default_rng(seed)

    def draw(self, logits: np.ndarray) -> int:
        """A token, from logits (classes,)."""
        logits = logits.astype(np.float64)
        if self.never is not None:
            logits[self.never] = -math.inf
        if self.temperature == 0:
            return int(logits.argmax())
        if self.top_k is not None and self.top_k < len(logits):
            least = np.partition(logits, -self.top_k)[-self.top_k]
            logits[logits < least] = -math.inf
        weights = np.exp((logits - logits.max()) / self.temperature)
        summed = weights.cumsum()
        return int(np.searchsorted(summed, self.random.random() * summed[-1], side="right"))
