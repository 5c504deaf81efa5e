"""Reading words out of the newest second of sound: the frames propose a word, the pooled answer seconds it.

The frames tell words apart that are said without a pause; the pooled answer knows better what is no word at all.
"""

import math
from dataclasses import dataclass

import numpy as np

from dwindle.infer.speech import REJECT
from dwindle.infer.speech.model import Recogniser

HOP_FRAMES = 1.5  # between two runs of the network: 48 ms
READ_BEFORE_END_S = 0.15  # of the middle word: its frame's first reading, which sees all frames until then
FEWEST_LATER_FRAMES, MOST_LATER_FRAMES = 3, 10  # that a first reading sees
SETTLED_FRAMES = 1.0  # after the first reading a word is accepted from the threshold on ...
SURE_AT_ONCE = 0.8  # ... and before only with this confidence: "four" may become "forward"
OLDEST_DOUBT_FRAMES = 5  # after the first reading: for so long a doubtful word may wait for more sound
PROPOSED = 0.05  # probability from which a frame proposes a word
RELEASED = 0.05  # below it a word is over, and may be said again
PEAK_FRAMES = 5  # from the proposing one on, in which the word is at its most probable
LEAST_SECONDED = 0.6  # share of a frame's probability that the pooled answer must leave: it takes "four two" for "fort"
SECONDED_S = 0.09  # before the middle word: where the sound begins that the pooled answer hears


@dataclass(frozen=True)
class Hit:
    """A word that is certain now: its class, how certain, and how many frames ago it peaked."""

    index: int
    confidence: float
    frames_ago: float


class FrameDecoder:
    """Sees every run of the network on the newest sound, and says each word once."""

    def __init__(self, recogniser: Recogniser):
        self._recogniser = recogniser
        labels = recogniser.labels
        self._words = np.array([index for index, label in enumerate(labels) if label != REJECT])
        self._rejects = [index for index, label in enumerate(labels) if label == REJECT]
        frame_s = recogniser.frame_samples / recogniser.sample_rate
        later_frames = round((recogniser.peak_before_end_s - READ_BEFORE_END_S) / frame_s)
        self.look_ahead_frames = min(max(later_frames, FEWEST_LATER_FRAMES), MOST_LATER_FRAMES)
        self.oldest_doubt_frames = self.look_ahead_frames + OLDEST_DOUBT_FRAMES
        before_peak_s = max(0.0, recogniser.peak_after_start_s) + SECONDED_S
        self._samples_before = round(before_peak_s * recogniser.sample_rate)
        self.reset()

    def reset(self) -> None:
        """Start a new recording, or go on after silence."""
        self._held: int | None = None  # the word being said, proposed already
        self._doubtful: tuple[int, float] | None = None  # proposed, not confirmed: the word, and how many frames ago

    def read(self, window: np.ndarray, unread: int, enough: float) -> list[Hit]:
        """The words in the newest sound, after one more hop; so many of its frames are unread.

        A word is read again until it is sure enough, for as long as words may be in doubt, or until another begins.
        """
        frames = self._recogniser.frames(window, self.oldest_doubt_frames + unread)
        hits = []
        if self._doubtful:
            word, frames_ago = self._doubtful
            hits += self._confirmed(window, frames, word, frames_ago + HOP_FRAMES, enough)
        for frames_ago in range(self.look_ahead_frames + unread - 1, self.look_ahead_frames - 1, -1):
            frame = frames[-1 - frames_ago]
            if self._held is not None and frame[self._held] < RELEASED:
                self._held = None
            best = int(self._words[frame[self._words].argmax()])
            if best != self._held and frame[best] >= PROPOSED:
                self._held = best
                hits += self._confirmed(window, frames, best, frames_ago, enough)
        return hits

    def _confirmed(
        self, window: np.ndarray, frames: np.ndarray, word: int, frames_ago: float, enough: float
    ) -> list[Hit]:
        """The word, when both readings together make it certain enough; else it stays in doubt for a while."""
        proposing = len(frames) - 1 - math.ceil(frames_ago)  # after half a hop it lies between two: begin before it
        peak = float(frames[proposing : proposing + PEAK_FRAMES, word].max())
        since_peak = round((frames_ago + 0.5) * self._recogniser.frame_samples)
        heard = self._recogniser.pooled(window[-self._samples_before - since_peak :])
        confidence = peak * max(LEAST_SECONDED, 1 - float(heard[self._rejects].sum()))
        self._doubtful = None
        needed = enough
        if frames_ago < self.look_ahead_frames + SETTLED_FRAMES:
            needed = max(needed, SURE_AT_ONCE)
        if confidence < needed and frames_ago + HOP_FRAMES <= self.oldest_doubt_frames:
            self._doubtful = word, frames_ago
            return []
        return [Hit(word, confidence, frames_ago)] if confidence >= self._recogniser.running_threshold else []
