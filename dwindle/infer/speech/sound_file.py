"""Reading sound: whatever libsndfile decodes, at any rate from the model's on, as mono float32 at that rate."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from dwindle.errors import UserError
from dwindle.infer.folder import files_below
from dwindle.infer.speech import SAMPLE_RATE, mpeg
from dwindle.infer.speech.processor import Downmix, Resampler

LOWEST_RATE, HIGHEST_RATE = 8_000, 192_000  # Hz
LONGEST_HEADER_BYTES = 4096  # of a sound file; a longer one that holds no samples holds something else
MPEG_DELAY_FRAMES = 5 * 1152  # that an encoder may add at either end, with the header
_JOINED = "{}: goes on after the length that it states, as joined MP3s do: encode it again"
_UNSTATED = "{}: does not say how long it is: encode it again, from a file and not from a pipe"
PIPED_BYTES = 0x7FFF0000  # from here on, a size in a header stands for "unknown", as programs that write to pipes mean
LOUDEST = 100.0  # of full scale: 40 dB above it lies no recording, but one whose floats are scaled like integers
UNSTATED_FRAMES = 2**62  # likewise; libsndfile cannot decode such a FLAC file
SOUND_SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif", ".au")
LONGEST_WHOLE_S = 600  # a longer file is streamed, so that memory stays bounded


class AudioError(UserError):
    """A sound file that cannot be used; says which and why."""


def read_audio(path: str | os.PathLike, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """The whole file as mono float32 in [-1, 1]; raises AudioError for anything that is not a usable recording."""
    blocks, count = [], 0
    for block in stream_audio(path, sample_rate):
        blocks.append(block)
        count += len(block)
        if count > LONGEST_WHOLE_S * sample_rate:
            raise AudioError(f"{path}: longer than {LONGEST_WHOLE_S // 60} minutes: cut it, or stream it")
    return np.concatenate(blocks)


def stream_audio(path: str | os.PathLike, sample_rate: int = SAMPLE_RATE, block_s: float = 1.0) -> Iterator[np.ndarray]:
    """The file in blocks of about `block_s` seconds, in bounded memory however long it is."""
    with _opened(path) as sound:
        resampler = Resampler(sound.samplerate, sample_rate)
        frames_expected, frames_read = _frames_promised(path, sound), 0
        for mono in _mono_blocks(path, sound, max(1, round(block_s * sound.samplerate))):
            frames_read += len(mono)
            yield np.clip(resampler.process(mono), -1.0, 1.0)
        yield np.clip(resampler.finish(), -1.0, 1.0)
        if frames_read < frames_expected:
            raise AudioError(f"{path}: truncated: {frames_read} of {frames_expected} frames could be read")


def native_name(path: str | os.PathLike) -> str:
    """A file's name as soundfile takes it, which would refuse one that is not UTF-8."""
    name: Any = os.fsencode(path) if os.name == "posix" else os.fspath(path)  # of bytes, soundfile's types know nothing
    return name


@contextmanager
def _opened(path: str | os.PathLike) -> Iterator[soundfile.SoundFile]:
    path = Path(path)
    if not path.exists():
        raise AudioError(f"{path}: no such file")
    if not path.is_file():
        raise AudioError(f"{path}: not a file")
    if path.stat().st_size == 0:
        raise AudioError(f"{path}: the file is empty")
    try:
        sound = soundfile.SoundFile(native_name(path))
    except (soundfile.LibsndfileError, TypeError) as error:  # TypeError: a .raw file, whose format nothing states
        if not os.access(path, os.R_OK):
            raise AudioError(f"{path}: no permission to read it") from error
        raise AudioError(f"{path}: not a sound file that can be read (WAV, FLAC, OGG, MP3 …)") from error
    with sound:
        if not LOWEST_RATE <= sound.samplerate <= HIGHEST_RATE:
            raise AudioError(
                f"{path}: sample rate {sound.samplerate} Hz is outside {LOWEST_RATE} to {HIGHEST_RATE} Hz: resample it"
            )
        if sound.frames == 0:
            unfinished = path.stat().st_size > LONGEST_HEADER_BYTES
            cure = ", says its header, which a recorder that was stopped leaves so: try infer.py - < FILE"
            raise AudioError(f"{path}: holds no samples{cure if unfinished else ''}")
        if sound.frames >= UNSTATED_FRAMES:
            raise AudioError(_UNSTATED.format(path))
        if _promises_more(sound.extra_info):
            raise AudioError(f"{path}: truncated: the header promises more samples than the file holds")
        yield sound


# of the data: the sizes of the whole container and of remarks after it are often wrong where every sample is there
_TOO_SHORT = re.compile(r"^\s*(?:data|SSND|Data Size)\s*: (\d+) \(should be (\d+)\)", re.MULTILINE)


def _promises_more(remarks: str) -> bool:
    """Whether libsndfile found less than the header says; programs that write into a pipe say "a lot", and mean it."""
    sizes = [tuple(map(int, found)) for found in _TOO_SHORT.findall(remarks)]
    return any(held < promised < PIPED_BYTES for promised, held in sizes)


def _frames_promised(path: str | os.PathLike, sound: soundfile.SoundFile) -> int:
    """How many there must be; an MP3 that does not say so promises none, and what libsndfile guesses is read of it."""
    if sound.format != "MP3":
        return sound.frames
    is_told, holds_more = mpeg.says_its_length(path), mpeg.samples_in(path) > sound.frames + MPEG_DELAY_FRAMES
    if holds_more:
        raise AudioError((_JOINED if is_told else _UNSTATED).format(path))
    return sound.frames if is_told else 0


def _mono_blocks(path: str | os.PathLike, sound: soundfile.SoundFile, block_frames: int) -> Iterator[np.ndarray]:
    downmix = Downmix()
    while True:
        try:
            block = sound.read(block_frames, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            raise AudioError(f"{path}: damaged: decoding stopped in the middle") from error
        if len(block) == 0:
            return
        if not np.isfinite(block).all():
            raise AudioError(f"{path}: holds samples that are not numbers (NaN or infinite)")
        if (peak := float(np.abs(block).max())) > LOUDEST:
            raise AudioError(
                f"{path}: float samples of up to {peak:,.0f}, where full scale is 1: divide them by full scale"
            )
        yield downmix.process(block)


def sound_files(folder: Path) -> Iterator[Path]:
    """The sound files in a folder and the folders in it."""
    return files_below(folder, SOUND_SUFFIXES)
