"""Checking a data set that is in place: every file decoded, counted, and nothing on two sides of a split."""

import gzip
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path

import numpy as np

from dwindle.data.source import KOKORO_FILES, MNIST, SST2_ROWS
from dwindle.errors import UserError
from dwindle.files import sha256_of

ELSEWHERE: dict[str, str] = dict.fromkeys(
    ("fsdd", "speech_commands"), "dwindle.tasks.speech.check_recordings"
)  # who decodes sound
NAMES_SHOWN = 3
SST2_SENTENCES_SHARED = 1  # one test sentence is also a phrase of train, as published


@dataclass
class Report:
    """What was counted and what is wrong. A note is worth knowing and no fault."""

    name: str
    facts: dict[str, int | float | str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def check(name: str, data_dir: Path) -> Report:
    """Check one data set, which has to be there."""
    report = Report(name)
    module = import_module(ELSEWHERE.get(name, __name__))
    getattr(module, f"check_{name}")(report, data_dir / name)
    return report


def check_mnist(report: Report, root: Path) -> None:
    """MNIST, as published."""
    images = {}
    for split, count in {"train": 60_000, "t10k": 10_000}.items():
        try:
            pixels = read_idx(root / f"{split}-images-idx3-ubyte.gz")
            labels = read_idx(root / f"{split}-labels-idx1-ubyte.gz")
        except UserError as error:
            report.problems.append(str(error))
            continue
        images[split] = {image.tobytes() for image in pixels}
        report.facts |= {f"{split} images": len(pixels), f"{split} labels": len(labels)}
        report.facts[f"{split} duplicates"] = len(pixels) - len(images[split])
        if pixels.shape != (count, 28, 28) or labels.shape != (count,) or labels.max() > 9:
            report.problems.append(f"{split}: not {count:,} images of 28 x 28 pixels with a label from 0 to 9 each")
    if len(images) == 2:
        report.facts["duplicates across splits"] = len(images["train"] & images["t10k"])
        if images["train"] & images["t10k"]:
            report.problems.append("the same image stands in train and test")
        if not MNIST.contents_as_published(root):
            report.problems.append("the contents are not those published")


def read_idx(path: Path) -> np.ndarray:
    """An idx file of bytes, gzipped: magic number, one big-endian length per dimension, the values."""
    try:
        raw = gzip.decompress(path.read_bytes())
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(f"{path}: damaged ({error})") from error
    dimensions = raw[3] if raw[:3] == b"\0\0\x08" and len(raw) > 3 else 0
    start = 4 + 4 * dimensions
    shape = np.frombuffer(raw[4:start], ">u4") if dimensions and len(raw) >= start else np.zeros(0, int)
    if len(shape) == 0 or len(raw) - start != shape.prod(dtype=np.int64):
        raise UserError(f"{path}: not a whole idx file of bytes")
    return np.frombuffer(raw, np.uint8, offset=start).reshape(shape)


def check_sst2(report: Report, root: Path) -> None:
    """SST-2 in three splits."""
    sentences = {}
    for split, expected in SST2_ROWS.items():
        try:
            header, *lines = (root / f"{split}.tsv").read_text("utf-8").removesuffix("\n").split("\n")
        except UnicodeDecodeError as error:
            raise UserError(f"{root / split}.tsv: damaged: not UTF-8 at byte {error.start}") from error
        rows = [line.split("\t") for line in lines]
        wrong = [number for number, row in enumerate(rows, 2) if len(row) != 2 or row[1] not in ("0", "1")]
        sentences[split] = {row[0] for row in rows}
        report.facts |= {f"{split} rows": len(rows), f"{split} duplicates": len(rows) - len(sentences[split])}
        if header != "sentence\tlabel":
            report.problems.append(f"{split}.tsv: its first line is not sentence<TAB>label")
        if wrong:
            report.problems.append(f"{split}.tsv: {len(wrong):,} lines without a label of 0 or 1: line {some(wrong)}")
        if len(rows) != expected:
            report.problems.append(f"{split}.tsv: {len(rows):,} rows instead of {expected:,}")
    across = [s for a, b in (("train", "dev"), ("train", "test"), ("dev", "test")) for s in sentences[a] & sentences[b]]
    report.facts["duplicates across splits"] = len(across)
    if len(across) > SST2_SENTENCES_SHARED:
        report.problems.append(f"{len(across):,} sentences in two splits: {some(sorted(across))}")
    elif across:
        report.notes.append(f"in train and in another split, as published: {across[0]!r}")


def check_kokoro(report: Report, root: Path) -> None:
    """The files of a speech synthesiser."""
    for name, (sha256, _) in KOKORO_FILES.items():
        report.facts[name] = (root / name).stat().st_size
        if sha256_of(root / name) != sha256:
            report.problems.append(f"{name} is not, byte for byte, what was published")


def some(items: Sequence[object]) -> str:
    """The first of them, and how many more there are."""
    more = f" and {len(items) - NAMES_SHOWN:,} more" if len(items) > NAMES_SHOWN else ""
    return ", ".join(str(item) for item in items[:NAMES_SHOWN]) + more
