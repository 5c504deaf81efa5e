"""SST-2: phrases of film reviews with their labels, and a part of them that is held out whole to choose by."""

import zlib
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from dwindle.data import require
from dwindle.errors import UserError

LABELS = ("negative", "positive")
HELD_OUT_OF = 10  # one sentence of so many is held out
GENERAL_WORDS = 3  # a phrase of fewer words stays in training although a held-out sentence has it too
DEVELOPMENT = Path(__file__).with_name("sentiment_other_reviews.tsv")  # of other things than films; not trained on


@dataclass(frozen=True)
class Reviews:
    """Texts and their labels, by number."""

    texts: list[str]
    labels: list[int]

    def __len__(self) -> int:
        return len(self.texts)

    @property
    def digest(self) -> int:
        return zlib.crc32("\n".join(f"{t}\t{n}" for t, n in zip(self.texts, self.labels, strict=True)).encode())


@dataclass(frozen=True)
class SentimentData:
    """What sentiment is learnt from and judged by."""

    training: Reviews
    held_out: Reviews  # of the training file; choices are made by it
    tests: dict[str, Reviews]  # reported, never chosen by
    other: Reviews  # reviews of other things than films: a look while developing


def load(data_dir: Path, subset: int | None = None) -> SentimentData:
    """The task's data; `subset` keeps so many training phrases, drawn evenly."""
    folder = require("sst2", data_dir)
    tests = {"dev": read_reviews(folder / "dev.tsv"), "test": read_reviews(folder / "test.tsv")}
    known = {text for reviews in tests.values() for text in reviews.texts}
    training, held_out = split(read_reviews(folder / "train.tsv"), known)
    if subset is not None:
        order = sorted(range(len(training)), key=lambda row: zlib.crc32(f"{row} {training.texts[row]}".encode()))
        training = _only(training, sorted(order[:subset]))
    return SentimentData(training, held_out, tests, read_reviews(DEVELOPMENT))


def read_reviews(path: Path) -> Reviews:
    """A file in GLUE's layout: a header, then sentence, tab, label; no quoting."""
    try:
        header, *lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not in UTF-8 at byte {error.start}: fetch it again") from error
    rows = [line.rpartition("\t") for line in lines]
    if header != "sentence\tlabel" or any(label not in ("0", "1") or not text.strip() for text, _, label in rows):
        raise UserError(f"{path}: not in SST-2's layout: sentence, tab, 0 or 1")
    return Reviews([text.strip() for text, _, _ in rows], [int(label) for _, _, label in rows])


def split(reviews: Reviews, judged: set[str]) -> tuple[Reviews, Reviews]:
    """Training phrases and whole sentences held out, with no longer phrase of a sentence on the other side.

    GLUE lists every phrase of a sentence's tree as an example of its own: a phrase drawn at random would be held out
    from sentences that training knows. What dev and test judge by is taken out of both.
    """
    sentences = whole_sentences(reviews.texts)
    chosen = {row for row in sentences if zlib.crc32(reviews.texts[row].encode()) % HELD_OUT_OF == 0}
    within = phrases_within([reviews.texts[row] for row in sorted(chosen)], reviews.texts)
    training = [
        row
        for row, text in enumerate(reviews.texts)
        if row not in chosen and text not in judged and not (row in within and len(text.split()) >= GENERAL_WORDS)
    ]
    return _only(reviews, training), _only(reviews, [row for row in sorted(chosen) if reviews.texts[row] not in judged])


def whole_sentences(texts: list[str]) -> list[int]:
    """The rows that no longer text contains."""
    counts = Counter(word for text in texts for word in set(text.split()))
    holders: dict[str, list[str]] = defaultdict(list)  # texts accepted so far, by each of their words
    found = []
    for row in sorted(range(len(texts)), key=lambda row: -len(texts[row].split())):
        words = texts[row].split()
        rarest = min(words, key=counts.__getitem__)
        if any(_contains(longer, texts[row]) for longer in holders[rarest]):
            continue
        found.append(row)
        for word in set(words):
            holders[word].append(texts[row])
    return found


def phrases_within(sentences: list[str], texts: list[str]) -> set[int]:
    """The rows of texts that are a run of words of one of the sentences."""
    runs = set()
    for sentence in sentences:
        words = sentence.split()
        runs |= {" ".join(words[a:b]) for a in range(len(words)) for b in range(a + 1, len(words) + 1)}
    return {row for row, text in enumerate(texts) if " ".join(text.split()) in runs}


def _contains(longer: str, text: str) -> bool:
    return f" {' '.join(text.split())} " in f" {' '.join(longer.split())} "


def _only(reviews: Reviews, rows: list[int]) -> Reviews:
    return Reviews([reviews.texts[row] for row in rows], [reviews.labels[row] for row in rows])
