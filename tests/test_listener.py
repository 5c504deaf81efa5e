"""Running sound to words: each once, in order, the same for any chunking, and soon."""

import gc
import tracemalloc
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tone_model import silence, spoken, tone, write_tone_model

from dwindle.infer.speech.decoder import FrameDecoder
from dwindle.infer.speech.listener import RealTimeInference
from dwindle.infer.speech.model import Recogniser
from dwindle.infer.speech.vad import VoiceActivityDetector
from dwindle.infer.speech.word import as_text


@pytest.fixture(scope="module")
def recogniser(tmp_path_factory):
    return Recogniser(write_tone_model(tmp_path_factory.mktemp("model") / "tones.onnx"))


def heard(recogniser, sound, chunks=(), vad="energy", final_ends=False):
    inference = RealTimeInference(recogniser, VoiceActivityDetector(vad), final_ends)
    events, at = [], 0
    for size in [*chunks, len(sound)]:
        events += inference.process(sound[at : at + size])
        at += size
    return events + inference.finish()


@pytest.mark.parametrize("vad", ["energy", "none"])
@pytest.mark.parametrize("text", ["0123456789", "33", "999", "1", "1221"])
def test_every_word_is_heard_once(recogniser, text, vad):
    assert as_text([event.digit for event in heard(recogniser, spoken(text), vad=vad)]) == text


def test_words_without_pauses_between_them(recogniser):
    sound = np.concatenate([silence(0.5), *(tone(digit) for digit in (1, 7, 3)), silence(0.5)])
    assert [event.digit for event in heard(recogniser, sound)] == ["1", "7", "3"]


@pytest.mark.parametrize("gap_s", [0.0, 0.4])
def test_times_are_those_of_the_words(recogniser, gap_s):
    sound = np.concatenate([silence(0.4), tone(5), silence(gap_s), 0.5 * tone(8), silence(0.4)])
    events = heard(recogniser, sound, final_ends=True)
    for event, start_s in zip(events, (0.4, 0.7 + gap_s), strict=True):
        assert event.start_s == pytest.approx(start_s, abs=0.05)
        assert event.end_s == pytest.approx(start_s + 0.3, abs=0.05)
        assert event.emitted_s < start_s + 0.4


def test_an_event_holds_what_was_known_when_it_was_emitted_and_is_never_changed(recogniser):
    sound = np.concatenate([silence(0.4), tone(5, 0.6), silence(0.4), tone(8), silence(0.6)])
    known, final = (heard(recogniser, sound, final_ends=wanted) for wanted in (False, True))
    assert [event.digit for event in known] == [event.digit for event in final] == ["5", "8"]
    assert known[0].end_s <= known[0].emitted_s < final[0].end_s == pytest.approx(1.0, abs=0.05)
    assert [replace(event, end_s=0) for event in known] == [replace(event, end_s=0) for event in final]
    with pytest.raises(FrozenInstanceError):
        known[0].end_s = 1.0


def test_words_with_final_ends_come_as_soon_as_the_next_one_is_found(recogniser):
    inference = RealTimeInference(recogniser, VoiceActivityDetector("energy"), final_ends=True)
    assert inference.process(spoken("5")) == []
    assert [event.digit for event in inference.process(spoken("8"))] == ["5"]
    assert [event.digit for event in inference.finish()] == ["8"]


def test_a_word_ends_though_noise_sounds_on(recogniser):
    """A regression: it lasted until the rain did."""
    rain = 0.03 * np.random.default_rng(0).standard_normal(8 * 8_000).astype(np.float32)
    (event,) = heard(recogniser, np.concatenate([silence(0.5), tone(3), rain]), final_ends=True)
    assert event.digit == "3"
    assert 0.75 < event.end_s < 1.5


def test_a_model_that_names_words_early_is_given_time_to_hear_more(tmp_path):
    """However training has laid its peaks, words are answered at about the same time before their end."""
    read_ahead = {}
    for before_end_ms in (-1000, 150, 340, 1000):
        path = write_tone_model(tmp_path / f"{before_end_ms}.onnx", peak_before_end_ms=str(before_end_ms))
        recogniser = Recogniser(path)
        read_ahead[before_end_ms] = FrameDecoder(recogniser, recogniser.frames).look_ahead_frames
        assert as_text([event.digit for event in heard(recogniser, spoken("3141"))]) == "3141"
    assert read_ahead == {-1000: 3, 150: 3, 340: 5, 1000: 10}  # of 40 ms each, within bounds


