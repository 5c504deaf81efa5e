"""Which phrases fit into a window, by corpus: a corpus of few phrases is drawn from as often as any other."""

import numpy as np

from dwindle.tasks.speech.store import ClipStore


class PhraseLengths:
    """The phrases of each corpus, the shortest first."""

    def __init__(self, phrases: ClipStore | None) -> None:
        self.by_corpus: list[tuple[np.ndarray, np.ndarray]] = []  # the numbers of the phrases, and their samples
        if phrases is None:
            return
        lengths = np.diff(phrases.bounds, axis=1).squeeze(1)
        of_corpus = np.array([clip.corpus for clip in phrases.clips])
        for corpus in np.unique(of_corpus):
            numbers = np.flatnonzero(of_corpus == corpus)
            shortest_first = numbers[lengths[numbers].argsort(kind="stable")]
            self.by_corpus.append((shortest_first, lengths[shortest_first]))

    def no_longer_than(self, samples: int) -> list[np.ndarray]:
        """The numbers of the phrases that fit, an array for each corpus that has any."""
        counts = [int(np.searchsorted(lengths, samples, side="right")) for _, lengths in self.by_corpus]
        return [numbers[:count] for (numbers, _), count in zip(self.by_corpus, counts, strict=True) if count]
