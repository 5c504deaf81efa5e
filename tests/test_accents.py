"""English as a foreign language: who says it, what it is called, and that training gets to hear it."""

import re
import shutil
from collections import Counter

import numpy as np
import pytest

from dwindle.infer.speech import REJECT
from dwindle.tasks.speech import accents, voices
from dwindle.tasks.speech import datasets as sets
from dwindle.tasks.speech.accents import PHRASE_DIGITS, SPELLED, foreign_phrases, foreign_voices
from dwindle.tasks.speech.vocabulary import DIGIT_WORDS, EVERYDAY_WORDS


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch, synthesisers):
    monkeypatch.setenv("DWINDLE_CACHE", str(tmp_path))


@pytest.fixture
def two_languages(monkeypatch, synthesisers):
    if "espeak-ng" not in synthesisers:
        pytest.skip("needs espeak-ng, which has the languages")
    monkeypatch.setattr(accents, "SPELLED", {name: SPELLED[name] for name in ("de", "pl")})
    monkeypatch.setattr(accents, "EVERYDAY_WORDS", EVERYDAY_WORDS[:3])


def test_every_language_has_a_spelling_of_each_digit():
    assert all(len(spelled.split()) == len(DIGIT_WORDS) for spelled in SPELLED.values())


def test_digits_are_called_what_they_are_in_every_language(two_languages):
    clips = foreign_voices(2, seed=0)
    assert Counter(clip.word for clip in clips) == dict.fromkeys(DIGIT_WORDS, 4) | dict.fromkeys(EVERYDAY_WORDS[:3], 2)
    assert {clip.voice.partition("+")[0] for clip in clips} == {"espeak-ng:de", "espeak-ng:pl"}
    assert all(0.1 < len(clip.samples) / voices.SAMPLE_RATE < 2 for clip in clips)


def test_the_same_voices_come_again_and_another_seed_brings_others(two_languages):
    first, again, other = (foreign_voices(1, seed) for seed in (0, 0, 1))
    for mine, theirs in zip(first, again, strict=True):
        np.testing.assert_array_equal(mine.samples, theirs.samples)
    assert [clip.voice for clip in first] != [clip.voice for clip in other]


def test_training_hears_them_say_digits_and_other_words(two_languages, monkeypatch):
    for count in ("DIGIT", "FOREIGN_DIGIT", "CONFUSABLE_WORD", "OTHER_WORD"):
        monkeypatch.setattr(sets, f"VOICES_PER_{count}", 1)
    for words in ("CONFUSABLE_WORDS", "EVERYDAY_WORDS", "COMMON_WORDS"):
        monkeypatch.setattr(sets, words, ("maybe",))
    foreign = [clip for clip in sets.digit_voices(0).clips if re.search(r"espeak-ng:(de|pl)", clip.speaker)]
    assert Counter(clip.label for clip in foreign) == dict.fromkeys("0123456789", 2) | {REJECT: 6}


def test_strings_are_said_in_every_language(two_languages):
    clips = foreign_phrases(3, seed=0)
    assert Counter(clip.voice.partition("+")[0] for clip in clips) == {"espeak-ng:de": 3, "espeak-ng:pl": 3}
    fewest, most = PHRASE_DIGITS
    for clip in clips:
        words = clip.word.split()
        assert fewest <= len(words) < most and set(words) <= set(DIGIT_WORDS)
        assert 0.1 * len(words) < len(clip.samples) / voices.SAMPLE_RATE < 2 * len(words)


def test_without_espeak_nobody_has_an_accent(two_languages, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: name if name == "flite" else None)
    assert foreign_voices(1, seed=0) == foreign_phrases(1, seed=0) == []
