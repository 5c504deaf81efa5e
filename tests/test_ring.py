"""The ring between the sound card and the worker."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dwindle.infer.speech.microphone import Device, Microphone, MicrophoneError
from dwindle.infer.speech.sources import SampleRing

CAPACITY = 50


@given(st.lists(st.integers(-1, 80), max_size=40))  # -1 reads, anything else writes so many samples
def test_what_is_read_is_what_was_written_and_what_is_missing_is_counted(actions):
    ring, waiting, read, written = SampleRing(CAPACITY, channels=2), [], [], 0
    for action in actions:
        if action < 0:
            block = ring.read(0)
            assert block[:, 1].tolist() == (-block[:, 0]).tolist()
            read += block[:, 0].tolist()
            waiting_now, waiting = waiting, []
            assert read[len(read) - len(waiting_now) :] == waiting_now
            continue
        values = np.arange(written, written + action, dtype=np.float32)
        ring.write(np.stack([values, -values], axis=1))
        waiting += values[: CAPACITY - len(waiting)].tolist()
        written += action
    assert ring.written + ring.dropped == written
    assert ring.read(0)[:, 0].tolist() == waiting


def test_a_reader_in_another_thread_gets_every_sample_in_order():
    ring, total = SampleRing(1_000), 20_000

    def write() -> None:
        at = 0
        while at < total:
            room = min(97, total - at, 1_000 - (ring.written - ring.taken))
            ring.write(np.arange(at, at + room, dtype=np.float32)[:, None])
            at += room

    writer = threading.Thread(target=write)
    writer.start()
    received = []
    while ring.taken < total:
        received.append(ring.read(5.0))
        assert len(received[-1])
    writer.join()
    assert np.array_equal(np.concatenate(received)[:, 0], np.arange(total, dtype=np.float32))
    assert ring.dropped == 0


def test_a_block_that_was_read_before_it_was_announced_does_not_end_the_next_wait():
    ring = SampleRing(10)
    ring.write(np.ones((3, 1), np.float32))
    assert len(ring.read(0)) == 3
    ring._arrived.set()  # as a writer does that was interrupted between the samples and their announcement
    assert ring_read_seconds(ring, 0.05) >= 0.05


def test_an_empty_ring_gives_nothing_after_the_time():
    assert ring_read_seconds(SampleRing(10), 0.05) >= 0.05


def ring_read_seconds(ring: SampleRing, timeout_s: float) -> float:
    before = ring.seconds_captured(1)
    assert len(ring.read(timeout_s)) == 0
    return ring.seconds_captured(1) - before


def test_a_microphone_is_heard_again_after_this_program_slept():
    """A regression: after Ctrl-Z and fg it was unplugged, for the wait had ended before sound could come."""
    microphone = object.__new__(Microphone)
    microphone.device = Device(0, "desk", 1, 8_000, True)
    sound, nothing = np.ones((80, 1), np.float32), np.zeros((0, 1), np.float32)

    class Sleepy:
        reads = iter([sound, nothing, sound, nothing, nothing])

        def read(self, timeout_s: float) -> np.ndarray:
            return next(self.reads)

    microphone._ring = Sleepy()
    chunks = microphone.chunks()
    assert [len(next(chunks)), len(next(chunks))] == [80, 80]
    with pytest.raises(MicrophoneError, match="'desk' delivers no sound any more"):
        next(chunks)
