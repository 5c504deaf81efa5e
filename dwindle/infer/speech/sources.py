"""Where live sound comes from: the ring buffer that it passes through, a file against a clock, PCM from a pipe."""

import argparse
import codecs
import math
import struct
import threading
import time
from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np

from dwindle.cli import positive_int
from dwindle.errors import UserError
from dwindle.infer.speech.sound_file import HIGHEST_RATE, LOWEST_RATE, PIPED_BYTES

BLOCK_S = 0.01  # what a sound card would deliver at a time
OTHER_FORMATS = (b"fLaC", b"OggS", b"ID3", b"FORM", b".snd", b"RF64", b"RIFX")
TEXT_BYTES = 512  # by which text is told from samples
UNSTATED = math.inf


class Pipe(Protocol):
    """Bytes as they come."""

    def read(self, size: int, /) -> bytes: ...

    def read1(self, size: int, /) -> bytes: ...


def _is_text(start: bytes) -> bool:
    """Whether these bytes are letters: those of samples hardly ever all are."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(start)  # the last letter may be cut
    except UnicodeDecodeError:
        return False
    return bool(text) and all(letter.isprintable() or letter.isspace() for letter in text)


def _begins_as_mp3(start: bytes) -> bool:
    """Whether these bytes are the header of an MPEG layer III frame, which no mark of a format need precede."""
    if len(start) < 3 or start[0] != 0xFF or start[1] not in (0xE2, 0xE3, 0xF2, 0xF3, 0xFA, 0xFB):
        return False
    bit_rate, sample_rate = start[2] >> 4, start[2] >> 2 & 3
    return bit_rate not in (0, 15) and sample_rate != 3


class SampleRing:
    """One writer, one reader. A full ring drops what is new and counts it: old sound is never reordered."""

    def __init__(self, capacity: int, channels: int = 1):
        self._samples = np.zeros((capacity, channels), np.float32)
        self._arrived = threading.Event()
        self.written = 0  # samples ever taken in, per channel
        self.written_at = time.perf_counter()
        self.taken = 0
        self.dropped = 0

    def write(self, block: np.ndarray) -> None:
        """Copy in (samples, channels); called from the audio thread."""
        capacity = len(self._samples)
        kept = block[: capacity - (self.written - self.taken)]
        at = self.written % capacity
        first = min(len(kept), capacity - at)
        self._samples[at : at + first] = kept[:first]
        self._samples[: len(kept) - first] = kept[first:]
        self.dropped += len(block) - len(kept)
        self.written_at = time.perf_counter()
        self.written += len(kept)  # last: the reader trusts everything below it
        self._arrived.set()

    def read(self, timeout_s: float) -> np.ndarray:
        """All that waits, as (samples, channels); empty when nothing came within the time."""
        deadline = time.monotonic() + timeout_s
        # an event may be left over from a block that an earlier reading took before it was announced
        while self.written == self.taken and self._arrived.wait(max(0.0, deadline - time.monotonic())):
            self._arrived.clear()
        capacity = len(self._samples)
        count = self.written - self.taken
        at = self.taken % capacity
        first = min(count, capacity - at)
        block = np.concatenate([self._samples[at : at + first], self._samples[: count - first]])
        self.taken += count
        return block

    def seconds_captured(self, sample_rate: int) -> float:
        """The stream's clock: what came in, and what must have been said since."""
        return self.written / sample_rate + time.perf_counter() - self.written_at


class Player:
    """Blocks go through a ring as a sound card's do: as fast as they are read, or, in real time, when they are due."""

    def __init__(self, blocks: Iterable[np.ndarray], rate: int, realtime: bool = False):
        self.rate = rate
        self._blocks = blocks
        self._realtime = realtime
        self._ring = SampleRing(rate)
        self.overflows = self.samples_lost = 0  # a clock that waits for its reader loses nothing

    def chunks(self) -> Iterator[np.ndarray]:
        """All the sound, in blocks of 10 ms."""
        size = round(BLOCK_S * self.rate)
        started = time.perf_counter()
        for block in self._blocks:
            for at in range(0, len(block), size):
                part = block[at : at + size]
                if self._realtime:
                    due_s = (self._ring.written + len(part)) / self.rate
                    time.sleep(max(0.0, started + due_s - time.perf_counter()))
                self._ring.write(part[:, None])
                yield self._ring.read(0)

    def seconds_captured(self) -> float:
        """The stream's clock, now."""
        return self._ring.seconds_captured(self.rate)


def pcm_rate(text: str) -> int:
    """Samples a second: enough for speech, and no more than any sound card gives."""
    rate = positive_int(text)
    if not LOWEST_RATE <= rate <= HIGHEST_RATE:
        raise argparse.ArgumentTypeError(f"{rate} Hz is not between {LOWEST_RATE} and {HIGHEST_RATE} Hz")
    return rate


def pcm_blocks(pipe: Pipe, rate: int) -> tuple[int, Iterator[np.ndarray]]:
    """16-bit mono from a pipe, raw or with the WAV header that arecord writes; (its rate, its blocks)."""
    start, bytes_left = pipe.read(12), UNSTATED
    if start[:4] == b"RIFF" and start[8:] == b"WAVE":
        (rate, bytes_left), start = _wav_format(pipe), b""
    elif start.startswith(OTHER_FORMATS) or _begins_as_mp3(start):
        raise UserError("that is a sound file, and no PCM: give its name instead of -")
    elif _is_text(start):
        start += pipe.read1(TEXT_BYTES)
        if _is_text(start):
            raise UserError("that is text, and no 16-bit PCM: arecord -f S16_LE -r 16000 | python infer.py -")
    if rate > HIGHEST_RATE:
        raise UserError(f"a rate of {rate} Hz is above {HIGHEST_RATE} Hz")
    return rate, _blocks(pipe, start, round(rate * BLOCK_S) * 2, bytes_left)


def _blocks(pipe: Pipe, start: bytes, size: int, bytes_left: float) -> Iterator[np.ndarray]:
    heard, rest = 0, b""
    while data := start or pipe.read1(int(min(size, bytes_left))):
        start, bytes_left = b"", bytes_left - len(data)
        rest += data
        whole = len(rest) // 2 * 2
        heard += whole
        yield np.frombuffer(rest[:whole], "<i2").astype(np.float32) / 32_768
        rest = rest[whole:]
    if not heard:
        raise UserError("nothing came in on standard input: arecord -f S16_LE -r 16000 | python infer.py -")


def _wav_format(pipe: Pipe) -> tuple[int, float]:
    """Read up to the first sample: the rate, and how many bytes of sound follow; only 16-bit mono PCM is taken."""
    rate, sound_bytes = 0, UNSTATED
    while header := pipe.read(8):
        name, size = struct.unpack("<4sI", header.ljust(8, b"\0"))
        if name == b"data":
            sound_bytes = size if 0 < size < PIPED_BYTES else UNSTATED
            break
        body = pipe.read(size + size % 2)
        if name == b"fmt " and len(body) >= 16:
            _, channels, rate, _, _, bits = struct.unpack("<HHIIHH", body[:16])
            if (channels, bits) != (1, 16):
                found = f"{channels} channel{'' if channels == 1 else 's'} of {bits} bits"
                raise UserError(f"standard input has {found}: arecord -f S16_LE -c 1")
    if not rate:
        raise UserError("standard input starts like a WAV file but states no format")
    return rate, sound_bytes
