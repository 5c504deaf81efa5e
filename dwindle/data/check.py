"""Checking a data set that is in place: every file decoded, counted, and nothing on two sides of a split."""

import gzip
import hashlib
import signal
import zlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from dwindle.infer.speech import SAMPLE_RATE
from dwindle.tasks.speech import corpora
from dwindle.infer.speech.sound_file import read_audio
from dwindle.data.source import FSDD, KOKORO_FILES, MNIST, SST2_ROWS
from dwindle.files import sha256_of
from dwindle.machine import usable_cores
from dwindle.errors import UserError, describe_os_error, sigterm_as_interruption

FILES_PER_JOB = 32
NAMES_SHOWN = 3
FSDD_CLIPS = 3_000
SPEECH_COMMANDS_CLIPS = 105_829  # in the whole archive, 35 words
SST2_SENTENCES_SHARED = 1  # one test sentence is also a phrase of train, as published


@dataclass
class Report:
    """What was counted and what is wrong. A note is worth knowing and no fault."""

    name: str
    facts: dict[str, int | float | str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class Sound(NamedTuple):
    """One decoded recording: the digest of its samples, or why it has none."""

    digest: str = ""
    duration_s: float = 0.0
    error: str = ""


def check(name: str, data_dir: Path) -> Report:
    """Check one data set, which has to be there."""
    checks = {"fsdd": _fsdd, "speech_commands": _speech_commands, "mnist": _mnist, "sst2": _sst2, "kokoro": _kokoro}
    report = Report(name)
    checks[name](report, data_dir / name)
    return report


def _fsdd(report: Report, root: Path) -> None:
    clips = corpora.fsdd(root.parent)
    _sounds(report, root, clips)
    report.notes.append("every speaker stands in every split, by the set's own design: hold one out to test new voices")
    if len(clips) != FSDD_CLIPS:
        report.problems.append(f"{len(clips):,} recordings instead of {FSDD_CLIPS:,}")
    elif not FSDD.contents_as_published(root):
        report.problems.append("the recordings are not, byte for byte, those of v1.0.10")


def _speech_commands(report: Report, root: Path) -> None:
    _sounds(report, root, corpora.speech_commands(root.parent))
    if across := report.facts["speakers in two splits"]:
        report.problems.append(f"{across:,} speakers stand in two splits")
    present = {f"{path.parent.name}/{path.stem}" for path in sound_files(root) if _is_word(path)}
    listed = {line.rsplit(".", 1)[0] for path in root.glob("*_list.txt") for line in path.read_text("utf-8").split()}
    if missing := sorted(listed - present):
        report.problems.append(f"{len(missing):,} recordings of its lists are missing: {_some(missing)}")
    if (root / "testing_list.txt").is_file() and len(present) != SPEECH_COMMANDS_CLIPS:
        report.problems.append(f"{len(present):,} recordings instead of the archive's {SPEECH_COMMANDS_CLIPS:,}")


def _is_word(path: Path) -> bool:
    return not path.parent.name.startswith("_")  # _background_noise_ is no word


def _sounds(report: Report, root: Path, clips: Sequence[corpora.Clip]) -> None:
    """Decode every recording; the same samples in two splits are a fault, twice in one split are counted."""
    paths = list(sound_files(root))
    sounds = dict(zip(paths, _decode_all(paths, report.name), strict=True))
    clip_at = {clip.path: clip for clip in clips}
    splits_of_speaker, paths_of_digest = defaultdict(set), defaultdict(list)
    for path, sound in sounds.items():
        if path in clip_at:
            splits_of_speaker[clip_at[path].speaker].add(clip_at[path].split)
        if not sound.error:
            paths_of_digest[sound.digest].append(path)
    within, across, left_out = 0, [], 0
    for same in paths_of_digest.values():
        splits = Counter(clip_at[path].split for path in same if path in clip_at)
        within += sum(splits.values()) - len(splits)
        left_out += sum(path not in clip_at for path in same) if splits else 0
        across += [" = ".join(_names(root, same))] if len(splits) > 1 else []
    unreadable = [path for path, sound in sounds.items() if sound.error]
    report.facts |= {"recordings": len(paths), "hours": round(sum(s.duration_s for s in sounds.values()) / 3600, 2)}
    report.facts |= {f"  {split}": count for split, count in sorted(Counter(clip.split for clip in clips).items())}
    report.facts |= {
        "speakers": len(splits_of_speaker),
        "speakers in two splits": sum(len(splits) > 1 for splits in splits_of_speaker.values()),
        "unreadable": len(unreadable),
        "duplicates inside a split": within,
        "duplicates across splits": len(across),
        "duplicates left out": left_out,
    }
    if not clips:
        report.problems.append("no recordings")
    if unreadable:
        report.problems.append(f"{len(unreadable):,} unreadable: {_some([sounds[path].error for path in unreadable])}")
    if across:
        report.problems.append(f"{len(across):,} identical recordings in two splits: {_some(across)}")


def _decode_all(paths: Sequence[Path], name: str) -> list[Sound]:
    ignore_interrupt = partial(signal.signal, signal.SIGINT, signal.SIG_IGN)  # the parent ends the workers
    pool = ProcessPoolExecutor(usable_cores(), get_context("spawn"), ignore_interrupt)
    try:
        with sigterm_as_interruption():  # as it would leave the workers behind
            decoded = pool.map(decode, paths, chunksize=FILES_PER_JOB)
            return list(tqdm(decoded, f"decoding {name}", len(paths), unit=" files", disable=None))
    except BrokenProcessPool as error:
        raise UserError(f"{name}: a worker was stopped from outside: free some memory and check again") from error
    finally:
        pool.shutdown(cancel_futures=True)


def decode(path: Path) -> Sound:
    """What one recording holds, at the rate that training hears it."""
    try:
        samples = read_audio(path)
    except UserError as error:
        return Sound(error=str(error))
    except OSError as error:
        return Sound(error=describe_os_error(error))
    return Sound(hashlib.sha256(samples.tobytes()).hexdigest(), len(samples) / SAMPLE_RATE)


def _mnist(report: Report, root: Path) -> None:
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


def _sst2(report: Report, root: Path) -> None:
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
            report.problems.append(f"{split}.tsv: {len(wrong):,} lines without a label of 0 or 1: line {_some(wrong)}")
        if len(rows) != expected:
            report.problems.append(f"{split}.tsv: {len(rows):,} rows instead of {expected:,}")
    across = [s for a, b in (("train", "dev"), ("train", "test"), ("dev", "test")) for s in sentences[a] & sentences[b]]
    report.facts["duplicates across splits"] = len(across)
    if len(across) > SST2_SENTENCES_SHARED:
        report.problems.append(f"{len(across):,} sentences in two splits: {_some(sorted(across))}")
    elif across:
        report.notes.append(f"in train and in another split, as published: {across[0]!r}")


def _kokoro(report: Report, root: Path) -> None:
    for name, (sha256, _) in KOKORO_FILES.items():
        report.facts[name] = (root / name).stat().st_size
        if sha256_of(root / name) != sha256:
            report.problems.append(f"{name} is not, byte for byte, what was published")


def _names(root: Path, paths: Sequence[Path]) -> list[str]:
    return [str(path.relative_to(root)) for path in paths]


def _some(items: Sequence[object]) -> str:
    more = f" and {len(items) - NAMES_SHOWN:,} more" if len(items) > NAMES_SHOWN else ""
    return ", ".join(str(item) for item in items[:NAMES_SHOWN]) + more
