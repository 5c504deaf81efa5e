"""Continuous recognition: fixed hops, counted from the first sample, so that every chunking gives the same events."""

import math
import time

import numpy as np

from dwindle.infer.speech.decoder import HOP_FRAMES, FrameDecoder, Hit
from dwindle.infer.speech.edges import BRIDGED_STEPS, STEP_S, stream_levels, word_extent
from dwindle.infer.speech.hold_back import HOLD_S, HoldBack
from dwindle.infer.speech.model import Recogniser
from dwindle.infer.speech.spotter import Spotted, Spotter
from dwindle.infer.speech.stream_window import StreamWindow
from dwindle.infer.speech.vad import Background, VoiceActivityDetector
from dwindle.infer.speech.word import Candidate, WordEvent

HANGOVER_S = 0.1  # of silence after the last voiced frame that is decoded like speech
PRE_ROLL_S = 0.4  # of sound before the first voiced frame that is decoded too: soft onsets
AMID_SPEECH_S, AMID_WORDS = 1.5, 2  # so many other words in so short a time: a digit among them is mostly "to" or "for"
OTHERS_KEPT = 0.03  # of the probability of other words counts while words of ours are said
DRAWN_OUT_S = 0.4  # by which a word may outlast the median word: what still sounds then is noise


class RealTimeInference:
    """Feed it sound at the recogniser's rate, in any chunks; it returns words as soon as they are certain.

    With `final_ends` it returns each word once its end is final: when the next word or the end of the sound has come.
    `hurried`, as live, it first decodes a word a little before it ends; else once it has, and at several speeds.
    """

    def __init__(
        self,
        recogniser: Recogniser,
        detector: VoiceActivityDetector | None = None,
        final_ends: bool = False,
        hurried: bool = True,
    ):
        self.recogniser = recogniser
        self.detector = detector or VoiceActivityDetector(sample_rate=recogniser.sample_rate)
        self._rate = recogniser.sample_rate
        self._frame = recogniser.frame_samples
        self._hop = round(HOP_FRAMES * self._frame)
        self._window = StreamWindow(recogniser)
        self._decoder = FrameDecoder(recogniser, self._frames, hurried)
        self._spotter = Spotter()
        self._hold_back = HoldBack()
        self._background = Background(self._hop / self._rate)
        self._final_ends = final_ends
        self._hangover_samples = round(HANGOVER_S * self._rate) + self._decoder.oldest_frames * self._frame
        self._pre_roll_samples = round(PRE_ROLL_S * self._rate)
        self._longest_rest_s = recogniser.peak_before_end_s + DRAWN_OUT_S
        self.reset()

    def reset(self) -> None:
        """Start a new recording."""
        self.detector.reset()
        self._decoder.reset()
        self._spotter.reset()
        self._hold_back.reset()
        self._background.reset()
        self._rest = np.zeros(0, np.float32)
        self._window.reset()
        self._position = 0  # samples judged so far
        self._decoded_until = 0  # where the newest frame ends that was decoded
        self._voiced_until: float = -math.inf
        self._newest: Candidate | None = None
        self._unfinished: list[tuple[Candidate, float]] = []  # certain since that time, with an end that may move
        self._newest_peak_s = 0.0
        self._newest_floor = 0.0  # power below which the newest word has ended

    @property
    def voice_active(self) -> bool:
        """Whether the newest hop was taken for speech, or followed speech closely."""
        return self._position - self._voiced_until <= self._hangover_samples

    @property
    def heard_voice(self) -> bool:
        """Whether any of the recording was taken for speech."""
        return self._voiced_until > -math.inf

    @property
    def position_s(self) -> float:
        """How much of the stream has been judged."""
        return self._position / self._rate

    def process(self, samples: np.ndarray) -> list[WordEvent]:
        """The words that these samples make certain."""
        samples = np.concatenate([self._rest, samples])
        whole = len(samples) // self._hop * self._hop
        self._rest = samples[whole:]
        return [event for hop in samples[:whole].reshape(-1, self._hop) for event in self._judge(hop)]

    def finish(self) -> list[WordEvent]:
        """The words that only the end makes certain: as if silence followed."""
        hops = math.ceil(self._decoder.oldest_frames / HOP_FRAMES) + 1
        events = self.process(np.zeros(hops * self._hop - len(self._rest), np.float32))
        last = self._emitted(self._hold_back.passed_at_the_end(self.position_s))
        unfinished, self._unfinished = self._unfinished, []
        events += last + [word.as_event(emitted_s) for word, emitted_s in unfinished]
        return events + self._enrolled_words(self._spotter.finish(), time.perf_counter())

    def _judge(self, hop: np.ndarray) -> list[WordEvent]:
        started = time.perf_counter()
        self._follow_newest(hop)
        self._background.follow(hop)
        self._window.append(hop)
        self._position += len(hop)
        if any(self.detector.process(hop)):
            self._voiced_until = self._position
        if not self.voice_active:
            return self._enrolled_words(self._spotter.finish(), started)
        look_ahead = self._decoder.look_ahead(self._background.has_fallen)
        decodable = self._position - look_ahead * self._frame
        oldest = decodable - self._pre_roll_samples
        if oldest > self._decoded_until:  # silence lay between
            self._decoder.reset()
            self._decoded_until = oldest
        new_frames = math.ceil(max(0, decodable - self._decoded_until) / self._frame)
        self._decoded_until = max(self._decoded_until, decodable)
        spotted = self._spotted()
        needed = self._needed()
        in_company = self._hold_back.likely_words(self.position_s) > 0
        hits = self._decoder.decode(self._window.samples, new_frames, look_ahead, needed, self._others_kept, in_company)
        events = [event for hit in hits for event in self._events(hit, needed, started)]
        return events + self._enrolled_words(spotted, started)

    def _frames(self, newest: int) -> np.ndarray:
        return self._window.frames(newest)

    def _spotted(self) -> Spotted | None:
        """An enrolled word in the newest sound; the decoder then reads the frames of the same run."""
        if not self.recogniser.enrolled:
            return None
        match = self.recogniser.enrolled.nearest([self._window.direction()])
        return self._spotter.follow(match, self.position_s)

    def _needed(self) -> float:
        """The confidence from which a word counts now."""
        if self.recogniser.string_threshold is not None and self._is_string:
            return self.recogniser.string_threshold
        if self._hold_back.likely_words(self.position_s):
            return self.recogniser.running_threshold
        if self._background.is_loud:
            return self.recogniser.noisy_threshold
        return self.recogniser.speech_threshold if self._is_amid_speech else self.recogniser.lone_threshold

    @property
    def _is_amid_speech(self) -> bool:
        return self._other_words(AMID_SPEECH_S) >= AMID_WORDS

    @property
    def _is_string(self) -> bool:
        return self._hold_back.likely_words(self.position_s) > self._other_words(HOLD_S)

    @property
    def _others_kept(self) -> float:
        return OTHERS_KEPT if self._is_string else 1.0

    def _other_words(self, seconds: float) -> int:
        return self._decoder.other_words(seconds * self._rate / self._frame)

    def _events(self, hit: Hit, needed: float, started: float) -> list[WordEvent]:
        word = self._candidate(hit)
        word.compute_ms = (time.perf_counter() - started) * 1000
        return self._emitted(self._passed(word, needed))

    def _passed(self, word: Candidate, needed: float) -> list[Candidate]:
        return self._hold_back.passed(word, needed)

    def _enrolled_words(self, spotted: Spotted | None, started: float) -> list[WordEvent]:
        """An enrolled word with its extent: about the loudest moment of what the closest run heard."""
        if spotted is None:
            return []
        levels = stream_levels(self._window.samples, self._rate)
        since = round((self.position_s - spotted.at_s) / STEP_S)
        heard = levels[: len(levels) - since] if since < len(levels) else levels
        start, end, _ = word_extent(levels, int(heard.argmax()), 0)
        origin_s = self.position_s - len(levels) * STEP_S
        compute_ms = (time.perf_counter() - started) * 1000
        times = max(0.0, origin_s + start * STEP_S), origin_s + end * STEP_S
        return [WordEvent(spotted.word, *times, min(1.0, spotted.similarity), self.position_s, compute_ms)]

    def _emitted(self, words: list[Candidate]) -> list[WordEvent]:
        """Words that are certain now, as events; those that wait for their end after it."""
        if not self._final_ends:
            return [word.as_event(self.position_s) for word in words]
        waiting = self._unfinished + [(word, self.position_s) for word in words]
        self._unfinished = [one for one in waiting if one[0] is self._newest]
        return [word.as_event(emitted_s) for word, emitted_s in waiting if word is not self._newest]

    def _candidate(self, hit: Hit) -> Candidate:
        """What the decoder found, with its extent; the word before it ends where it starts."""
        levels = stream_levels(self._window.samples, self._rate)
        origin_s = self.position_s - len(levels) * STEP_S
        peak_s = self.position_s - (hit.frames_ago + 0.5) * self._frame / self._rate
        at = min(max(int((peak_s - origin_s) / STEP_S), 0), len(levels) - 1)
        earliest = min(max(round((self._newest_peak_s - origin_s) / STEP_S), 0), at)
        start, end, self._newest_floor = word_extent(levels, at, earliest)
        start_s, end_s = max(0.0, origin_s + start * STEP_S), origin_s + end * STEP_S
        if self._newest:
            self._newest.end_s = min(self._newest.end_s, start_s)
        label, amid_noise, amid_speech = (
            self.recogniser.labels[hit.index],
            self._background.is_loud,
            self._is_amid_speech,
        )
        power = float(levels[start:end].max())
        self._newest = Candidate(
            label, start_s, end_s, hit.confidence, hit.alone, self.position_s, power, amid_noise, amid_speech
        )
        self._newest_peak_s = peak_s
        return self._newest

    def _follow_newest(self, hop: np.ndarray) -> None:
        """The newest word's end moves on while it sounds, and for no longer than a word lasts."""
        if not self._newest or self.position_s - self._newest.end_s > BRIDGED_STEPS * STEP_S:
            return
        levels = stream_levels(hop, self._rate)
        sounding = np.flatnonzero(levels > self._newest_floor)
        if len(sounding):
            hop_ends_s = self.position_s + len(hop) / self._rate
            end_s = hop_ends_s - (len(levels) - 1 - int(sounding[-1])) * STEP_S
            latest_s = max(self._newest.end_s, self._newest_peak_s + self._longest_rest_s)
            self._newest.end_s = min(end_s, latest_s)
