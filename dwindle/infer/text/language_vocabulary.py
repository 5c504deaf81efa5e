"""The characters that a language model knows, and one symbol for all others."""

from collections.abc import Sequence

import numpy as np

UNKNOWN = "<unknown>"
STANDS_FOR_UNKNOWN = "\N{REPLACEMENT CHARACTER}"
BEGINNING = "\n" * 5  # what a text is taken to follow


class Vocabulary:
    """Characters to numbers and back. `labels` ends with the symbol for unknown characters."""

    def __init__(self, labels: Sequence[str]) -> None:
        if not labels or labels[-1] != UNKNOWN or any(len(label) != 1 for label in labels[:-1]):
            raise ValueError(f"a vocabulary lists single characters and ends with {UNKNOWN}")
        self.labels = tuple(labels)
        self.unknown = len(labels) - 1
        self._number = {label: number for number, label in enumerate(labels[:-1])}

    def __len__(self) -> int:
        return len(self.labels)

    def encode(self, text: str) -> np.ndarray:
        """One number for each character; what was never seen is `unknown`."""
        return np.array([self._number.get(character, self.unknown) for character in text], np.int64)

    def decode(self, tokens: Sequence[int]) -> str:
        """The characters of these numbers."""
        return "".join(STANDS_FOR_UNKNOWN if token == self.unknown else self.labels[token] for token in tokens)


def vocabulary_of(text: str) -> Vocabulary:
    """Every character that a text holds, and the unknown one."""
    return Vocabulary([*sorted(set(text)), UNKNOWN])
