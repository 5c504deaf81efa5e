"""Sound from files and pipes on the live path."""

import io
import struct
import time

import numpy as np
import pytest
import soundfile

from dwindle.errors import UserError
from dwindle.infer.speech.sources import Player, pcm_blocks


class Dribble(io.BytesIO):
    """A pipe that gives an odd number of bytes at a time."""

    def read1(self, size=-1):
        return super().read1(min(size, 7) if size > 0 else 7)


def pcm_of(pipe):
    rate, blocks = pcm_blocks(pipe, 16_000)
    return rate, np.concatenate(list(blocks))


@pytest.mark.parametrize("pipe", [io.BytesIO, Dribble])
def test_raw_pcm_is_read_whole(pipe):
    samples = np.random.default_rng(0).integers(-32_768, 32_767, 999).astype("<i2")
    rate, heard = pcm_of(pipe(samples.tobytes()))
    assert rate == 16_000
    assert np.array_equal(heard, samples.astype(np.float32) / 32_768)


def test_a_wav_header_gives_the_rate_and_is_not_heard(tone):
    pipe = io.BytesIO()
    soundfile.write(pipe, tone, 44_100, format="WAV", subtype="PCM_16")
    pipe.seek(0)
    rate, heard = pcm_of(pipe)
    assert rate == 44_100
    assert np.abs(heard - tone).max() < 1e-4


def test_what_follows_the_sound_of_a_wav_file_is_not_heard(tone):
    pipe = io.BytesIO()
    soundfile.write(pipe, tone, 44_100, format="WAV", subtype="PCM_16")
    _, heard = pcm_of(io.BytesIO(pipe.getvalue() + b"id3 " * 999))
    assert len(heard) == len(tone)
    unstated = pipe.getvalue().replace(struct.pack("<I", 2 * len(tone)), b"\xff\xff\xff\xff")
    assert np.array_equal(pcm_of(io.BytesIO(unstated))[1], heard)


@pytest.mark.parametrize("count", [1, 5, 6, 7])
def test_a_few_samples_of_raw_pcm_are_samples_too(count):
    assert len(pcm_of(io.BytesIO(bytes(2 * count)))[1]) == count


@pytest.mark.parametrize("kind", ["FLAC", "OGG", "AIFF", "AU", "RF64", "MP3"])
def test_a_sound_file_in_the_pipe_is_not_taken_for_samples(tone, kind):
    pipe = io.BytesIO()
    soundfile.write(pipe, tone, 16_000, format=kind)
    with pytest.raises(UserError, match="give its name instead of -"):
        pcm_blocks(io.BytesIO(pipe.getvalue()), 16_000)


def test_quiet_samples_are_not_taken_for_a_file():
    for start in (b"\xff\xff" * 6, b"\xff\xfe\x01\x00" * 3, b"\xfb\xff" * 6):
        assert len(pcm_of(io.BytesIO(start))[1]) == 6


def test_pcm_that_cannot_be_right_is_refused(tone):
    with pytest.raises(UserError, match="nothing came in"):
        pcm_of(io.BytesIO())
    stereo = io.BytesIO()
    soundfile.write(stereo, np.stack([tone, tone], axis=1), 8_000, format="WAV", subtype="PCM_16")
    stereo.seek(0)
    with pytest.raises(UserError, match="2 channels of 16 bits"):
        pcm_of(stereo)
    with pytest.raises(UserError, match="no format"):
        pcm_of(io.BytesIO(b"RIFF\0\0\0\0WAVE"))


def test_blocks_come_through_the_ring_unchanged(tone):
    player = Player([tone[:3_000], tone[3_000:3_001], tone[3_001:]], 8_000)
    chunks = list(player.chunks())
    assert np.array_equal(np.concatenate(chunks)[:, 0], tone)
    assert max(map(len, chunks)) == 80
    assert player.seconds_captured() == pytest.approx(1.0, abs=0.05)


def test_real_time_takes_its_time(tone):
    player = Player([tone[:2_400]], 8_000, realtime=True)
    started = time.perf_counter()
    chunks = list(player.chunks())
    assert time.perf_counter() - started == pytest.approx(0.3, abs=0.05)
    assert len(chunks) == 30