def test_the_last_word_needs_no_silence_after_it(recogniser):
    sound = np.concatenate([silence(0.3), tone(4, 0.13)])
    assert [event.digit for event in heard(recogniser, sound)] == ["4"]


def test_a_doubtful_word_is_said_in_company_or_where_the_recording_ends(tmp_path):
    doubting = Recogniser(write_tone_model(tmp_path / "doubting.onnx", lone_threshold="1.0"))
    texts = {
        "company": np.concatenate([spoken("42"), silence(4)]),
        "end": spoken("4"),
        "alone": np.concatenate([spoken("4"), silence(4)]),
        "too far apart": np.concatenate([spoken("4"), silence(4), spoken("2"), silence(4)]),
    }
    said = {name: as_text([event.digit for event in heard(doubting, sound)]) for name, sound in texts.items()}
    assert said == {"company": "42", "end": "4", "alone": "", "too far apart": ""}
    as_told = Recogniser(doubting.path, threshold=0.5)  # whoever names a threshold has it hold for every word
    assert as_text([event.digit for event in heard(as_told, texts["too far apart"])]) == "42"


def test_a_word_amid_noise_must_be_surer_than_one_in_a_quiet_room(tmp_path):
    careful = Recogniser(write_tone_model(tmp_path / "careful.onnx", lone_threshold="0.5", noisy_threshold="1.0"))
    sound = np.concatenate([silence(3), spoken("4"), silence(4)])
    rain = 0.1 * np.random.default_rng(0).standard_normal(len(sound)).astype(np.float32)
    for loudness, said in ((0.01, "4"), (1.0, "")):
        assert as_text([event.digit for event in heard(careful, sound + loudness * rain)]) == said
    as_told = Recogniser(careful.path, threshold=0.5)
    assert as_text([event.digit for event in heard(as_told, sound + rain)]) == "4"


def amid_words(digits: str) -> np.ndarray:
    """Digits, each after two sounds that are other words, of a quarter of a second, soon after one another."""
    rng = np.random.default_rng(0)
    other = np.tile(np.concatenate([0.1 * rng.standard_normal(2_000), silence(0.1)]).astype(np.float32), 2)
    parts = [np.concatenate([other, tone(int(digit)), silence(0.1)]) for digit in digits]
    return np.concatenate([silence(0.5), *parts, other, silence(4)])


def test_a_word_amid_speech_must_be_surer_than_one_alone(tmp_path):
    careful = Recogniser(write_tone_model(tmp_path / "careful.onnx", lone_threshold="0.5", speech_threshold="1.0"))
    alone = np.concatenate([silence(0.5), tone(4), silence(4)])
    assert as_text([event.digit for event in heard(careful, alone)]) == "4"
    assert heard(careful, amid_words("4")) == []
    assert heard(careful, amid_words("4")[: -8_000 * 4]) == []  # nor where the recording ends
    as_told = Recogniser(careful.path, threshold=0.5)
    assert as_text([event.digit for event in heard(as_told, amid_words("4"))]) == "4"


def test_one_sound_beside_a_word_is_no_speech(tmp_path):
    """A breath before a digit is not talking."""
    careful = Recogniser(write_tone_model(tmp_path / "careful.onnx", lone_threshold="0.5", speech_threshold="1.0"))
    breath = 0.1 * np.random.default_rng(0).standard_normal(2_000).astype(np.float32)
    sound = np.concatenate([silence(0.5), breath, silence(0.1), tone(4), silence(4)])
    assert as_text([event.digit for event in heard(careful, sound)]) == "4"


def test_digits_one_after_the_other_are_digits_amid_speech_too(tmp_path):
    careful = Recogniser(write_tone_model(tmp_path / "careful.onnx", lone_threshold="0.5", speech_threshold="1.0"))
    sound = np.concatenate([amid_words("")[: -8_000 * 4], silence(0.1), spoken("42", 0.1), silence(4)])
    assert as_text([event.digit for event in heard(careful, sound)]) == "42"


