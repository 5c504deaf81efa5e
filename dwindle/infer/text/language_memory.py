"""What a language model remembers from one step to the next, kept by whoever runs it.

The contract of an exported model: `tokens` (batch, time), `before` (batch, 4; the characters before them) and
`start` (batch; the position of the first) go in beside its memory, and each memory X comes out as `new_X`. Keys and
values come out for the new characters alone, and go into a ring: position p into slot p % window. Any other memory is
replaced. A step therefore costs the same however long the text is.
"""

from collections.abc import Callable, Mapping

import numpy as np

Arrays = dict[str, np.ndarray]
Run = Callable[[Mapping[str, np.ndarray]], Arrays]  # a memory that it is not given is empty: zeros

BEFORE = 4  # characters that the embedding looks back at
RINGS = ("keys", "values")
TIME = 3  # the axis of a ring that slots lie along: (batch, blocks, heads, slots, numbers)
NEW = "new_"


class Memory:
    """The state of several texts that are read side by side, each after its `beginning` (texts, 5 characters)."""

    def __init__(self, run: Run, beginning: np.ndarray, window: int) -> None:
        self.run, self.window, self.position = run, window, 0
        self.before = beginning[:, :BEFORE]
        self.state: Arrays = {}
        self.following = self.read(beginning[:, BEFORE:])[:, -1]

    def read(self, tokens: np.ndarray) -> np.ndarray:
        """Logits (texts, time, classes) of what follows each of these tokens; `following` keeps the last."""
        start = np.full(len(tokens), self.position, np.int64)
        given = self.run({"tokens": tokens, "before": self.before, "start": start, **self.state})
        for name, new in given.items():
            if name.startswith(NEW):
                self._keep(name.removeprefix(NEW), new)
        self.before = np.concatenate([self.before, tokens], axis=1)[:, -BEFORE:]
        self.position += tokens.shape[1]
        self.following = given["logits"][:, -1]
        return given["logits"]

    def _keep(self, name: str, new: np.ndarray) -> None:
        if name not in RINGS:
            self.state[name] = new
            return
        if name not in self.state:
            self.state[name] = np.zeros((*new.shape[:TIME], self.window, *new.shape[TIME + 1 :]), new.dtype)
        count = min(new.shape[TIME], self.window)
        newest, first = new[:, :, :, new.shape[TIME] - count :], (self.position + new.shape[TIME] - count) % self.window
        until_end = min(count, self.window - first)  # the others go on at the ring's beginning
        ring = self.state[name]
        ring[:, :, :, first : first + until_end] = newest[:, :, :, :until_end]
        ring[:, :, :, : count - until_end] = newest[:, :, :, until_end:]


def nats_of(memory: Memory, text: np.ndarray, chunk: int) -> np.ndarray:
    """What each character (texts, time) costs in nats, given all before it."""
    costs = []
    for first in range(0, text.shape[1], chunk):
        tokens, expected = text[:, first : first + chunk], memory.following
        predicted = np.concatenate([expected[:, None], memory.read(tokens)[:, :-1]], axis=1)
        costs.append(-np.take_along_axis(log_softmax(predicted), tokens[..., None], axis=-1)[..., 0])
    return np.concatenate(costs, axis=1)


def log_softmax(logits: np.ndarray) -> np.ndarray:
    """In double precision, along the last axis."""
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
