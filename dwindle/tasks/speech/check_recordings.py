"""Checking corpora of recordings: every file decoded, counted, and no recording on two sides of a split."""

import hashlib
import signal
from collections import Counter, defaultdict
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from dwindle.data.check import Report, some
from dwindle.data.source import FSDD
from dwindle.errors import UserError, describe_os_error, signals_as_interruption
from dwindle.infer.speech import SAMPLE_RATE
from dwindle.infer.speech.sound_file import read_audio, sound_files
from dwindle.machine import usable_cores
from dwindle.tasks.speech import corpora

FILES_PER_JOB = 32
FSDD_CLIPS = 3_000
SPEECH_COMMANDS_CLIPS = 105_829  # in the whole archive, 35 words


class Sound(NamedTuple):
    """One decoded recording: the digest of its samples, or why it has none."""

    digest: str = ""
    duration_s: float = 0.0
    error: str = ""


def check_fsdd(report: Report, root: Path) -> None:
    """The Free Spoken Digit Dataset."""
    clips = corpora.fsdd(root.parent)
    _sounds(report, root, clips)
    report.notes.append("every speaker stands in every split, by the set's own design: hold one out to test new voices")
    if len(clips) != FSDD_CLIPS:
        report.problems.append(f"{len(clips):,} recordings instead of {FSDD_CLIPS:,}")
    elif not FSDD.contents_as_published(root):
        report.problems.append("the recordings are not, byte for byte, those of v1.0.10")


def check_speech_commands(report: Report, root: Path) -> None:
    """Speech Commands, or a part of it."""
    _sounds(report, root, corpora.speech_commands(root.parent))
    if across := report.facts["speakers in two splits"]:
        report.problems.append(f"{across:,} speakers stand in two splits")
    present = {f"{path.parent.name}/{path.stem}" for path in sound_files(root) if _is_word(path)}
    listed = {line.rsplit(".", 1)[0] for path in root.glob("*_list.txt") for line in path.read_text("utf-8").split()}
    if missing := sorted(listed - present):
        report.problems.append(f"{len(missing):,} recordings of its lists are missing: {some(missing)}")
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
        report.problems.append(f"{len(unreadable):,} unreadable: {some([sounds[path].error for path in unreadable])}")
    if across:
        report.problems.append(f"{len(across):,} identical recordings in two splits: {some(across)}")


def _decode_all(paths: Sequence[Path], name: str) -> list[Sound]:
    ignore_interrupt = partial(signal.signal, signal.SIGINT, signal.SIG_IGN)  # the parent ends the workers
    pool = ProcessPoolExecutor(usable_cores(), get_context("spawn"), ignore_interrupt)
    try:
        with signals_as_interruption():  # as it would leave the workers behind
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


def _names(root: Path, paths: Sequence[Path]) -> list[str]:
    return [str(path.relative_to(root)) for path in paths]
