"""When the frames of a network name a word."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dwindle.tasks.speech.word_timing import middle_peak

FRAMES, FRAME_SAMPLES = 25, 320  # of 40 ms


@given(start=st.integers(1_000, 2_000), length=st.integers(1_600, 4_000), frame=st.integers(3, 20))
def test_the_surest_frame_is_found_in_its_word(start, length, frame):
    audio = torch.zeros(1, FRAMES * FRAME_SAMPLES)
    audio[0, start : start + length] = torch.sin(torch.arange(length) * 1.0)
    frames = torch.zeros(1, FRAMES, 4)
    frames[0, frame, 2] = 5.0
    frames[0, :, 1] = 9.0 * (torch.arange(FRAMES) != frame)  # surest of another class elsewhere
    peak = middle_peak(audio, frames, torch.tensor([2]))
    middle = (frame + 0.5) * FRAME_SAMPLES
    assert peak.after_start_ms == pytest.approx((middle - start) / 8, abs=15)
    assert peak.before_end_ms == pytest.approx((start + length - middle) / 8, abs=15)


def test_one_strange_word_among_many_changes_nothing():
    audio = torch.zeros(9, FRAMES * FRAME_SAMPLES)
    audio[:, 1_600:4_800] = torch.sin(torch.arange(3_200) * 1.0)
    frames = torch.zeros(9, FRAMES, 3)
    frames[np.arange(9), [8] * 8 + [24], 0] = 5.0
    peak = middle_peak(audio, frames, torch.zeros(9, dtype=torch.long))
    assert peak.after_start_ms == pytest.approx(140, abs=15)
    assert peak.before_end_ms == pytest.approx(260, abs=15)
