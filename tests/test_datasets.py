"""Phrases of synthetic voices: what they name, and how often they name a digit."""

import numpy as np
import pytest

from dwindle.infer.speech import REJECT, SAMPLE_RATE
from dwindle.tasks.speech import datasets as sets
from dwindle.tasks.speech.accents import SPELLED
from dwindle.tasks.speech.vocabulary import DIGIT_WORDS


def test_phrases_name_every_word_and_are_the_same_again(monkeypatch, tmp_path, synthesisers):
    monkeypatch.setattr(sets, "PHRASES", 8)
    monkeypatch.setattr(sets, "FOREIGN_PHRASES", 1)
    monkeypatch.setenv("DWINDLE_CACHE", str(tmp_path))
    phrases, again, other = (sets.digit_phrases(seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(phrases.samples, again.samples)
    assert [clip.path.name for clip in phrases.clips] != [clip.path.name for clip in other.clips]
    assert len(phrases) == 8 + (len(SPELLED) if "espeak-ng" in synthesisers else 0)
    for clip in phrases.clips:
        said = [DIGIT_WORDS.index(word) if word in DIGIT_WORDS else REJECT for word in clip.path.name.split()]
        assert clip.label == " ".join(map(str, said))
        assert 2 <= len(said) <= 6
    seconds = np.diff(phrases.bounds, axis=1) / SAMPLE_RATE
    assert ((seconds > 0.3) & (seconds < 6)).all()


def test_some_phrases_hold_no_digit_and_many_are_the_same_pair(monkeypatch, tmp_path, synthesisers):
    monkeypatch.setattr(sets, "PHRASES", 400)
    monkeypatch.setattr(sets, "FOREIGN_PHRASES", 1)
    monkeypatch.setenv("DWINDLE_CACHE", str(tmp_path))
    clips = sets.digit_phrases(0).clips[:400]
    assert len(clips) == 400 > len({clip.path for clip in clips})
    without = [set(clip.label.split()) == {REJECT} for clip in clips]
    assert np.mean(without) == pytest.approx(sets.OTHER_PHRASE_SHARE, abs=0.15)
