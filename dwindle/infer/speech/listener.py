"""Running sound to words: fixed hops, counted from the first sample, so that every chunking gives the same events."""

import math
import time

import numpy as np

from dwindle.infer.speech.background import Surroundings
from dwindle.infer.speech.decoder import HOP_FRAMES, FrameDecoder, Hit
from dwindle.infer.speech.hold_back import Company
from dwindle.infer.speech.model import Recogniser
from dwindle.infer.speech.vad import VoiceActivityDetector
from dwindle.infer.speech.word import WordEvent
from dwindle.infer.speech.word_extent import BRIDGED_STEPS, STEP_S, powers, word_extent

WINDOW_S = 0.768  # what each run of the network sees: the newest sound
HANGOVER_S = 0.1  # of silence after the last voiced frame that is read as closely as speech
PRE_ROLL_S = 0.4  # frames before the first voiced one that are read after all: soft onsets
DRAWN_OUT_S = 0.4  # that a word may sound on for longer than the middle one does: what still sounds then is noise


class RealTimeInference:
    """Feed it sound at the recogniser's rate, in any chunks; it returns words as soon as they are certain."""

    def __init__(self, recogniser: Recogniser, detector: VoiceActivityDetector | None = None):
        self.recogniser = recogniser
        self.detector = detector or VoiceActivityDetector(sample_rate=recogniser.sample_rate)
        self._rate = recogniser.sample_rate
        self._frame = recogniser.frame_samples
        self._hop = round(HOP_FRAMES * self._frame)
        self._window_samples = round(WINDOW_S * self._rate / self._frame) * self._frame
        self._decoder = FrameDecoder(recogniser)
        self._company = Company()
        self._surroundings = Surroundings(self._hop / self._rate)
        self._hangover_samples = round(HANGOVER_S * self._rate) + self._decoder.oldest_doubt_frames * self._frame
        self._pre_roll_samples = round(PRE_ROLL_S * self._rate)
        self._longest_rest_s = recogniser.peak_before_end_s + DRAWN_OUT_S
        self.reset()

    def reset(self) -> None:
        """Start a new recording."""
        self.detector.reset()
        self._decoder.reset()
        self._company.reset()
        self._surroundings.reset()
        self._rest = np.zeros(0, np.float32)
        self._window = np.zeros(self._window_samples, np.float32)
        self._position = 0  # samples judged so far
        self._read_until = 0  # where the newest frame ends that was read
        self._voiced_until: float = -math.inf
        self._newest: WordEvent | None = None
        self._newest_heard_s = 0.0
        self._newest_floor = 0.0  # power below which the newest word has ended

    @property
    def voice_active(self) -> bool:
        """Whether the newest hop was taken for speech, or followed speech closely."""
        return self._position - self._voiced_until <= self._hangover_samples

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
        hops = math.ceil(self._decoder.oldest_doubt_frames / HOP_FRAMES) + 1
        events = self.process(np.zeros(hops * self._hop - len(self._rest), np.float32))
        return events + self._company.said_at_the_end(self.position_s)

    def _judge(self, hop: np.ndarray) -> list[WordEvent]:
        started = time.perf_counter()
        self._follow_newest(hop)
        self._surroundings.follow(hop)
        self._window = np.concatenate([self._window[len(hop) :], hop])
        self._position += len(hop)
        if any(self.detector.process(hop)):
            self._voiced_until = self._position
        if not self.voice_active:
            return []
        readable = self._position - self._decoder.look_ahead_frames * self._frame
        oldest = readable - self._pre_roll_samples
        if oldest > self._read_until:  # silence lay between
            self._decoder.reset()
            self._read_until = oldest
        unread = math.ceil(max(0, readable - self._read_until) / self._frame)
        self._read_until = max(self._read_until, readable)
        enough = self._enough()
        hits = self._decoder.read(self._window, unread, enough)
        return [event for hit in hits for event in self._company.said(self._event(hit, started), enough)]

    def _enough(self) -> float:
        """How sure a word must be to be said now."""
        if self._company.is_there(self.position_s):
            return self.recogniser.running_threshold
        if self._surroundings.are_loud:
            return self.recogniser.noisy_threshold
        return self.recogniser.lone_threshold

    def _event(self, hit: Hit, started: float) -> WordEvent:
        levels = powers(self._window, self._rate)
        origin_s = self.position_s - len(levels) * STEP_S
        heard_s = self.position_s - (hit.frames_ago + 0.5) * self._frame / self._rate
        at = min(max(int((heard_s - origin_s) / STEP_S), 0), len(levels) - 1)
        earliest = min(max(round((self._newest_heard_s - origin_s) / STEP_S), 0), at)
        start, end, self._newest_floor = word_extent(levels, at, earliest)
        start_s, end_s = max(0.0, origin_s + start * STEP_S), origin_s + end * STEP_S
        if self._newest:
            self._newest.end_s = min(self._newest.end_s, start_s)
        label = self.recogniser.labels[hit.index]
        compute_ms = (time.perf_counter() - started) * 1000
        amid_noise = self._surroundings.are_loud
        self._newest = WordEvent(label, start_s, end_s, hit.confidence, self.position_s, compute_ms, amid_noise)
        self._newest_heard_s = heard_s
        return self._newest

    def _follow_newest(self, hop: np.ndarray) -> None:
        """The newest word's end moves along for as long as it sounds on, and can be a word."""
        if not self._newest or self.position_s - self._newest.end_s > BRIDGED_STEPS * STEP_S:
            return
        levels = powers(hop, self._rate)
        sounding = np.flatnonzero(levels > self._newest_floor)
        if len(sounding):
            hop_ends_s = self.position_s + len(hop) / self._rate
            end_s = hop_ends_s - (len(levels) - 1 - int(sounding[-1])) * STEP_S
            latest_s = max(self._newest.end_s, self._newest_heard_s + self._longest_rest_s)
            self._newest.end_s = min(end_s, latest_s)
