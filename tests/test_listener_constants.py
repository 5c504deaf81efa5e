"""The listener's numbers as numbers: what each does in seconds, decibels and shares, whatever its name stands for.

Other tests ask for the same in terms of the constants, and go on passing when one of them is doubled.
"""

import io

import numpy as np
import pytest
import soundfile
from tone_model import FRAME, RATE, silence, tone, write_tone_model

from dwindle.errors import UserError
from dwindle.infer.speech import SAMPLE_RATE, WINDOW_SAMPLES
from dwindle.infer.speech.edges import speech_edges, stream_levels, word_extent
from dwindle.infer.speech.enrolled import Match
from dwindle.infer.speech.hold_back import HoldBack
from dwindle.infer.speech.listener import RealTimeInference
from dwindle.infer.speech.model import Recogniser
from dwindle.infer.speech.padding import hiss_level, stream_windows
from dwindle.infer.speech.processor import AudioProcessor, Downmix
from dwindle.infer.speech.sound_file import AudioError, read_audio
from dwindle.infer.speech.sources import Player, pcm_blocks
from dwindle.infer.speech.spotter import Spotter
from dwindle.infer.speech.vad import Background, VoiceActivityDetector
from dwindle.infer.speech.word import Candidate, as_text

STEP = RATE // 100


def buzz(*parts: tuple[float, float]) -> np.ndarray:
    """Parts of (seconds, decibels of full scale); each fades in its last 10 ms where a fainter one follows."""
    amplitudes = [10 ** (level_db / 20) for _, level_db in parts]
    envelopes = []
    for (seconds, _), now, then in zip(parts, amplitudes, [*amplitudes[1:], amplitudes[-1]], strict=True):
        held = round(seconds * RATE) - STEP
        envelopes += [np.full(held, now), np.linspace(now, min(now, then), STEP)]
    envelope = np.concatenate(envelopes)
    return (envelope * np.resize([1, -1], len(envelope))).astype(np.float32)


@pytest.mark.parametrize(
    ("after", "end_s"),
    [
        ((0.12, -36), 0.62),  # within three quarters of the range of 45 dB: as much the word as its loudest part
        ((0.30, -42), 0.60),  # fainter, but beside the word: a tenth of a second of it
        ((0.30, -46), 0.50),  # too faint
        ((0.12, -100), 0.50),
    ],
)
def test_what_follows_the_loud_part_of_a_word(after, end_s):
    first, last = speech_edges(buzz((0.3, -100), (0.2, -6), after, (0.5, -100)))
    assert (first / RATE, last / RATE) == pytest.approx((0.3 - 0.02, end_s + 0.02))


@pytest.mark.parametrize(("gap_s", "end_s"), [(0.12, 0.82), (0.18, 0.60)])
def test_a_stop_is_no_longer_than_150_ms(gap_s, end_s):
    _, last = speech_edges(buzz((0.3, -100), (0.3, -6), (gap_s, -100), (0.1, -6), (0.5, -100)))
    assert last / RATE == pytest.approx(end_s + 0.02)


def test_a_word_in_a_stream_ends_25_db_below_its_peak():
    levels = 10 ** (np.array([-60.0] * 10 + [-20.0] * 5 + [0.0] * 5 + [-20.0] * 5 + [-30.0] * 20) / 10)
    assert word_extent(levels, 17, 0)[:2] == (10, 25)
    assert len(stream_levels(np.zeros(RATE, np.float32), RATE)) == 100


def word(found_s: float, confidence: float, amid_noise: bool = False, amid_speech: bool = False) -> Candidate:
    return Candidate("1", found_s - 0.4, found_s - 0.1, confidence, confidence, found_s, 1.0, amid_noise, amid_speech)


@pytest.mark.parametrize(
    ("first", "second", "passed"),
    [
        (word(5.0, 0.4), word(6.5, 0.9), 2),
        (word(5.0, 0.4), word(8.0, 0.96), 1),  # held for two seconds
        (word(5.0, 0.4), word(5.5, 0.6), 2),  # 0.55 confirm another
        (word(5.0, 0.4), word(5.5, 0.5), 0),
        (word(5.0, 0.4), word(5.5, 0.85, amid_speech=True), 2),  # amid speech 0.8
        (word(5.0, 0.4), word(5.5, 0.6, amid_speech=True), 0),
        (word(5.0, 0.6, amid_noise=True), word(5.5, 0.96), 2),  # amid noise only from 0.5 on is one held at all
        (word(5.0, 0.4, amid_noise=True), word(5.5, 0.96), 1),
    ],
)
def test_when_a_word_confirms_the_one_before_it(first, second, passed):
    hold_back = HoldBack()
    first.amid_speech = first.confidence == 0.6 or first.amid_speech  # too little to confirm the next by itself
    assert hold_back.passed(first, 0.95) == []
    assert len(hold_back.passed(second, 0.95)) == passed


