"""When a proposed word is accepted."""

from types import SimpleNamespace

import numpy as np
import pytest

from dwindle.runtime.decoder import HOP_FRAMES, FrameDecoder

FRAME = 256


def hearing_one_word(moment: int) -> SimpleNamespace:
    """A recogniser of sound that is its own sample numbers: the frame with this one in it says "1", in doubt."""

    def frames(window: np.ndarray, newest: int) -> np.ndarray:
        spans = window[-newest * FRAME :].reshape(newest, FRAME)
        says_so = (spans == moment).any(axis=1)
        return np.stack([0.5 * says_so, np.zeros(newest), 1 - 0.5 * says_so], axis=1)

    return SimpleNamespace(
        labels=["1", "reject"],
        sample_rate=8_000,
        frame_samples=FRAME,
        running_threshold=0.4,
        peak_after_start_s=0.2,
        peak_before_end_s=0.27,
        frames=frames,
        pooled=lambda samples: np.array([1.0, 0.0]),
    )


@pytest.mark.parametrize("part", [0.0, 0.25, 0.75])
def test_a_doubtful_word_is_seen_again_wherever_half_a_hop_put_it(part):
    """The frames of the second reading lie half a frame aside; the one that holds the word's peak was not looked at."""
    decoder = FrameDecoder(hearing_one_word(100 * FRAME + round(part * FRAME)))
    end = (100 + 1 + decoder.look_ahead_frames) * FRAME
    window = np.arange(end - 24 * FRAME, end)
    assert decoder.read(window, unread=1) == []
    (hit,) = decoder.read(window + round(HOP_FRAMES * FRAME), unread=1)
    assert hit.frames_ago == decoder.look_ahead_frames + HOP_FRAMES
    assert hit.confidence == pytest.approx(0.5)
