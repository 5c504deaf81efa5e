"""Stretches of people reading: which recordings give some, how long they are, and how they are labelled."""

import numpy as np
import pytest
import soundfile

from dwindle.infer.speech import REJECT, SAMPLE_RATE
from dwindle.tasks.speech.running_speech import STRETCH_S, running_phrases, running_windows, transcripts

TEXTS = {
    "plain": "the cat sat on the mat and slept",
    "homophone": "she went to the market for some bread",
    "digit": "he had three apples left",
    "within": "nobody knew someone",
}


@pytest.fixture
def reading(tmp_path, speechlike):
    """Four recordings of eight seconds, one for each text."""
    folder = tmp_path / "running"
    (folder / "7").mkdir(parents=True)
    for name in TEXTS:
        soundfile.write(folder / "7" / f"{name}.flac", np.tile(speechlike, 8), SAMPLE_RATE)
    rows = [f"7/{name}.flac,7,{text}\n" for name, text in TEXTS.items()]
    (folder / "transcripts.csv").write_text("path,speaker,text\n" + "".join(rows), encoding="utf-8")
    return tmp_path


def test_recordings_with_a_digit_are_left_out_and_with_a_homophone_only_for_windows(reading):
    assert {clip.path.stem for clip in running_phrases(reading).clips} == {"plain", "homophone"}
    windows = running_windows(reading)
    assert {clip.path.stem for clip in windows.clips} == {"plain"}
    assert {(clip.label, clip.speaker, clip.corpus) for clip in windows.clips} == {(REJECT, "7", "running")}


def test_stretches_follow_each_other_and_are_as_long_as_strings(reading):
    phrases = running_phrases(reading)
    lengths = np.diff(phrases.bounds, axis=1) / SAMPLE_RATE
    assert STRETCH_S[0] <= lengths.min() and lengths.max() <= STRETCH_S[1]
    for name in ("plain", "homophone"):
        begins, ends = phrases.bounds[[clip.path.stem == name for clip in phrases.clips]].T
        assert len(begins) > 2
        np.testing.assert_array_equal(begins[1:], ends[:-1])
    again = running_phrases(reading)
    np.testing.assert_array_equal(again.bounds, phrases.bounds)
    assert again.digest == phrases.digest


def test_labels_have_about_one_reject_for_each_word(reading):
    phrases = running_phrases(reading)
    assert {word for clip in phrases.clips for word in clip.label.split()} == {REJECT}
    for name in ("plain", "homophone"):
        spoken = sum(len(clip.label.split()) for clip in phrases.clips if clip.path.stem == name)
        assert spoken == pytest.approx(len(TEXTS[name].split()), abs=2)


def test_without_the_corpus_there_is_none(tmp_path):
    assert transcripts(tmp_path) == {} and running_phrases(tmp_path) is None and running_windows(tmp_path) is None


@pytest.mark.slow(seconds=20)
def test_the_real_corpus_gives_hours(data_dir):
    if not transcripts(data_dir):
        pytest.skip("needs running speech: the data directory has none")
    phrases, windows = running_phrases(data_dir), running_windows(data_dir)
    hours = [float(np.diff(store.bounds, axis=1).sum()) / SAMPLE_RATE / 3600 for store in (phrases, windows)]
    assert hours[0] > 2 and hours[1] > 0.5
    assert len({clip.speaker for clip in windows.clips}) > 20
    assert 2 < np.mean([len(clip.label.split()) for clip in phrases.clips]) < 7
