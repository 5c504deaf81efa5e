"""The threshold that lets words through and keeps the rest out."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dwindle.metrics import accuracy
from dwindle.tasks.speech.rejection import (
    ACCEPTED_WORDS_SHARE,
    Heard,
    best_words,
    calibrated_threshold,
    mean_logits,
    rejected,
)


def test_the_best_word_is_never_the_rejecting_class_and_its_probability_counts_all_classes():
    probabilities = torch.tensor([[0.2, 0.1, 0.7], [0.05, 0.9, 0.05]])
    heard = best_words(probabilities.log(), reject_class=2)
    assert heard.words.tolist() == [0, 1]
    torch.testing.assert_close(heard.probabilities, torch.tensor([0.2, 0.9]))


def test_clips_are_judged_at_several_speeds():
    def engine(inputs):  # how long a clip is, and how high its end
        audio = inputs["audio"]
        return {"logits": torch.stack([torch.full((len(audio),), audio.shape[1]), audio[:, -1]], 1)}

    rising = torch.linspace(0, 1, 101).repeat(5, 1) * torch.arange(5)[:, None]
    once, slowly = (mean_logits(engine, rising, [speed], 2) for speed in (1.0, 0.5))
    torch.testing.assert_close(once, torch.stack([torch.full((5,), 101.0), torch.arange(5.0)], 1))
    torch.testing.assert_close(slowly[:, 0], torch.full((5,), 202.0))
    torch.testing.assert_close(mean_logits(engine, rising, [1.0, 0.5], 2), (once + slowly) / 2)


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