def steady(level_db: float, seconds: float) -> np.ndarray:
    return buzz((seconds, level_db))


def test_the_energy_detector_in_decibels():
    detector = VoiceActivityDetector("energy")
    assert len(detector.process(steady(-70, 1.0))) == 50  # frames of 20 ms
    assert not any(VoiceActivityDetector("energy").process(steady(-65, 1.0)))  # below -60 dB nothing is speech
    assert all(VoiceActivityDetector("energy").process(steady(-45, 0.2)))
    detector = VoiceActivityDetector("energy")
    loud = detector.process(steady(-40, 10.0))  # the floor rises from -60 dB by 3 a second, to 9 below the sound
    assert sum(loud) / 50 == pytest.approx(11 / 3, abs=0.05)
    assert not any(detector.process(steady(-34, 0.2)))
    assert all(detector.process(steady(-27, 0.2)))


def test_the_webrtc_detector():
    for rate in (8_000, 16_000, 32_000, 48_000):
        assert len(VoiceActivityDetector("webrtc", rate).process(np.zeros(rate, np.float32))) == 50
    detector = VoiceActivityDetector("webrtc")
    detector.process(np.zeros(RATE, np.float32))
    detector.process(np.full(RATE, 0.1, np.float32))
    assert detector._offset == pytest.approx(0.1 * (1 - 0.98**50))  # followed within a second


def voiced(sound: np.ndarray, level_db: float) -> int:
    """How many frames the usual detector takes for a voice, after a second of silence."""
    detector = VoiceActivityDetector("webrtc")
    detector.process(np.zeros(RATE, np.float32))
    rms = float(np.sqrt(np.mean(np.square(sound))))
    return sum(detector.process((10 ** (level_db / 20) * sound / rms).astype(np.float32)))


def test_how_much_the_webrtc_detector_takes_for_a_voice(speechlike):
    """Louder or quieter, stricter or less so, it would find other frames."""
    rng = np.random.default_rng(0)
    hiss = rng.standard_normal(3 * RATE)
    assert voiced(hiss, -40) == 150
    assert voiced(hiss, -50) < 20
    assert voiced(np.sin(2 * np.pi * 900 * np.arange(3 * RATE) / RATE) + 0.3 * hiss, -48) < 20
    assert voiced(speechlike, -75) > 15


def thought(*parts: tuple[float, float]) -> Background:
    """After parts of (seconds, decibels), in hops of 50 ms."""
    background = Background(0.05)
    for hop in np.concatenate([10 ** (db / 20) * np.resize([1, -1], round(s * RATE)) for s, db in parts]).reshape(
        -1, RATE // 20
    ):
        background.follow(hop)
    return background


@pytest.mark.parametrize(
    ("parts", "is_loud"),
    [
        (((3.0, -40), (0.2, -30)), True),  # a word stands out from 12 dB on
        (((3.0, -40), (0.2, -26)), False),
        (((3.0, -20), (0.9, -60), (0.05, -20)), True),  # two seconds are remembered, and the middle one counts
        (((3.0, -20), (1.2, -60), (0.05, -20)), False),
        (((3.0, -60), (0.05, -20), (0.4, -60)), False),  # a word is new for half a second
        (((3.0, -60), (0.05, -20), (0.7, -60)), True),
    ],
)
def test_when_the_background_is_loud(parts, is_loud):
    assert thought(*parts).is_loud == is_loud


def test_a_spotted_word_in_runs_and_shares():
    def followed(*similarities: float) -> list[int]:
        """At which of the runs the word is found."""
        spotter = Spotter()
        runs = [spotter.follow(Match("marvin", one, 0.6), n * 0.05) for n, one in enumerate(similarities)]
        return [number for number, found in enumerate(runs) if found]

    assert followed(0.8, 0.7, 0.7, 0.7, 0.7) == [3]  # three runs without a closer one
    assert followed(0.8, 0.807, 0.7, 0.7, 0.7) == [3]  # not clearly closer
    assert followed(0.8, 0.815, 0.7, 0.7, 0.7) == [4]
    assert followed(0.8, 0.7, 0.7, 0.7, 0.53, 0.8, 0.7, 0.7, 0.7) == [3]  # not over before it is 0.1 below 0.6
    assert followed(0.8, 0.7, 0.7, 0.7, 0.45, 0.8, 0.7, 0.7, 0.7) == [3, 8]


