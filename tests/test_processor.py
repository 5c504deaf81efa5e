"""What a device delivers becomes what the recogniser takes."""

import numpy as np
import pytest

from dwindle.errors import UserError
from dwindle.infer.speech.processor import MUTED_AFTER_S, AudioProcessor


def test_integers_floats_and_channels_give_the_same_sound(tone):
    integers = np.round(tone * 32_768).astype(np.int16)
    from_integers = AudioProcessor(8_000, 8_000).process(integers)
    assert np.abs(from_integers - tone).max() < 1e-4
    stereo = np.stack([tone, tone], axis=1)
    assert np.allclose(AudioProcessor(8_000, 8_000).process(stereo), tone)


def test_level_is_that_of_the_chunk(tone):
    processor = AudioProcessor(8_000, 8_000)
    processor.process(tone)
    assert processor.level_db == pytest.approx(-9.03, abs=0.05)  # half scale, and a sine is 3 dB below its peak
    processor.process(np.zeros(80, np.float32))
    assert processor.level_db <= -100


def test_broken_samples_never_reach_the_network():
    bad = np.array([np.nan, np.inf, -np.inf, 7.0, -0.5], np.float32)
    assert AudioProcessor(8_000, 8_000).process(bad).tolist() == [0.0, 1.0, -1.0, 1.0, -0.5]


def test_only_a_stream_that_begins_with_seconds_of_exact_zeros_counts_as_muted():
    processor = AudioProcessor(8_000, 8_000)
    zeros = np.zeros(round(MUTED_AFTER_S * 8_000) - 1, np.float32)
    processor.process(zeros)
    assert not processor.muted
    processor.process(zeros[:1])
    assert processor.muted
    processor.process(np.array([0.0, 1e-6], np.float32))
    assert not processor.muted
    processor.process(np.tile(zeros, 2))  # a pause of a source that sends true zeros
    assert not processor.muted


def test_channels_of_opposite_polarity_do_not_cancel_whatever_the_chunking(tone):
    stereo = np.stack([tone, -tone], axis=1)
    quiet_first = np.concatenate([np.zeros((160, 2), np.float32), stereo])
    processor = AudioProcessor(8_000, 8_000)
    parts = [processor.process(quiet_first[at : at + 80]) for at in range(0, len(quiet_first), 80)]
    assert np.array_equal(np.concatenate(parts), np.concatenate([np.zeros(160), tone]).astype(np.float32))


def test_a_rate_below_the_recognisers_is_refused():
    with pytest.raises(UserError, match="4000 Hz"):
        AudioProcessor(4_000, 8_000)
