"""People reading aloud (LibriSpeech), in stretches in which nobody says a digit: what a listener hears all day."""

import csv
import zlib
from pathlib import Path

import numpy as np

from dwindle.infer.speech import REJECT, SAMPLE_RATE
from dwindle.tasks.speech.corpora import TRAIN, Clip
from dwindle.tasks.speech.running_text import names_a_digit
from dwindle.tasks.speech.store import ClipStore, open_store

RUNNING = "running"  # the corpus, and its folder in the data directory
STRETCH_S = (0.8, 2.2)  # as long as a string in training


def running_phrases(data_dir: Path) -> ClipStore | None:
    """Stretches of recordings without a digit word; a clip's label has "reject" for about each word in it."""
    return _stretches(data_dir, homophones=True)


def running_windows(data_dir: Path) -> ClipStore | None:
    """Stretches to reject whole: from recordings in which no homophone is said either, as "to" alone is a two."""
    return _stretches(data_dir, homophones=False)


def transcripts(data_dir: Path) -> dict[Path, tuple[str, str]]:
    """Of each recording: the speaker and the words."""
    root = data_dir / RUNNING
    if not (root / "transcripts.csv").is_file():
        return {}
    with open(root / "transcripts.csv", encoding="utf-8", newline="") as file:
        return {root / row["path"]: (row["speaker"], row["text"]) for row in csv.DictReader(file)}


def _stretches(data_dir: Path, homophones: bool) -> ClipStore | None:
    texts = {path: row for path, row in transcripts(data_dir).items() if not names_a_digit(row[1], homophones=False)}
    if not texts:
        return None
    store = open_store([Clip(path, REJECT, speaker, RUNNING, TRAIN) for path, (speaker, _) in texts.items()])
    clips, bounds = [], []
    for clip, (begin, end) in zip(store.clips, store.bounds.tolist(), strict=True):
        words = texts[clip.path][1].split()
        if not homophones and names_a_digit(" ".join(words)):
            continue
        middles = begin + (end - begin) * _middles(words)
        for first, last in _cuts(begin, end, np.random.default_rng(zlib.crc32(clip.path.stem.encode()))):
            spoken = max(1, int(((first <= middles) & (middles < last)).sum()))
            label = " ".join([REJECT] * spoken) if homophones else REJECT
            clips.append(Clip(clip.path, label, clip.speaker, RUNNING, TRAIN))
            bounds.append((first, last))
    return ClipStore(clips, store.samples, np.array(bounds), np.array(bounds))


def _middles(words: list[str]) -> np.ndarray:
    """Where in a recording each word stands, as a share of it: each takes as long as it has letters, and a pause."""
    lengths = np.array([len(word) + 1 for word in words], float)
    return (np.cumsum(lengths) - lengths / 2) / lengths.sum()


def _cuts(begin: int, end: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    """One stretch after the other; what is left at the end is left out."""
    cuts = []
    while end - begin >= STRETCH_S[0] * SAMPLE_RATE:
        last = min(end, begin + round(rng.uniform(*STRETCH_S) * SAMPLE_RATE))
        cuts.append((begin, last))
        begin = last
    return cuts