def test_padding_in_decibels_and_seconds():
    hiss = np.resize([0.001, -0.001], RATE // 2)  # whose differences say sqrt(2) times as much
    both = np.concatenate([0.5 * np.sin(np.arange(RATE)), hiss])
    assert hiss_level(both) == pytest.approx(2**0.5 * 0.001 * 10 ** (-6 / 20), rel=1e-3)
    assert hiss_level(hiss) == pytest.approx(0.001 * 10 ** (-25 / 20), rel=1e-3)
    first, *later = stream_windows(tone(4), 6_000)
    for window, shift in zip(later, (400, 800, 1_200), strict=True):  # of 50 ms
        assert np.array_equal(window[:-shift], first[shift:])


def test_a_device_in_seconds_and_decibels():
    processor = AudioProcessor(RATE, RATE)
    processor.process(np.zeros(round(2.9 * RATE), np.float32))
    assert processor.level_db == pytest.approx(-100)
    assert not processor.muted
    processor.process(np.zeros(round(0.1 * RATE), np.float32))
    assert processor.muted
    left = tone(4)
    for below_db, cancels in ((25, True), (15, False)):  # the mean against its fainter channel
        share = 1 / (1 + 2 * 10 ** (-below_db / 20))
        mono = Downmix().process(np.stack([left, -share * left], axis=1))
        assert np.allclose(mono, left if cancels else (1 - share) / 2 * left, atol=1e-6)


def test_a_clock_gives_10_ms_at_a_time_and_text_is_told_by_its_first_half_kilobyte():
    (first, *_) = Player([np.zeros(1_600, np.float32)], 16_000).chunks()
    assert len(first) == 160
    samples = np.full(1_000, -2, "<i2").tobytes()
    pcm_blocks(io.BytesIO(b"a" * 400 + samples), 16_000)
    with pytest.raises(UserError, match="that is text"):
        pcm_blocks(io.BytesIO(b"a" * 600 + samples), 16_000)


def test_a_sound_file_in_hertz_full_scale_and_minutes(tmp_path):
    path = tmp_path / "sound.wav"
    for rate, is_read in ((6_000, False), (8_000, True), (192_000, True), (200_000, False)):
        soundfile.write(path, np.zeros(rate // 10), rate)
        assert _is_read(path) == is_read
    for peak, is_read in ((70, True), (150, False)):
        soundfile.write(path, np.full(800, peak, np.float32), RATE, subtype="FLOAT")
        assert _is_read(path) == is_read
    for minutes, is_read in ((9.9, True), (10.1, False)):
        soundfile.write(path, np.zeros(round(minutes * 60 * RATE), np.int16), RATE)
        assert _is_read(path) == is_read


def _is_read(path) -> bool:
    try:
        return bool(len(read_audio(path)))
    except AudioError:
        return False


def test_the_listener_in_seconds(tmp_path):
    recogniser = Recogniser(write_tone_model(tmp_path / "tones.onnx"))
    inference = RealTimeInference(recogniser)
    assert inference._hangover_samples == 0.1 * RATE + inference._decoder.oldest_frames * FRAME
    assert inference._pre_roll_samples == 0.4 * RATE
    assert len(inference._window.samples) == 19 * FRAME  # as many frames as 0.768 s hold
    assert inference._decoder._samples_before == round((recogniser.peak_after_start_s + 0.09) * RATE)
    assert WINDOW_SAMPLES == SAMPLE_RATE == RATE  # an isolated word is judged on a second
    assert inference._longest_rest_s == pytest.approx(recogniser.peak_before_end_s + 0.4)
    assert recogniser.running_threshold == 0.3


def test_other_words_count_for_a_second_and_a_half(tmp_path):
    careful = Recogniser(write_tone_model(tmp_path / "careful.onnx", lone_threshold="0.5", speech_threshold="1.0"))
    other = 0.1 * np.random.default_rng(0).standard_normal(2_000).astype(np.float32)
    for pause_s, said in ((0.3, ""), (1.8, "4")):
        sound = np.concatenate([silence(0.5), other, silence(0.1), other, silence(pause_s), tone(4), silence(4)])
        inference = RealTimeInference(careful, VoiceActivityDetector("none"))
        events = inference.process(sound) + inference.finish()
        assert as_text([event.digit for event in events]) == said


def test_words_of_ours_must_outnumber_others_within_two_seconds(tmp_path):
    inference = RealTimeInference(Recogniser(write_tone_model(tmp_path / "tones.onnx")))
    second = RATE / FRAME  # in frames
    inference._position = 10 * RATE
    for likely_s, others_ago, others_kept in (
        ([], [], 1.0),
        ([8.1], [], 0.03),
        ([7.9], [], 1.0),
        ([8.1], [1.9 * second], 1.0),
        ([8.1], [2.1 * second], 0.03),
        ([8.1, 9.0], [1.9 * second], 0.03),
    ):
        inference._hold_back.reset()
        for found_s in likely_s:
            inference._hold_back.passed(Candidate("1", found_s - 0.4, found_s, 0.9, 0.9, found_s, 1.0), 0.7)
        inference._decoder._other_words_ago = others_ago
        assert inference._others_kept == others_kept
