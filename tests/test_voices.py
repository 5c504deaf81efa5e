"""Synthetic voices: the seeded draw, the trimming, the cache, and what happens without a synthesiser."""

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dwindle.errors import UsageError, UserError
from dwindle.infer.speech import SAMPLE_RATE
from dwindle.tasks.speech import voices
from dwindle.tasks.speech.vocabulary import COMMON_WORDS, CONFUSABLE_WORDS, DIGIT_WORDS, EVERYDAY_WORDS, OTHER_WORDS
from dwindle.tasks.speech.voices import Utterance, draw_utterances, speak, synthesise, trim_silence

BOTH = ("espeak-ng", "flite")


def test_word_lists_hold_no_digit_and_no_homophone_of_one():
    homophones = {"to", "too", "for", "fore", "ate", "won", "oh", "o", "tu"}
    assert len(OTHER_WORDS) >= 900
    assert not set(OTHER_WORDS) & (homophones | set(DIGIT_WORDS))
    assert len(set(OTHER_WORDS)) == len(CONFUSABLE_WORDS) + len(EVERYDAY_WORDS) + len(COMMON_WORDS)


@given(st.integers(0, 2**32), st.integers(1, 20))
def test_draw_is_seeded_and_every_word_is_drawn_alone(seed, per_word):
    alone = draw_utterances(["seven"], per_word, seed, BOTH)
    among_others = draw_utterances(["one", "seven", "hero"], per_word, seed, BOTH)
    assert alone == [utterance for utterance in among_others if utterance.word == "seven"]
    assert len(among_others) == 3 * per_word


def test_draw_uses_many_voices_of_both_synthesisers_and_only_the_installed_one():
    drawn = draw_utterances(DIGIT_WORDS, 200, 0, BOTH)
    assert len({utterance.voice for utterance in drawn}) > 300
    flite_share = np.mean([utterance.synthesiser == "flite" for utterance in drawn])
    assert flite_share == pytest.approx(voices.FLITE_SHARE, abs=0.05)
    for only in BOTH:
        assert {utterance.synthesiser for utterance in draw_utterances(["one"], 30, 0, [only])} == {only}


@given(st.integers(0, 8000), st.integers(400, 8000), st.integers(0, 8000))
def test_trimming_removes_silence_and_keeps_the_sound(before, length, after):
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(length) / SAMPLE_RATE)
    trimmed = trim_silence(np.concatenate([np.zeros(before), tone, np.zeros(after)]))
    slack = 2 * SAMPLE_RATE * (voices.TRIM_FRAME_MS + voices.TRIM_MARGIN_MS) // 1000
    assert length <= len(trimmed) <= length + slack
    assert np.square(trimmed).sum() == pytest.approx(np.square(tone).sum())


def test_each_synthesiser_speaks_and_faster_speech_is_shorter(synthesisers):
    slow_and_fast = {"espeak-ng": ("en-gb+f3", 110, 220, 50), "flite": ("slt", 1.3, 0.7, 180)}
    for name in synthesisers:
        voice, slow, fast, pitch = slow_and_fast[name]
        clips = [speak(Utterance("seven", name, voice, speed, pitch, "")) for speed in (slow, fast)]
        assert len(clips[0].samples) > 1.3 * len(clips[1].samples)
        assert all(0.1 < len(clip.samples) / SAMPLE_RATE < 1.5 for clip in clips)
        assert all(abs(int(np.abs(clip.samples).max()) - voices.PEAK * 32767) <= 1 for clip in clips)


def test_synthesis_is_deterministic_and_cached(synthesisers, tmp_path, monkeypatch):
    first = synthesise(["one", "hero"], 3, seed=5, cache=tmp_path / "a")
    again = synthesise(["one", "hero"], 3, seed=5, cache=tmp_path / "b")
    monkeypatch.setattr(voices, "_speak_all", lambda plan: pytest.fail("the cache was not used"))
    cached = synthesise(["one", "hero"], 3, seed=5, cache=tmp_path / "a")
    assert [clip.word for clip in first] == ["one"] * 3 + ["hero"] * 3
    for other in (again, cached):
        assert [(clip.word, clip.voice) for clip in other] == [(clip.word, clip.voice) for clip in first]
        for mine, theirs in zip(first, other, strict=True):
            assert theirs.samples.dtype == np.int16
            np.testing.assert_array_equal(mine.samples, theirs.samples)


@pytest.mark.parametrize("kept", [0, 100, 2000])
def test_a_damaged_cache_is_spoken_again(synthesisers, tmp_path, kept):
    first = synthesise(["six"], 1, cache=tmp_path)
    (stored,) = tmp_path.iterdir()
    stored.write_bytes(stored.read_bytes()[:kept])
    again = synthesise(["six"], 1, cache=tmp_path)
    np.testing.assert_array_equal(first[0].samples, again[0].samples)
    assert list(tmp_path.iterdir()) == [stored]


@pytest.mark.parametrize("action", ["echo 'no voice data' >&2; exit 1", "echo 'no voice data' >&2", "echo RIFF"])
def test_a_synthesiser_that_fails_is_one_clear_line(tmp_path, monkeypatch, action):
    broken = tmp_path / "espeak-ng"
    broken.write_text(f"#!/bin/sh\n{action}\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    with pytest.raises(UserError, match=r"espeak-ng:\S+ could not say 'one': no (voice data|sound came out)$"):
        synthesise(["one"], 2, cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(("words", "per_word"), [([], 1), ([""], 1), (["..."], 1), (["one"], 0)])
def test_nothing_to_speak_is_a_usage_error(words, per_word):
    with pytest.raises(UsageError):
        synthesise(words, per_word)


def test_no_synthesiser_names_the_packages(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", os.fspath(tmp_path))
    with pytest.raises(UserError, match="apt-get install espeak-ng flite"):
        synthesise(["one"], 1, cache=tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_word_named_twice_is_said_twice_and_differently():
    """A regression: of a thousand drawn pairs of digits a hundred were spoken."""
    once, twice = (draw_utterances(words, 2, 0, BOTH) for words in (["four two"], ["four two", "four two"]))
    assert twice[:2] == once
    assert len(set(twice)) == 4
