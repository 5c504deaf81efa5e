"""Hearing a recording twice: the second time it is known what follows, and not only what came before.

A digit among digits need not be as sure as one among other words, and which of both it is shows on either side of it.
Somebody who listens live cannot wait for that; a file can.
"""

from bisect import bisect_left, bisect_right
from collections import deque

import numpy as np

from dwindle.infer.speech.decoder import Hit
from dwindle.infer.speech.hold_back import is_faint, is_likely
from dwindle.infer.speech.listener import RealTimeInference
from dwindle.infer.speech.model import Recogniser
from dwindle.infer.speech.vad import VoiceActivityDetector
from dwindle.infer.speech.word import Candidate, WordEvent

AROUND_S = 4.0  # before and after: where words of ours are counted, and others
FEWEST_WORDS = 2  # of ours that make a string; one alone would be its own company
MOST_OTHERS = 1.5  # to each word of ours: said with an accent, every other digit may be taken for another word
OTHERS_KEPT_IN_STRING = 0.01  # of the probability of other words
FEWEST_OTHERS = 2  # that are speech, where they are more


class Hindsight:
    """Takes a recording in any chunks, as a live listener does; its words come some seconds later."""

    def __init__(self, recogniser: Recogniser, vad: str):
        first, second = (VoiceActivityDetector(vad, recogniser.sample_rate) for _ in range(2))
        self._first = _First(recogniser, first, hurried=False)
        self._second = _Second(recogniser, second, self._first)
        self._rate = recogniser.sample_rate
        self.reset()

    def reset(self) -> None:
        """Start a new recording."""
        self._first.reset()
        self._second.reset()
        self._waiting = np.zeros(0, np.float32)  # for the second hearing
        self._heard_twice = 0  # samples

    @property
    def heard_voice(self) -> bool:
        """Whether any of the recording was taken for speech."""
        return self._first.heard_voice

    def process(self, samples: np.ndarray) -> list[WordEvent]:
        """The words of which it is known now what follows them."""
        self._first.process(samples)
        self._waiting = np.concatenate([self._waiting, samples])
        count = max(0, round((self._first.position_s - AROUND_S) * self._rate) - self._heard_twice)
        known, self._waiting = self._waiting[:count], self._waiting[count:]
        self._heard_twice += len(known)
        return self._second.process(known)

    def finish(self) -> list[WordEvent]:
        """The last words: as if silence followed."""
        self._first.finish()
        return self._second.process(self._waiting) + self._second.finish()


class _First(RealTimeInference):
    """Notes when likely words of ours and other words were said; keeps what the network answered."""

    def reset(self) -> None:
        super().reset()
        self.likely_s: list[float] = []
        self.likely_powers: list[float] = []
        self.others_s: list[float] = []
        self.answers: deque[np.ndarray] = deque()

    def _frames(self, newest: int) -> np.ndarray:
        self.answers.append(super()._frames(newest))
        return self.answers[-1]

    def _spotted(self) -> None:
        """Enrolled words are spotted in the second hearing."""

    def _judge(self, hop: np.ndarray) -> list[WordEvent]:
        events = super()._judge(hop)
        if self.voice_active and self._decoder.other_word_began:
            self.others_s.append(self.position_s)
        return events

    def _candidate(self, hit: Hit) -> Candidate:
        word = super()._candidate(hit)
        if is_likely(word):
            self.likely_s.append(word.found_s)
            self.likely_powers.append(word.power)
        return word


class _Second(RealTimeInference):
    """Judges what a word stands among by both sides of it."""

    def __init__(self, recogniser: Recogniser, detector: VoiceActivityDetector, first: _First):
        self._first = first
        super().__init__(recogniser, detector, final_ends=True, hurried=False)

    def _frames(self, newest: int) -> np.ndarray:
        return self._first.answers.popleft()

    def _needed(self) -> float:
        return self.recogniser.speech_threshold if self._is_speech else super()._needed()

    def _passed(self, word: Candidate, needed: float) -> list[Candidate]:
        """In speech no neighbour makes a word certain: there are two of "to" and "for" as often as one."""
        if is_faint(word, self._loudest_around):
            return []
        if self._is_speech:
            return [word] if word.confidence >= needed else []
        return super()._passed(word, needed)

    @property
    def _is_amid_speech(self) -> bool:
        return self._count(self._first.others_s) >= FEWEST_OTHERS

    @property
    def _is_speech(self) -> bool:
        return self._is_amid_speech and not self._are_others_few

    @property
    def _others_kept(self) -> float:
        return OTHERS_KEPT_IN_STRING if self._is_string else 1.0

    @property
    def _is_string(self) -> bool:
        return self._are_others_few and self._count(self._first.likely_s) >= FEWEST_WORDS

    @property
    def _are_others_few(self) -> bool:
        words, others = (self._count(times_s) for times_s in (self._first.likely_s, self._first.others_s))
        return others <= MOST_OTHERS * words

    @property
    def _loudest_around(self) -> float:
        return max(self._first.likely_powers[self._around(self._first.likely_s)], default=0.0)

    def _count(self, times_s: list[float]) -> int:
        around = self._around(times_s)
        return around.stop - around.start

    def _around(self, times_s: list[float]) -> slice:
        """Which of them lie close before or after now."""
        return slice(
            bisect_left(times_s, self.position_s - AROUND_S), bisect_right(times_s, self.position_s + AROUND_S)
        )