def test_who_expects_words_alone_is_never_refused_one(tmp_path):
    path = write_tone_model(tmp_path / "strict.onnx", lone_threshold="1.0", threshold="1.0")
    faint = tone(4) + 0.25 * np.random.default_rng(0).standard_normal(2_400).astype(np.float32)
    sound = np.concatenate([silence(1), faint, silence(4)])
    for only_words, said in ((False, ""), (True, "4")):
        recogniser = Recogniser(path, only_words=only_words)
        assert as_text([event.digit for event in heard(recogniser, sound)]) == said
        assert (recogniser.classify(faint).label or "") == said


def test_the_end_of_a_recording_makes_no_word_of_its_noise(tmp_path):
    """A regression: where a minute of crying or of tools ended, its last doubtful sound was said as a digit."""
    doubting = Recogniser(write_tone_model(tmp_path / "doubting.onnx", lone_threshold="1.0", noisy_threshold="1.0"))
    for words, amid_rain in (("4", ""), ("42", "42")):  # in company words are said all the same
        sound = np.concatenate([silence(3), spoken(words)])
        rain = 0.1 * np.random.default_rng(0).standard_normal(len(sound)).astype(np.float32)
        assert as_text([event.digit for event in heard(doubting, sound)]) == words
        assert as_text([event.digit for event in heard(doubting, sound + rain)]) == amid_rain


@given(text=st.text("0123456789", max_size=5), chunks=st.lists(st.integers(0, 5_000), max_size=12))
@settings(max_examples=15)
def test_chunks_do_not_matter_where_words_wait(tmp_path_factory, text, chunks):
    path = tmp_path_factory.getbasetemp() / "waiting.onnx"
    doubting = Recogniser(path if path.is_file() else write_tone_model(path, lone_threshold="1.0"))
    sound = spoken(text, 0.9)
    assert heard(doubting, sound, chunks) == heard(doubting, sound)


def test_noise_silence_and_nothing_give_no_words(recogniser):
    noise = 0.3 * np.random.default_rng(0).standard_normal(40_000).astype(np.float32)
    for sound in (noise, silence(3), silence(0), np.clip(10 * noise, -1, 1)):
        assert heard(recogniser, sound) == []


@given(
    text=st.text("0123456789", max_size=5),
    gap_ms=st.integers(0, 700),
    chunks=st.lists(st.integers(0, 5_000), max_size=12),
    seed=st.integers(0, 1_000),
)
@settings(max_examples=30)
def test_chunks_do_not_matter(recogniser, text, gap_ms, chunks, seed):
    sound = spoken(text, gap_ms / 1000)
    sound = sound + 0.003 * np.random.default_rng(seed).standard_normal(len(sound)).astype(np.float32)
    assert heard(recogniser, sound, chunks) == heard(recogniser, sound)


def test_one_after_the_other_is_as_each_alone(recogniser):
    inference = RealTimeInference(recogniser, VoiceActivityDetector("energy"))
    for text in ("12", "2", "771"):
        events = inference.process(spoken(text)) + inference.finish()
        assert events == heard(recogniser, spoken(text))
        inference.reset()


def test_the_network_rests_in_silence_and_wakes_in_time(recogniser):
    runs = []

    class Counting(Recogniser):
        def heard(self, window, *arguments):
            runs.append(len(window))
            return super().heard(window, *arguments)

    counting = Counting(recogniser.path)
    inference = RealTimeInference(counting, VoiceActivityDetector("energy"))
    inference.process(silence(60))
    assert len(runs) == 0
    events = inference.process(np.concatenate([spoken("6"), silence(60)]))
    assert [event.digit for event in events] == ["6"]
    assert len(runs) < 40  # 0.3 s of voice and what hangs over
    assert not inference.voice_active


def test_what_is_kept_does_not_grow(recogniser):
    inference = RealTimeInference(recogniser, VoiceActivityDetector("none"))
    minute = np.tile(spoken("42"), 60)

    def kept_bytes() -> int:
        inference.process(minute)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    kept_bytes()  # what is allocated once
    tracemalloc.start()
    first, *_, last = (kept_bytes() for _ in range(4))
    tracemalloc.stop()
    assert last - first < 100_000  # what Python keeps of its own; 3 minutes of sound are 5.8 MB
