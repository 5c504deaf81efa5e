"""What a language model remembers from one step to the next, kept by whoever runs it.

The contract of an exported model: `tokens` (batch, time), `before` (batch, 4; the characters before them) and
`start` (batch; the position of the first) go in beside its memory. A Transformer's is `memory_0`, `memory_1` …, the
keys and values of one block after the other: rings (batch, heads, window, numbers) with position p in slot
p % window. What goes into them comes out as `new_memory` (batch, rings, heads, time, numbers), of the new characters
alone. Any other memory X comes out as `new_X` and is replaced. A step costs the same however long the text is.
"""

from collections.abc import Callable, Mapping

import numpy as np

Arrays = dict[str, np.ndarray]
Run = Callable[[Mapping[str, np.ndarray]], Arrays]  # a memory that it is not given is empty: zeros

BEFORE = 4  # characters that the embedding looks back at
NEW, RINGS = "new_", "memory"


class Memory:
    """The state of several texts that are read side by side, each after its `beginning` (texts, 5 characters)."""

    def __init__(self, run: Run, beginning: np.ndarray, window: int) -> None:
        self.run, self.window, self.position = run, window, 0
        self.before = beginning[:, :BEFORE]
        self.state: Arrays = {}
        self.rings = np.zeros(
            0, np.float32
        )  # (rings, texts, heads, window, numbers): each is an input as it lies there
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
        if name != RINGS:
            self.state[name] = new
            return
        new = new.swapaxes(0, 1)
        if not self.rings.size:
            self.rings = np.zeros((*new.shape[:3], self.window, new.shape[4]), new.dtype)
            self.state |= {f"{RINGS}_{number}": ring for number, ring in enumerate(self.rings)}
        count = min(new.shape[3], self.window)
        newest, first = new[:, :, :, new.shape[3] - count :], (self.position + new.shape[3] - count) % self.window
        until_end = min(count, self.window - first)  # the others go on at the rings' beginning
        self.rings[:, :, :, first : first + until_end] = newest[:, :, :, :until_end]
        if until_end < count:
            self.rings[:, :, :, : count - until_end] = newest[:, :, :, until_end:]


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
