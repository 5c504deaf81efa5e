"""Batches of texts of about one length, so that little of the work is spent on padding."""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, RandomSampler

from dwindle.task import Batch
from dwindle.tasks.text.sentiment_network import PADDING

POOL = 40  # batches that are drawn together and sorted by length


class SimilarLengths(BatchSampler):
    """Shuffled batches: texts are drawn at random, a pool of them is sorted by length and cut, the parts shuffled."""

    def __init__(self, lengths: Sequence[int], batch_size: int) -> None:
        super().__init__(RandomSampler(range(len(lengths))), batch_size, drop_last=True)
        self.lengths = lengths

    def __iter__(self) -> Iterator[list[int]]:
        drawn = list(self.sampler)
        order = torch.Generator().manual_seed(drawn[0] if drawn else 0)  # what comes after depends on the draw alone
        pool = POOL * self.batch_size
        for start in range(0, len(drawn), pool):
            rows = sorted(drawn[start : start + pool], key=self.lengths.__getitem__)
            parts = [rows[first : first + self.batch_size] for first in range(0, len(rows), self.batch_size)]
            if len(parts[-1]) < self.batch_size:
                parts.pop()
            for number in torch.randperm(len(parts), generator=order).tolist():
                yield parts[number]


def loader(tokens: Sequence[Sequence[int]], targets: Tensor, batch_size: int) -> DataLoader:
    """Batches of token numbers, targets, and the rows that they are of."""

    def batch(rows: list[int]) -> Batch:
        numbers = torch.tensor(rows)
        return {"tokens": padded([tokens[row] for row in rows]), "target": targets[numbers], "row": numbers}

    sampler = SimilarLengths([len(one) for one in tokens], batch_size)
    return DataLoader(range(len(tokens)), batch_sampler=sampler, collate_fn=batch)


def padded(tokens: Sequence[Sequence[int]]) -> Tensor:
    """One row for each text, as long as the longest."""
    longest = max(len(one) for one in tokens)
    return torch.tensor([[*one, *[PADDING] * (longest - len(one))] for one in tokens])


def by_length(tokens: Sequence[Sequence[int]], batch_size: int) -> Iterator[tuple[list[int], Tensor]]:
    """All texts once, sorted by length: the rows and their padded tokens."""
    order = sorted(range(len(tokens)), key=lambda row: len(tokens[row]))
    for start in range(0, len(order), batch_size):
        rows = order[start : start + batch_size]
        yield rows, padded([tokens[row] for row in rows])
