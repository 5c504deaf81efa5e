"""The threshold that lets words through and keeps the rest out."""

import numpy as np
import onnxruntime
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from script_process import ROOT

from dwindle.infer.speech.model import Recogniser
from dwindle.infer.speech.padding import word_window
from dwindle.infer.speech.sound_file import read_audio
from dwindle.metrics import accuracy
from dwindle.tasks.speech.rejection import (
    ACCEPTED_WORDS_SHARE,
    Heard,
    best_in_both_readings,
    best_words,
    calibrated_threshold,
    rejected,
)

RELEASED = ROOT / "artifacts" / "model_int8.onnx"


def test_the_best_word_is_never_the_rejecting_class_and_its_probability_counts_all_classes():
    probabilities = torch.tensor([[0.2, 0.1, 0.7], [0.05, 0.9, 0.05]])
    heard = best_words(probabilities.log(), reject_class=2)
    assert heard.words.tolist() == [0, 1]
    torch.testing.assert_close(heard.probabilities, torch.tensor([0.2, 0.9]))


def test_a_threshold_is_set_on_what_a_listener_makes_of_the_same_clips():
    """Several speeds, and both readings of the network."""
    recogniser = Recogniser(RELEASED)
    session = onnxruntime.InferenceSession(RELEASED)
    names = [output.name for output in session.get_outputs()]

    def engine(inputs):
        return dict(
            zip(names, map(torch.from_numpy, session.run(None, {"audio": inputs["audio"].numpy()})), strict=True)
        )

    clips = [read_audio(path) for path in sorted((ROOT / "samples").glob("*.wav"))]
    windows = np.stack([word_window(clip, recogniser.window_samples) for clip in clips])
    heard = best_in_both_readings(engine, torch.from_numpy(windows), 4, recogniser.labels.index("reject"))
    said = [recogniser.both_readings(window) for window in windows]
    assert heard.words.tolist() == [int(one[:10].argmax()) for one in said]
    np.testing.assert_allclose(heard.probabilities, [one[:10].max() for one in said], atol=1e-4)


@given(st.lists(st.floats(0, 1, width=32), min_size=1, max_size=300))
def test_the_threshold_accepts_the_wanted_share_and_none_higher_would(values):
    probabilities = torch.tensor(values)
    threshold = calibrated_threshold(Heard(torch.zeros(len(values)), probabilities))
    accepted = int((probabilities >= threshold).sum())
    assert accepted >= ACCEPTED_WORDS_SHARE * len(values) - 1e-6
    higher = probabilities[probabilities > threshold]
    assert len(higher) < ACCEPTED_WORDS_SHARE * len(values)


@pytest.mark.parametrize(("count", "accepted"), [(1, 1), (10, 10), (50, 49), (100, 97), (200, 194), (1532, 1487)])
def test_the_share_is_never_rounded_away(count, accepted):
    threshold = calibrated_threshold(Heard(torch.zeros(count), torch.linspace(0, 1, count)))
    assert int((torch.linspace(0, 1, count) >= threshold).sum()) == accepted


def test_rejected_counts_what_falls_below():
    heard = Heard(torch.zeros(4), torch.tensor([0.1, 0.5, 0.6, 0.9]))
    assert rejected(heard, 0.5, ["one"] * 4) == accuracy(1, 4)
    assert rejected(heard, 0.95, ["one"] * 4) == accuracy(4, 4)
