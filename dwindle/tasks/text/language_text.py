"""One text file, parted by its order: the first 90% to learn from, the next 5% to choose by, the last 5% to report."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from dwindle.errors import UserError
from dwindle.files import sha256_of
from dwindle.infer.text.language_memory import BEFORE
from dwindle.infer.text.language_vocabulary import Vocabulary, vocabulary_of

SHAKESPEARE = "text/tinyshakespeare.txt"
TRAIN_UNTIL, VALIDATION_UNTIL = 0.90, 0.95
FEWEST_CHARACTERS = 20_000
PASSAGES_PER_EPOCH = 2048
UNKNOWN_SHARE = 1 / 2000  # of the characters in training


@dataclass(frozen=True)
class LanguageText:
    """The characters of a file as numbers, in three parts."""

    vocabulary: Vocabulary
    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray
    digest: str


def read_text(path: Path, more: Path | None = None) -> LanguageText:
    """A UTF-8 file; the vocabulary is what the training part holds. All of `more` is to be learnt from too."""
    text = _characters(path, "--text")
    if len(text) < FEWEST_CHARACTERS:
        raise UserError(f"{path}: {len(text):,} characters are too few to learn from: {FEWEST_CHARACTERS:,} at least")
    first, second = int(len(text) * TRAIN_UNTIL), int(len(text) * VALIDATION_UNTIL)
    vocabulary = vocabulary_of(text[:first])
    train, validation, test = (vocabulary.encode(part) for part in (text[:first], text[first:second], text[second:]))
    if more is not None:
        train = np.concatenate(
            [vocabulary.encode(_characters(more, "--more_text")), train]
        )  # the validation text follows its own
    return LanguageText(vocabulary, train, validation, test, sha256_of(path))


def _characters(path: Path, option: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise UserError(f"{path}: no such text: name a file with {option}") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not a text in UTF-8 ({error.reason} at byte {error.start})") from error


class Passages(Dataset):
    """Passages of equal length from anywhere in the text; an epoch draws so many."""

    def __init__(self, text: np.ndarray, length: int) -> None:
        self.text, self.length = torch.from_numpy(text), length

    def __len__(self) -> int:
        return min(PASSAGES_PER_EPOCH, len(self.text) // self.length)

    def __getitem__(self, _index: int) -> Tensor:
        """The characters before a passage, the passage, and the one that follows it."""
        whole = BEFORE + self.length + 1
        first = int(torch.randint(len(self.text) - whole + 1, ()))
        return self.text[first : first + whole]


def passage_batches(text: np.ndarray, length: int, batch_size: int, unknown: int) -> DataLoader:
    """Shuffled batches of {tokens, before, target}, in which some characters are `unknown`: there will be such."""

    def batch(passages: list[Tensor]) -> dict[str, Tensor]:
        whole = torch.stack(passages)
        whole[torch.rand(whole.shape) < UNKNOWN_SHARE] = unknown
        return {"tokens": whole[:, BEFORE:-1], "before": whole[:, :BEFORE], "target": whole[:, BEFORE + 1 :]}

    return DataLoader(Passages(text, length), batch_size, shuffle=True, collate_fn=batch, drop_last=True)
