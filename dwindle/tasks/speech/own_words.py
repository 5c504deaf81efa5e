"""A person's own words: a folder with one folder of recordings for each word, any vocabulary, any format."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from dwindle.checkpoint import Checkpoint
from dwindle.cli import nonempty
from dwindle.data import data_directory
from dwindle.errors import UsageError, UserError
from dwindle.infer.speech import REJECT
from dwindle.tasks.speech import corpora
from dwindle.tasks.speech.corpora import TRAIN, VALIDATION, Clip
from dwindle.tasks.speech.datasets import heard, hiss_windows, noise_windows, part, where
from dwindle.tasks.speech.front_ends import add_front_end, chosen_front_end
from dwindle.tasks.speech.store import joined, open_store
from dwindle.tasks.speech.words import SpokenData, SpokenWords

OTHERS_SHARE = 0.4  # of each other corpus, so many clips for each of one's own: all of them would take most of the time
T = TypeVar("T")


def add_options(group: argparse._ArgumentGroup) -> None:
    """Where the recordings are, and what to hear them with."""
    group.add_argument("--words_dir", type=nonempty, metavar="FOLDER", help="your words, a folder of recordings each")
    add_front_end(group)


def open_task(options: argparse.Namespace, made_from: Checkpoint | None = None) -> SpokenWords:
    """The folder's words, and what else is on the disk to tell them from."""
    if not options.words_dir:
        raise UsageError("task own_words needs --words_dir FOLDER, which holds one folder of recordings for each word")
    words_dir, data_dir = Path(options.words_dir), data_directory(options.data_dir)
    clips = corpora.words(words_dir)
    own_words = sorted({clip.label for clip in clips} - {REJECT})
    others = [clip for clip in corpora.negatives(data_dir) if clip.path.parent.name not in own_words]
    most = round(OTHERS_SHARE * len(clips))
    for corpus in sorted({clip.corpus for clip in others}):
        clips += thinned([clip for clip in others if (clip.corpus, clip.split) == (corpus, TRAIN)], most)
    clips += [clip for clip in others if clip.split == VALIDATION]
    heard_in = {split: {clip.label for clip in clips if clip.split == split} for split in (TRAIN, VALIDATION)}
    if not heard_in[VALIDATION] & set(own_words):
        raise UserError(f"{words_dir}: too few recordings to set some aside for validation: add more")
    if untaught := sorted(set(own_words) - heard_in[TRAIN]):
        raise UserError(f"{words_dir}: too few recordings of {untaught[0]!r} to train on: add more")
    labels = (*own_words, REJECT)
    front_end = chosen_front_end(options, made_from)

    def load() -> SpokenData:
        return _load(data_dir, clips, most)

    return SpokenWords("own_words", labels, load, headline=("validation",), front_end=front_end)


def thinned(several: Sequence[T], most: int) -> list[T]:
    """No more than so many, evenly over all."""
    return list(several) if len(several) <= most else [several[i * len(several) // most] for i in range(most)]


def _load(data_dir: Path, clips: list[Clip], most_others: int) -> SpokenData:
    """Read the recordings and part them by use."""
    recordings, noises = open_store(clips), noise_windows(data_dir)
    training = [part(recordings, TRAIN), hiss_windows()]
    if noises is not None:
        noises = part(noises, TRAIN)
        training.append(noises.subset(thinned(range(len(noises)), most_others)))
    sets = {
        "validation": where(recordings, lambda clip: (clip.corpus, clip.split) == ("own_words", VALIDATION)),
        "other_words_validation": where(
            recordings, lambda clip: clip.corpus != "own_words" and clip.split == VALIDATION
        ),
    }
    return SpokenData(
        lambda: joined(training),
        noises,
        {name: heard(recordings, keep) for name, keep in sets.items() if len(keep)},
        tests={},
        calibration="validation",
        repeats=False,
    )
