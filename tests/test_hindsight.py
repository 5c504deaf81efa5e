"""Hearing a recording twice: what follows a word counts as much as what came before it."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tone_model import FRAME, RATE, chord, silence, spoken, tone, write_tone_model

from dwindle.infer.speech.hindsight import AROUND_S, Hindsight
from dwindle.infer.speech.listener import RealTimeInference
from dwindle.infer.speech.model import Recogniser
from dwindle.infer.speech.sound_file import read_audio
from dwindle.infer.speech.vad import VoiceActivityDetector
from dwindle.infer.speech.word import as_text

ROOT = Path(__file__).parents[1]
RELEASED = ROOT / "artifacts" / "model_int8.onnx"
OTHER = 0.1 * np.random.default_rng(0).standard_normal(2_000).astype(np.float32)


@pytest.fixture(scope="module")
def careful(tmp_path_factory) -> Recogniser:
    """A model for which a word amid speech is never sure enough."""
    path = tmp_path_factory.mktemp("model") / "tones.onnx"
    return Recogniser(write_tone_model(path, lone_threshold="0.5", speech_threshold="1.0"))


def heard(hindsight: Hindsight, sound: np.ndarray, chunk: int = 8_000) -> list:
    hindsight.reset()
    chunks = [sound[at : at + chunk] for at in range(0, len(sound), chunk)]
    return [event for one in chunks for event in hindsight.process(one)] + hindsight.finish()


@pytest.mark.parametrize(("pause_s", "twice"), [(0.1, ""), (4.2, "4")])
def test_other_words_that_follow_count(careful, pause_s, twice):
    """A live listener has said the digit by then."""
    sound = np.concatenate([silence(0.5), tone(4), silence(pause_s), OTHER, silence(0.3), OTHER, silence(4)])
    live = RealTimeInference(careful, VoiceActivityDetector("none"))
    assert as_text([event.digit for event in live.process(sound) + live.finish()]) == "4"
    assert as_text([event.digit for event in heard(Hindsight(careful, "none"), sound)]) == twice


def test_two_digits_and_half_as_many_others_again_at_most_within_four_seconds_are_a_string(careful):
    second = Hindsight(careful, "none")._second
    second._position = 10 * RATE
    for likely_s, others_s, others_kept in (
        ([], [], 1.0),
        ([10.1], [], 1.0),
        ([6.1, 13.9], [], 0.01),
        ([6.1, 14.1], [], 1.0),
        ([5.9, 13.9], [], 1.0),
        ([6.1, 13.9], [6.1, 10.0, 13.9], 0.01),
        ([6.1, 13.9], [6.1, 9.0, 10.0, 13.9], 1.0),
        ([6.1, 13.9], [5.9, 6.1, 10.0, 13.9, 14.1], 0.01),
    ):
        second._first.likely_s, second._first.others_s = likely_s, others_s
        assert second._others_kept == others_kept


def test_two_others_and_more_than_half_as_many_again_as_digits_are_speech(careful):
    second = Hindsight(careful, "none")._second
    second._position = 10 * RATE
    for likely_s, others_s, is_speech in (
        ([], [6.1, 13.9], True),
        ([], [5.9, 13.9], False),
        ([], [6.1, 14.1], False),
        ([], [13.9], False),
        ([9.0], [6.1, 13.9], True),
        ([9.0, 13.9], [6.1, 7.6, 13.9], False),
        ([9.0, 13.9], [6.1, 7.6, 12.4, 13.9], True),
    ):
        second._first.likely_s, second._first.others_s = likely_s, others_s
        assert second._is_speech is is_speech


def test_in_speech_no_neighbour_makes_a_word_certain(tmp_path):
    """Of two digits amid other words neither is said, where each is less sure than speech asks for."""
    doubting = Recogniser(write_tone_model(tmp_path / "tones.onnx", lone_threshold="0.5", speech_threshold="1.0"))
    speech = [part for _ in range(5) for part in (OTHER, silence(0.3))]
    sound = np.concatenate([silence(0.5), *speech, tone(4), silence(0.3), tone(2), silence(0.3), *speech, silence(4)])
    live = RealTimeInference(doubting, VoiceActivityDetector("none"))
    assert as_text([event.digit for event in live.process(sound) + live.finish()]) == "42"
    assert as_text([event.digit for event in heard(Hindsight(doubting, "none"), sound)]) == ""


@pytest.mark.parametrize(("level_db", "pause_s", "text"), [(-24, 1, "47"), (-26, 1, "4"), (-26, 5, "47")])
@pytest.mark.parametrize("faint_first", [False, True])
def test_what_is_25_db_fainter_than_a_word_within_four_seconds_is_noise(careful, level_db, pause_s, text, faint_first):
    loud, faint = tone(4, amplitude=0.9), tone(7, amplitude=0.9 * 10 ** (level_db / 20))
    first, second = (faint, loud) if faint_first else (loud, faint)
    sound = np.concatenate([silence(0.5), first, silence(pause_s), second, silence(5)])
    assert sorted(event.digit for event in heard(Hindsight(careful, "none"), sound)) == list(text)


@pytest.mark.parametrize(
    ("settings", "needed"), [({}, 0.5), ({"only_words": True}, 0.06), ({"only_words": True, "threshold": 0.7}, 0.7)]
)
def test_in_a_string_a_word_need_not_be_sure_where_nothing_else_is_said(tmp_path, settings, needed):
    recogniser = Recogniser(write_tone_model(tmp_path / "tones.onnx", lone_threshold="0.5"), **settings)
    second = Hindsight(recogniser, "none")._second
    second._position = 10 * RATE
    for likely_s, asked in (
        ([9.0], recogniser.lone_threshold),
        ([9.0, 13.0], needed),
        ([5.0], recogniser.lone_threshold),
    ):
        second._first.likely_s = likely_s
        assert second._needed() == asked


@given(
    st.lists(st.sampled_from(["digit", "other", "chord", "pause"]), min_size=1, max_size=12), st.integers(100, 40_000)
)
def test_every_chunking_gives_the_same_words(careful, kinds, chunk):
    parts = {"digit": tone(7), "other": OTHER, "chord": chord(2, 5), "pause": silence(1.3)}
    sound = np.concatenate([one for kind in kinds for one in (parts[kind], silence(0.1))])
    hindsight = Hindsight(careful, "energy")
    assert heard(hindsight, sound, chunk) == heard(hindsight, sound, len(sound))


def test_little_is_remembered_of_a_long_recording(careful):
    hindsight = Hindsight(careful, "none")
    for _ in range(60):
        hindsight.process(spoken("1234567890"))
    latest_s = AROUND_S + 0.1
    assert len(hindsight._waiting) <= latest_s * RATE
    assert len(hindsight._first.answers) <= latest_s * RATE / FRAME


def test_the_network_runs_no_more_often_than_live(monkeypatch):
    """Frames of the first hearing serve the second, and only words that are proposed are pooled anew."""
    recogniser, runs = Recogniser(RELEASED), []
    run = recogniser._run
    monkeypatch.setattr(recogniser, "_run", lambda samples, *outputs: runs.append(outputs) or run(samples, *outputs))
    sound = read_audio(ROOT / "samples" / "one_seven_three.wav")
    live = RealTimeInference(recogniser, VoiceActivityDetector("energy"), hurried=False)
    assert as_text([event.digit for event in live.process(sound) + live.finish()]) == "173"
    once = runs.copy()
    runs.clear()
    assert as_text([event.digit for event in heard(Hindsight(recogniser, "energy"), sound)]) == "173"
    assert runs.count(("frames",)) == once.count(("frames",))
    assert runs.count(("logits",)) <= 2 * once.count(("logits",)) + 2
