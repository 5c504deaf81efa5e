"""The store of decoded clips: decoded once, mapped after, and cut into windows that hold the speech."""

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from dwindle.errors import UserError
from dwindle.infer.speech import SAMPLE_RATE
from dwindle.infer.speech.sound_file import AudioError
from dwindle.tasks.speech import store
from dwindle.tasks.speech.corpora import Clip
from dwindle.tasks.speech.store import FULL_SCALE, ClipStore, balanced, joined, open_store, store_of_voices
from dwindle.tasks.speech.voices import SpokenClip


@pytest.fixture
def clips(tmp_path, speechlike, tone) -> list[Clip]:
    sounds = {"short": tone[:3000], "second": speechlike, "long": np.concatenate([0 * tone, 0 * tone, speechlike])}
    for name, sound in sounds.items():
        soundfile.write(tmp_path / f"{name}.wav", sound, SAMPLE_RATE)
    return [Clip(tmp_path / f"{name}.wav", name, "me", "test", "train") for name in sounds]


def small_store(*sounds: np.ndarray) -> ClipStore:
    ends = np.cumsum([len(sound) for sound in sounds])
    bounds = np.stack([ends - [len(sound) for sound in sounds], ends], axis=1)
    clips = [Clip(f"{n}", str(n), "me", "test", "train") for n in range(len(sounds))]
    return ClipStore(clips, np.concatenate(sounds), bounds, bounds)


def test_clips_are_stored_as_they_sound_and_decoded_once(clips, tmp_path, monkeypatch, speechlike):
    first = open_store(clips, tmp_path / "cache")
    np.testing.assert_allclose(first.whole(1) / FULL_SCALE, speechlike, atol=1 / FULL_SCALE)
    assert 0.3 < len(first.spoken(1)) / SAMPLE_RATE < 0.55  # the word is 0.4 s
    monkeypatch.setattr(store, "_decode_all", lambda paths: pytest.fail("decoded twice"))
    again = open_store(clips, tmp_path / "cache")
    assert isinstance(again.samples, np.memmap)
    np.testing.assert_array_equal(again.samples, first.samples)
    np.testing.assert_array_equal(again.edges, first.edges)


def test_a_changed_recording_is_decoded_again(clips, tmp_path, tone):
    open_store(clips, tmp_path / "cache")
    soundfile.write(clips[0].path, tone[:5000], SAMPLE_RATE)
    assert len(open_store(clips, tmp_path / "cache").whole(0)) == 5000


@pytest.mark.parametrize("kept", [0, 60, 5000])
@pytest.mark.parametrize("which", ["*index.npy", "clips-?" + "?" * 19 + ".npy"])
def test_a_damaged_cache_is_decoded_again(clips, tmp_path, which, kept):
    first = np.array(open_store(clips, tmp_path / "cache").samples)
    (damaged,) = (tmp_path / "cache").glob(which)
    damaged.write_bytes(damaged.read_bytes()[: min(kept, damaged.stat().st_size - 1)])
    np.testing.assert_array_equal(open_store(clips, tmp_path / "cache").samples, first)


def test_an_unreadable_recording_is_named_and_nothing_is_stored(clips, tmp_path):
    clips[1].path.write_bytes(clips[1].path.read_bytes()[:5000])
    with pytest.raises(AudioError, match=r"second\.wav: truncated"):
        open_store(clips, tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_no_recordings_is_one_line():
    with pytest.raises(UserError, match="no recordings to load"):
        open_store([])


def test_a_centred_window_holds_the_whole_short_clip_and_the_speech_of_a_long_one(clips, tmp_path):
    opened = open_store(clips, tmp_path / "cache")
    short, _, long = opened.centred([0, 1, 2], SAMPLE_RATE)
    np.testing.assert_array_equal(short[2500:5500] * FULL_SCALE, opened.whole(0))
    assert not short[:2500].any()
    assert not short[5500:].any()
    energy = np.square(long)
    assert energy.sum() == pytest.approx(np.square(opened.whole(2) / FULL_SCALE).sum(), rel=1e-3)
    assert abs(np.average(np.arange(SAMPLE_RATE), weights=energy) - SAMPLE_RATE / 2) < 400


@given(
    lengths=st.lists(st.integers(0, 4000), min_size=1, max_size=6),
    window=st.integers(1, 3000),
    shift=st.integers(0, 800),
    seed=st.integers(0, 2**32),
)
def test_every_window_is_a_piece_of_its_clip_between_zeros(lengths, window, shift, seed):
    """Each clip counts upwards from its own base, so that a sample of a neighbour would show."""
    sounds = [(5000 * n + 1 + np.arange(length)).astype(np.int16) for n, length in enumerate(lengths)]
    built = small_store(*sounds)
    order = list(range(len(lengths)))
    rng = np.random.default_rng(seed)
    for batch in (built.centred(order, window), built.shifted(order, window, rng, shift)):
        assert batch.shape == (len(lengths), window)
        for row, sound in zip(batch * FULL_SCALE, sounds, strict=True):
            heard = row[np.flatnonzero(row)]
            assert np.isin(heard, sound).all()
            assert (np.diff(heard) == 1).all()  # in order, in one piece
    whole = built.centred(order, 5000) * FULL_SCALE
    assert [np.count_nonzero(row) for row in whole] == lengths


def test_shifts_are_drawn_and_seeded(clips, tmp_path):
    opened = open_store(clips, tmp_path / "cache")
    draws = [opened.shifted([1] * 50, SAMPLE_RATE, np.random.default_rng(seed), 800) for seed in (0, 0, 1)]
    np.testing.assert_array_equal(draws[0], draws[1])
    assert (draws[0] != draws[2]).any()
    starts = [int(np.argmax(np.abs(row) > 0.05)) for row in draws[0]]
    assert 1200 < max(starts) - min(starts) <= 1700  # up to 800 either way


def test_subsets_and_joins_keep_every_clip_what_it_was(speechlike):
    first = small_store(np.arange(1, 5, dtype=np.int16), np.arange(11, 14, dtype=np.int16))
    one = SpokenClip("one", "espeak-ng:en", np.array([7, 8], np.int16))
    hi = SpokenClip("hi", "flite:slt", np.array([9], np.int16))
    second = store_of_voices([one, hi], {"one": "1", "hi": "reject"})
    both = joined([first.subset([1]), second])
    assert [both.whole(n).tolist() for n in range(3)] == [[11, 12, 13], [7, 8], [9]]
    assert [clip.label for clip in both.clips] == ["1", "1", "reject"]
    assert [both.spoken(n).tolist() for n in range(3)] == [[11, 12, 13], [7, 8], [9]]
    assert len(both.subset([])) == 0


def test_rare_words_come_as_often_as_frequent_ones():
    targets = np.array([0, 0, 0, 0, 0, 1, 1, 2, 2, 2])
    indices = balanced(np.arange(10), targets, {0, 1})
    assert np.bincount(targets[indices]).tolist() == [5, 5, 3]  # the third is no word
    assert set(indices.tolist()) == set(range(10))
    np.testing.assert_array_equal(balanced(indices, targets, {0, 1}), indices)
