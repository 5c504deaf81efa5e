"""Running speech made of single words: what is spelled is what is heard, in that order."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dwindle.infer.speech import REJECT, SAMPLE_RATE
from dwindle.tasks.speech.corpora import Clip
from dwindle.tasks.speech.sequences import (
    BACKWARDS_SHARE,
    BURST_SHARE,
    CROWDED_SHARE,
    JUST_SAID_TAIL_SAMPLES,
    LEVEL_SPREAD_DB,
    LONGEST_TAIL_SAMPLES,
    MOST_WORDS,
    NEIGHBOUR_SHARE,
    NOISE_SHARE,
    OTHER_WORD_SHARE,
    OVERLAP_SAMPLES,
    PHRASE_SHARE,
    REAL_SHARE,
    SEAM,
    StringMaker,
)
from dwindle.tasks.speech.store import FULL_SCALE, ClipStore

CLASSES = {"low": 0, "high": 1, REJECT: 2}
HZ = {"low": 500, "high": 1500, REJECT: 3000}
WINDOW = SAMPLE_RATE * 9 // 4


def store(*words: tuple[str, str, str, float]) -> ClipStore:
    """Clips of (label, speaker, corpus, seconds), each label a tone of its own, at very different levels."""
    sounds = [
        (10 ** (n % 3 - 1) * 3000 * np.sin(2 * np.pi * HZ[label] * np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE))
        for n, (label, _, _, seconds) in enumerate(words)
    ]
    ends = np.cumsum([len(sound) for sound in sounds])
    bounds = np.stack([ends - [len(sound) for sound in sounds], ends], axis=1)
    clips = [Clip(Path(label), label, speaker, corpus, "train") for label, speaker, corpus, _ in words]
    return ClipStore(clips, np.concatenate(sounds).astype(np.int16), bounds, bounds)


WORDS = [
    *[(label, speaker, "words", 0.3) for label in ("low", "high") for speaker in ("anna", "bob", "cy")],
    (REJECT, "dora", "other_words", 0.3),
    (REJECT, "hum", "noise", 0.3),
]
SPEECH = WORDS[:-1]


def power_at(audio: np.ndarray, label: str) -> np.ndarray:
    """How loud a label's tone is at each sample."""
    return np.abs(np.convolve(audio, np.exp(2j * np.pi * HZ[label] * np.arange(400) / SAMPLE_RATE), "same"))


def test_the_spelling_is_what_is_heard():
    """Words with gaps between them are found again by their tones, in order."""
    maker = StringMaker(store(*WORDS[:6]), CLASSES, WINDOW)
    maker.can_make_up = False
    strings = maker.draw(60, np.random.default_rng(0))
    for audio, spelling, length in zip(strings.audio, strings.spelling, strings.lengths, strict=True):
        power = {label: power_at(audio, label) for label in ("low", "high")}
        seconds = {label: (power[label] > 0.3 * power[label].max()).sum() / SAMPLE_RATE for label in power}
        said = [list(CLASSES)[number] for number in spelling[:length]]
        for label in ("low", "high"):
            if label in said:
                assert power[label].max() > 3
                assert seconds[label] > 0.15
            else:  # at most the beginning of a word that the window cut off
                earlier = power[label][: -LONGEST_TAIL_SAMPLES - OVERLAP_SAMPLES - 400]
                assert earlier.max() < 0.3 * max(other.max() for other in power.values())


@settings(max_examples=30)
@given(count=st.integers(1, 8), seed=st.integers(0, 2**32))
def test_shapes_lengths_levels_and_seeds(count, seed):
    maker = StringMaker(store(*SPEECH), CLASSES, WINDOW)
    strings, again = (maker.draw(count, np.random.default_rng(seed)) for _ in range(2))
    assert len(strings.audio) == count
    assert SAMPLE_RATE <= strings.audio.shape[1] <= WINDOW
    assert strings.audio.dtype == np.float32
    assert strings.spelling.shape == (count, MOST_WORDS)
    assert ((strings.lengths >= 1) & (strings.lengths <= MOST_WORDS)).all()
    assert np.isfinite(strings.audio).all()
    np.testing.assert_array_equal(strings.audio, again.audio)
    np.testing.assert_array_equal(strings.spelling, again.spelling)
    loudest = 2 * 0.05 * np.sqrt(2) * 10 ** (LEVEL_SPREAD_DB / 20)  # two words may overlap
    assert np.abs(strings.audio).max() <= loudest * 1.05


