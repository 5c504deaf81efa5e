"""A store of decoded clips: one memory-mapped file of samples, cut into batches without touching the disk again."""

import hashlib
import json
import zlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dwindle.errors import UserError
from dwindle.files import written_whole
from dwindle.infer.speech import REJECT, SAMPLE_RATE
from dwindle.infer.speech.edges import speech_edges
from dwindle.infer.speech.sound_file import read_audio
from dwindle.machine import usable_cores
from dwindle.tasks.speech.corpora import Clip
from dwindle.tasks.speech.voices import SpokenClip, cache_directory

STORE_VERSION = 3  # raise it when the same recordings would be stored differently
FULL_SCALE = 32_768


@dataclass(frozen=True)
class ClipStore:
    """Clips side by side in one array of 16-bit samples, with where each begins, ends, and holds its speech."""

    clips: list[Clip]
    samples: np.ndarray  # int16, all clips in a row; usually a memory map
    bounds: np.ndarray  # (clips, 2): first sample and the one after the last
    edges: np.ndarray  # (clips, 2): where speech begins and ends, counted like bounds

    def __len__(self) -> int:
        return len(self.clips)

    @cached_property
    def digest(self) -> int:
        """Of every clip's label and samples, in order."""
        digest = 0
        for index, clip in enumerate(self.clips):
            digest = zlib.crc32(self.whole(index), zlib.crc32(clip.label.encode(), digest))
        return digest

    def whole(self, index: int) -> np.ndarray:
        """One clip, as stored."""
        return self.samples[slice(*self.bounds[index])]

    def spoken(self, index: int) -> np.ndarray:
        """One clip without the silence around its speech."""
        return self.samples[slice(*self.edges[index])]

    def centred(self, indices: Sequence[int], window_samples: int) -> np.ndarray:
        """(batch, window) float32: short clips between zeros, long ones cut about their speech; nothing is random."""
        return self._windows(indices, window_samples, None, 0)

    def shifted(
        self, indices: Sequence[int], window_samples: int, rng: np.random.Generator, shift_samples: int
    ) -> np.ndarray:
        """The same, moved by up to `shift_samples`; a clip shorter than the window lands anywhere inside it."""
        return self._windows(indices, window_samples, rng, shift_samples)

    def _windows(
        self, indices: Sequence[int], window_samples: int, rng: np.random.Generator | None, shift_samples: int
    ) -> np.ndarray:
        batch = np.zeros((len(indices), window_samples), np.float32)
        for row, index in zip(batch, indices, strict=True):
            begin, end = self.bounds[index]
            spare = window_samples - (end - begin)
            # offset: where the window starts, counted from the clip's first sample
            if spare >= 0:
                offset = -(spare // 2) if rng is None else -int(rng.integers(spare + 1))
            elif rng is not None and self.clips[index].label == REJECT:
                offset = int(rng.integers(-spare + 1))  # any part of a phrase is none of our words
            else:
                offset = int(self.edges[index].sum()) // 2 - begin - window_samples // 2
                offset = min(max(offset, 0), -spare)
            if rng is not None and shift_samples:
                offset += int(rng.integers(-shift_samples, shift_samples + 1))
            first, last = max(begin + offset, begin), min(begin + offset + window_samples, end)
            if last > first:
                place = first - begin - offset
                row[place : place + last - first] = self.samples[first:last]
        return batch / FULL_SCALE

    def subset(self, keep: Sequence[int]) -> "ClipStore":
        """The same samples, fewer clips."""
        keep = np.asarray(keep, dtype=np.int64)
        return ClipStore([self.clips[index] for index in keep], self.samples, self.bounds[keep], self.edges[keep])


def open_store(clips: Sequence[Clip], cache: Path | None = None) -> ClipStore:
    """Decode every clip, or map what an earlier run decoded; the file's name is the digest of what went in."""
    if not clips:
        raise UserError("no recordings to load: see `python -m dwindle.data list`")
    described = [
        [str(clip.path.resolve()), (stat := clip.path.stat()).st_size, stat.st_mtime_ns, clip.corpus] for clip in clips
    ]
    recipe = json.dumps([STORE_VERSION, SAMPLE_RATE, described])
    folder = cache or cache_directory()
    samples_path = folder / f"clips-{hashlib.sha256(recipe.encode()).hexdigest()[:20]}.npy"
    index_path = samples_path.with_suffix(".index.npy")
    try:
        samples, index = np.load(samples_path, mmap_mode="r"), np.load(index_path)
    except (OSError, ValueError, EOFError):  # not there yet, or damaged: decode again
        arrays = _decode_all([clip.path for clip in clips])
        ends = np.cumsum([len(array) for array in arrays])
        starts = np.concatenate([[0], ends[:-1]])
        edges = np.array([speech_edges(array) for array in arrays]) + starts[:, None]
        _save(samples_path, np.concatenate(arrays))
        _save(index_path, np.stack([starts, ends, *edges.T], axis=1))
        samples, index = np.load(samples_path, mmap_mode="r"), np.load(index_path)
    return ClipStore(list(clips), samples, index[:, :2], index[:, 2:])


def store_of_voices(spoken: Sequence[SpokenClip], labels: dict[str, str], corpus: str = "voices") -> ClipStore:
    """Synthetic voices as a store for training; `labels` gives the label of each word."""
    clips = [Clip(Path(clip.word), labels[clip.word], clip.voice, corpus, "train") for clip in spoken]
    ends = np.cumsum([len(clip.samples) for clip in spoken])
    bounds = np.stack([np.concatenate([[0], ends[:-1]]), ends], axis=1)
    return ClipStore(clips, np.concatenate([clip.samples for clip in spoken]), bounds, bounds)


def joined(stores: Sequence[ClipStore]) -> ClipStore:
    """Several stores as one, in memory."""
    offsets = np.cumsum([0, *(len(store.samples) for store in stores[:-1])])
    return ClipStore(
        [clip for store in stores for clip in store.clips],
        np.concatenate([store.samples for store in stores]),
        np.concatenate([store.bounds + offset for store, offset in zip(stores, offsets, strict=True)]),
        np.concatenate([store.edges + offset for store, offset in zip(stores, offsets, strict=True)]),
    )


def _decode_all(paths: Sequence[Path]) -> list[np.ndarray]:
    with ThreadPoolExecutor(usable_cores()) as pool:  # threads: libsndfile works outside the interpreter's lock
        try:
            progress = tqdm(pool.map(_decode, paths), total=len(paths), desc="decoding", unit="clip", disable=None)
            return list(progress)
        except BaseException:
            pool.shutdown(cancel_futures=True)  # else an unreadable clip is reported only after all others
            raise


def _decode(path: Path) -> np.ndarray:
    return np.clip(np.round(read_audio(path) * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def _save(path: Path, array: np.ndarray) -> None:
    with written_whole(path) as temporary, open(temporary, "wb") as file:
        # as np.save does, whose error over a full disk does not say that the disk is full
        np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
        file.write(np.ascontiguousarray(array).data)


def balanced(indices: np.ndarray, targets: np.ndarray, classes: Iterable[int]) -> np.ndarray:
    """Each of the classes as often as the most frequent of them: the clips of a rarer one come again, evenly."""
    of_class = [indices[targets[indices] == number] for number in sorted(classes)]
    most = max(map(len, of_class), default=0)
    again = [some[np.linspace(0, len(some) - 1, most - len(some)).astype(int)] for some in of_class if len(some)]
    return np.concatenate([indices, *again])
