"""Decoding the newest second of sound: the frames propose a word, and the pooled output confirms it.

The frames separate words that are said without a pause; the pooled output rejects better what is no word at all.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dwindle.infer.speech import REJECT
from dwindle.infer.speech.model import Recogniser
from dwindle.infer.speech.speeds import AS_SAID

HOP_FRAMES = 1.5  # between two runs of the network: 48 ms
DECODE_BEFORE_END_S = 0.15  # of the median word its peak frame is first decoded, with the frames until then as context
DECODE_AT_END_S = 0.0  # likewise, by whoever need not hurry: a "six" that has not ended yet may be an "eight"
FEWEST_LOOK_AHEAD_FRAMES, MOST_LOOK_AHEAD_FRAMES = 3, 10  # after a frame, before it is first decoded
EARLIER_IN_SILENCE_FRAMES = 1  # by whoever hurries, once the sound has fallen: it may have been a short word
CERTAIN_AT_ONCE = 0.8  # confidence from which a word is accepted at its first decoding: "four" may become "forward"
RETRIED_FRAMES = 5  # after the first decoding, in which an uncertain word may be decoded again with more context
PROPOSED = 0.05  # probability from which a frame proposes a word
RELEASED = 0.05  # below it a word is over, and may be said again
OTHER_WORD = 0.5  # probability from which a frame belongs to a word that is none of ours
REMEMBERED_FRAMES = 100  # for which such words are remembered
PEAK_FRAMES = 5  # from the proposing one on, in which the word's probability has its maximum
LEAST_POOLED_SHARE = 0.6  # of a frame's probability is kept whatever the pooled output: it takes "four two" for "fort"
POOLED_BEFORE_S = 0.09  # before the median word's start: where the sound begins that the pooled output is computed on


@dataclass(frozen=True)
class Hit:
    """A word that was found: its class, its confidence, and how many frames ago it was proposed.

    In company it is enough that the pooled output hears a word. `alone`, it must be this one, as files are heard: at
    several speeds. A bark that one frame takes for a "five" is rarely that.
    """

    index: int
    confidence: float
    alone: float
    frames_ago: float


class FrameDecoder:
    """Takes every run of the network on the newest sound, and finds each word once."""

    def __init__(
        self,
        recogniser: Recogniser,
        frames: Callable[[int], np.ndarray],  # so many of the newest, of the window that is decoded
        hurried: bool = True,  # somebody waits for the word
    ):
        self._recogniser = recogniser
        self._frames = frames
        self._hurried = hurried
        self._speeds = AS_SAID if hurried else recogniser.speeds
        labels = recogniser.labels
        self._words = np.array([index for index, label in enumerate(labels) if label != REJECT])
        self._rejects = [index for index, label in enumerate(labels) if label == REJECT]
        frame_s = recogniser.frame_samples / recogniser.sample_rate
        before_end_s = DECODE_BEFORE_END_S if hurried else DECODE_AT_END_S
        later_frames = round((recogniser.peak_before_end_s - before_end_s) / frame_s)
        self.look_ahead_frames = min(max(later_frames, FEWEST_LOOK_AHEAD_FRAMES), MOST_LOOK_AHEAD_FRAMES)
        self.oldest_frames = self.look_ahead_frames + RETRIED_FRAMES  # that are decoded again
        before_peak_s = max(0.0, recogniser.peak_after_start_s) + POOLED_BEFORE_S
        self._samples_before = round(before_peak_s * recogniser.sample_rate)
        self.reset()

    def reset(self) -> None:
        """Start a new recording, or go on after silence."""
        self._active: int | None = None  # the word being said, proposed already
        self._uncertain: tuple[int, float] | None = None  # a proposed word to decode again, and how many frames ago
        self._other_words_ago: list[float] = []  # how many frames ago words began that are none of ours
        self._in_other_word = False
        self.other_word_began = False  # in the newest hop
        self._others_kept = 1.0
        self._in_company = False

    def look_ahead(self, in_silence: bool) -> int:
        """How many frames follow a frame before it is decoded."""
        earlier = EARLIER_IN_SILENCE_FRAMES if self._hurried and in_silence else 0
        return max(self.look_ahead_frames - earlier, FEWEST_LOOK_AHEAD_FRAMES)

    def decode(
        self,
        window: np.ndarray,
        new_frames: int,
        look_ahead: int,
        needed: float,
        others_kept: float = 1.0,
        in_company: bool = False,
    ) -> list[Hit]:
        """The words in the newest sound, after one more hop, with so many frames before the last not decoded yet.

        A word whose confidence is below `needed` is decoded again with more context, until another one begins. What
        then has at least the recogniser's running threshold, or `needed` where that is lower, is a hit.
        `others_kept` is what counts of the probability of other words: among ours they are less likely than the
        network, which hears a second at a time, takes them to be. Words `in_company` need not be heard as if alone.
        """
        frames = self._frames(self.oldest_frames + max(new_frames, math.ceil(HOP_FRAMES)))
        self._follow_other_words(frames)
        self._others_kept, self._in_company = others_kept, in_company
        frames = self._weighed(frames)
        hits = []
        if self._uncertain:
            word, frames_ago = self._uncertain
            hits += self._confirmed(window, frames, word, frames_ago + HOP_FRAMES, needed)
        for frames_ago in range(look_ahead + new_frames - 1, look_ahead - 1, -1):
            frame = frames[-1 - frames_ago]
            if self._active is not None and frame[self._active] < RELEASED:
                self._active = None
            best = int(self._words[frame[self._words].argmax()])
            if best != self._active and frame[best] >= PROPOSED:
                self._active = best
                hits += self._confirmed(window, frames, best, frames_ago, needed)
        return hits

    def other_words(self, frames: float) -> int:
        """How many words that are none of ours began in so many of the newest frames."""
        return sum(ago <= frames for ago in self._other_words_ago)

    def _follow_other_words(self, frames: np.ndarray) -> None:
        """The newest frames do not count yet: the beginning of a word of ours may be taken for another."""
        until = len(frames) - FEWEST_LOOK_AHEAD_FRAMES
        added = range(max(0, until - math.ceil(HOP_FRAMES)), until)
        is_other = any(frames[frame, reject] >= OTHER_WORD for frame in added for reject in self._rejects)
        self._other_words_ago = [ago + HOP_FRAMES for ago in self._other_words_ago if ago < REMEMBERED_FRAMES]
        self.other_word_began = is_other and not self._in_other_word
        if self.other_word_began:
            self._other_words_ago.append(float(FEWEST_LOOK_AHEAD_FRAMES))
        self._in_other_word = is_other

    def _confirmed(
        self, window: np.ndarray, frames: np.ndarray, word: int, frames_ago: float, needed: float
    ) -> list[Hit]:
        """The word, when frames and pooled output together are certain enough; else it may be decoded again."""
        proposing = len(frames) - 1 - math.ceil(frames_ago)  # after half a hop it lies between two frames: the earlier
        peak = float(frames[proposing : proposing + PEAK_FRAMES, word].max())
        since_peak = round((frames_ago + 0.5) * self._recogniser.frame_samples)
        sound = window[-self._samples_before - since_peak :]
        pooled = self._weighed(self._recogniser.pooled(sound, self._speeds))
        confidence = peak * max(LEAST_POOLED_SHARE, 1 - float(pooled[self._rejects].sum()))
        self._uncertain = None
        least = min(needed, self._recogniser.running_threshold)
        if frames_ago <= self.look_ahead_frames:
            needed = max(needed, CERTAIN_AT_ONCE)
        if confidence < needed and frames_ago + HOP_FRAMES <= self.oldest_frames:
            self._uncertain = word, frames_ago
            return []
        if confidence < least:
            return []
        if self._in_company:
            return [Hit(word, confidence, confidence, frames_ago)]
        if self._speeds != self._recogniser.speeds:
            pooled = self._weighed(self._recogniser.pooled(sound, self._recogniser.speeds))
        return [Hit(word, confidence, peak * float(pooled[word]), frames_ago)]

    def _weighed(self, probabilities: np.ndarray) -> np.ndarray:
        """With what is left of other words."""
        if self._others_kept == 1:
            return probabilities
        weights = np.ones(probabilities.shape[-1], np.float32)
        weights[self._rejects] = self._others_kept
        weighed = probabilities * weights
        return weighed / np.add.reduce(weighed, axis=-1, keepdims=True)