def test_long_runs_say_every_class_mostly_in_one_voice_and_never_noise():
    maker = StringMaker(store(*WORDS), CLASSES, WINDOW)
    strings = maker.draw(400, np.random.default_rng(1))
    said = np.concatenate([row[:length] for row, length in zip(strings.spelling, strings.lengths, strict=True)])
    shares = np.bincount(said, minlength=3) / len(said)
    assert shares[2] == pytest.approx(OTHER_WORD_SHARE, abs=0.06)
    assert shares[0] == pytest.approx(shares[1], abs=0.08)
    assert maker.real_others == [6]  # noise is no word
    assert 1 <= strings.lengths[strings.lengths > 0].min() < 3 < strings.lengths.max()


def test_half_of_the_strings_end_soon_after_a_word():
    maker = StringMaker(store(*WORDS[:6]), CLASSES, WINDOW)
    ended = [
        sum(
            np.abs(row[-LONGEST_TAIL_SAMPLES:]).max() > 0.01
            for row in maker.draw(20, np.random.default_rng(seed)).audio
        )
        for seed in range(20)
    ]
    assert 160 < sum(ended) < 360  # of 400: those that are cut, and some that are full


def test_a_phrase_longer_than_the_window_is_cut_and_still_rejected():
    words = [("low", "a", "words", 0.3), (REJECT, "b", "wake_words", 1.7)]
    maker = StringMaker(store(*words), CLASSES, SAMPLE_RATE * 5 // 4)
    strings = maker.draw(100, np.random.default_rng(3))
    said = [row[:length].tolist() for row, length in zip(strings.spelling, strings.lengths, strict=True)]
    assert sum(CLASSES[REJECT] in words for words in said) > 20


def test_noise_alone_spells_nothing_and_fills_its_string():
    strings = StringMaker(store(*WORDS), CLASSES, WINDOW).draw(400, np.random.default_rng(4))
    nobody = strings.lengths == 0
    assert 0.5 * NOISE_SHARE < nobody.mean() < 2 * NOISE_SHARE
    power = np.abs(np.fft.rfft(strings.audio[nobody]))
    peaks_hz = power.argmax(axis=1) * SAMPLE_RATE / strings.audio.shape[1]
    assert (peaks_hz > 1.1 * HZ["high"]).all()  # recorded noise, faster or slower, not a word
    assert peaks_hz.std() > 100
    assert (np.abs(strings.audio[nobody][:, -400:]).max(axis=1) > 0.01).all()


def test_bursts_stand_between_words_and_spell_nothing():
    """A noise of 3 kHz, faster or slower, and words of 500 Hz."""
    words = [("low", "anna", "words", 0.3), (REJECT, "hum", "noise", 0.5)]
    strings = StringMaker(store(*words), CLASSES, WINDOW).draw(400, np.random.default_rng(6))
    said = strings.lengths > 0
    spectrum = np.abs(np.fft.rfft(strings.audio[said]))
    high = np.arange(spectrum.shape[1]) * SAMPLE_RATE / strings.audio.shape[1] > 1_200
    burst = spectrum[:, high].max(axis=1) > 0.1 * spectrum.max()
    chance = 1 - (1 - BURST_SHARE) ** strings.lengths[said].mean()
    assert burst.mean() == pytest.approx(chance, abs=0.12)
    for row, length in zip(strings.spelling[said], strings.lengths[said], strict=True):
        assert (row[:length] == CLASSES["low"]).all()
    quiet = ~burst & (strings.lengths[said] == 1)
    assert quiet.any()


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32), just_said=st.booleans())
def test_a_burst_stands_where_a_word_would(seed, just_said):
    maker = StringMaker(store(*WORDS), CLASSES, WINDOW)
    samples = SAMPLE_RATE * 3 // 4
    audio = maker.burst(samples, np.random.default_rng(seed), just_said)
    heard = np.flatnonzero(np.abs(audio) > 0.005)
    assert audio.shape == (samples,)
    assert len(heard)
    if just_said:
        assert heard[-1] >= samples - JUST_SAID_TAIL_SAMPLES[1] - 400


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32), samples=st.integers(SAMPLE_RATE // 2, SAMPLE_RATE))
def test_a_crowded_word_is_whole_and_its_neighbours_are_not(seed, samples):
    maker = StringMaker(store(("low", "anna", "words", 0.3), ("high", "bob", "words", 0.4)), CLASSES, WINDOW)
    maker.odds = np.array([0.0, 1.0])  # all neighbours are Bob's
    audio = maker.crowded(0, samples, np.random.default_rng(seed))
    assert audio.shape == (samples,)
    power = {label: power_at(audio, label) for label in ("low", "high")}
    seconds = {label: (power[label] > 0.3 * power["low"].max()).sum() / SAMPLE_RATE for label in power}
    assert seconds["low"] == pytest.approx(0.3, abs=0.06)
    assert seconds["high"] <= 2 * (NEIGHBOUR_SHARE * 0.4 + 0.06)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32), samples=st.integers(SAMPLE_RATE // 2, SAMPLE_RATE))
def test_a_word_just_said_ends_where_its_window_does(seed, samples):
    maker = StringMaker(store(("low", "anna", "words", 0.3), ("high", "bob", "words", 0.4)), CLASSES, WINDOW)
    maker.odds = np.array([0.0, 1.0])
    audio = maker.just_said(0, samples, np.random.default_rng(seed))
    assert audio.shape == (samples,)
    power = power_at(audio, "low")
    heard = np.flatnonzero(power > 0.3 * power.max())
    nearest, farthest = JUST_SAID_TAIL_SAMPLES
    assert samples - farthest - 400 <= heard[-1]
    assert 0.3 * SAMPLE_RATE + nearest - 400 <= len(heard) <= 0.3 * SAMPLE_RATE + 400


def test_words_just_said_stand_alone_or_among_others():
    maker = StringMaker(store(("low", "anna", "words", 0.3), ("high", "bob", "words", 0.4)), CLASSES, WINDOW)
    maker.odds = np.array([0.0, 1.0])
    windows = [maker.just_said(0, SAMPLE_RATE * 3 // 4, np.random.default_rng(seed)) for seed in range(200)]
    crowded = [power_at(audio, "high").max() > 0.5 * power_at(audio, "low").max() for audio in windows]
    assert np.mean(crowded) == pytest.approx(CROWDED_SHARE, abs=0.15)


def test_few_recordings_of_other_words_are_heard_more_often_than_many_synthetic_ones():
    words = [(REJECT, "dora", "other_words", 0.3), *[(REJECT, f"robot {n}", "voices", 0.3) for n in range(19)]]
    rng = np.random.default_rng(0)
    drawn = [StringMaker(store(*WORDS[:6], *some), CLASSES, WINDOW) for some in (words, words[:1], words[1:])]
    both, of_people, of_voices = ([maker._other(rng) for _ in range(400)] for maker in drawn)
    assert np.mean(np.equal(both, 6)) == pytest.approx(REAL_SHARE, abs=0.1)
    assert set(of_people) == {6}
    assert len(set(of_voices)) == 19


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32))
def test_a_made_up_word_begins_like_one_word_and_ends_like_another(seed):
    maker = StringMaker(store(("low", "anna", "words", 0.4), ("high", "anna", "words", 0.4)), CLASSES, WINDOW)
    audio = maker.made_up(SAMPLE_RATE, np.random.default_rng(seed))
    assert audio.shape == (SAMPLE_RATE,)
    heard = {label: np.flatnonzero((power := power_at(audio, label)) > 0.5 * power.max()) for label in ("low", "high")}
    first, last = sorted(heard.values(), key=lambda where: where[0])
    assert first[-1] < last[0] + 400  # one after the other
    for part in (first, last):
        assert SEAM[0] * 0.4 - 0.06 <= len(part) / SAMPLE_RATE <= SEAM[1] * 0.4 + 0.06


def test_some_made_up_words_are_played_backwards():
    rising = store(("low", "anna", "words", 0.4), ("high", "anna", "words", 0.4))
    rising.samples[:] = rising.samples * np.tile(np.linspace(0, 1, len(rising.samples) // 2), 2)
    maker = StringMaker(rising, CLASSES, WINDOW)
    words = [maker.made_up(SAMPLE_RATE, np.random.default_rng(seed)) for seed in range(100)]
    halves = [np.array_split(np.abs(word[np.flatnonzero(word)[0] : np.flatnonzero(word)[-1]]), 2) for word in words]
    falling = [first.max() > second.max() for first, second in halves]
    assert np.mean(falling) == pytest.approx(BACKWARDS_SHARE, abs=0.15)


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32))
def test_a_closely_cut_word_loses_its_faint_ends_and_nothing_else(seed):
    clips = store(("low", "anna", "words", 0.4))
    faint = clips.samples.copy()
    faint[: SAMPLE_RATE // 10] //= 50  # 34 dB below the rest
    maker = StringMaker(replace(clips, samples=faint), CLASSES, WINDOW)
    heard = np.flatnonzero(maker.closely_cut(0, SAMPLE_RATE, np.random.default_rng(seed)))
    assert (heard[-1] - heard[0]) / SAMPLE_RATE == pytest.approx(0.3, abs=0.03)


def test_without_recorded_other_words_the_made_up_ones_are_rejected():
    strings = StringMaker(store(*WORDS[:6]), CLASSES, WINDOW).draw(300, np.random.default_rng(5))
    said = np.concatenate([row[:length] for row, length in zip(strings.spelling, strings.lengths, strict=True)])
    assert np.mean(said == CLASSES[REJECT]) == pytest.approx(OTHER_WORD_SHARE, abs=0.06)


def test_a_phrase_is_spelled_whole_and_only_where_it_fits():
    """Its words' ends are unknown, so a string that ends early must not end inside it."""
    phrases = store(("low", "flite", "voices", 1.2), ("high", "flite", "voices", 2.4))
    phrases.clips[:] = [replace(clip, label="high low low") for clip in phrases.clips]
    maker = StringMaker(store(*SPEECH[:1]), CLASSES, WINDOW, phrases)
    strings = maker.draw(400, np.random.default_rng(7))
    spelled = [row[:length].tolist() for row, length in zip(strings.spelling, strings.lengths, strict=True)]
    assert all(words == [1, 0, 0] or not any(words) for words in spelled)  # else "low", which is class 0
    assert np.mean([words == [1, 0, 0] for words in spelled]) == pytest.approx(PHRASE_SHARE, abs=0.05)
    for audio, words in zip(strings.audio, spelled, strict=True):
        if words == [1, 0, 0]:
            assert (np.abs(audio) > 0.01).sum() / SAMPLE_RATE > 0.9


def test_one_word_alone_makes_up_nothing():
    maker = StringMaker(store(("low", "a", "words", 0.3), ("low", "b", "words", 0.3)), CLASSES, WINDOW)
    strings = maker.draw(50, np.random.default_rng(6))
    assert not maker.can_make_up
    assert not strings.spelling.any()  # "low" is class 0


def test_a_speaker_is_heard_as_often_as_they_recorded():
    words = [("low", "common", "words", 0.3)] * 9 + [("high", "rare", "words", 0.3)]
    maker = StringMaker(store(*words), CLASSES, WINDOW)
    assert dict(zip(maker.speakers, maker.odds, strict=True)) == pytest.approx({"common": 0.9, "rare": 0.1})


def test_clicks_and_sentences_are_no_words_and_leave_silence():
    maker = StringMaker(store(("low", "a", "words", 0.05), ("high", "a", "words", 1.5)), CLASSES, WINDOW)
    strings = maker.draw(3, np.random.default_rng(0))
    assert strings.lengths.tolist() == [0, 0, 0]
    assert not strings.audio.any()


def test_silence_stays_silent():
    quiet = store(("low", "a", "words", 0.3))
    maker = StringMaker(ClipStore(quiet.clips, quiet.samples * 0, quiet.bounds, quiet.edges), CLASSES, WINDOW)
    assert np.abs(maker.draw(2, np.random.default_rng(0)).audio).max() < 1 / FULL_SCALE
