"""Reading words out of the newest second of sound: the frames propose a word, the pooled answer seconds it.

The frames tell words apart that are said without a pause; the pooled answer knows better what is no word at all.
"""

from dataclasses import dataclass

import numpy as np

from dwindle.runtime.recogniser import REJECT, Recogniser

HOP_FRAMES = 1.5  # between two runs of the network: 48 ms
LOOK_AHEAD_FRAMES = 7  # later frames that a frame's reading may see: words peak early, so answers still come in time
SETTLED_FRAMES = 9  # with so many later frames a word is accepted from the threshold on ...
SURE_AT_ONCE = 0.8  # ... and before only with this confidence: "four" may become "forward"
OLDEST_DOUBT_FRAMES = 12  # for so long a doubtful word may wait for more sound
PROPOSED = 0.05  # probability from which a frame proposes a word
RELEASED = 0.05  # below it a word is over, and may be said again
PEAK_FRAMES = 5  # from the proposing one on, in which the word is at its most probable
SECONDED_S = 0.25  # before the word's frame: where the sound begins that the pooled answer hears


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
        self._samples_before = round(SECONDED_S * recogniser.sample_rate)
        self.reset()

    def reset(self) -> None:
        """Start a new recording, or go on after silence."""
        self._held: int | None = None  # the word being said, proposed already
        self._doubtful: tuple[int, float] | None = None  # proposed, not confirmed: the word, and how many frames ago

    def read(self, window: np.ndarray, unread: int) -> list[Hit]:
        """The words that the newest sound makes certain, after one more hop; so many of its frames are unread."""
        frames = self._recogniser.frames(window, OLDEST_DOUBT_FRAMES + unread)
        hits = []
        if self._doubtful:
            word, frames_ago = self._doubtful
            hits += self._confirmed(window, frames, word, frames_ago + HOP_FRAMES)
        for frames_ago in range(LOOK_AHEAD_FRAMES + unread - 1, LOOK_AHEAD_FRAMES - 1, -1):
            frame = frames[-1 - frames_ago]
            if self._held is not None and frame[self._held] < RELEASED:
                self._held = None
            best = int(self._words[frame[self._words].argmax()])
            if best != self._held and frame[best] >= PROPOSED:
                self._held = best
                hits += self._confirmed(window, frames, best, frames_ago)
        return hits

    def _confirmed(self, window: np.ndarray, frames: np.ndarray, word: int, frames_ago: float) -> list[Hit]:
        """The word, when both readings together make it certain; else it stays in doubt for a while."""
        newest = len(frames) - 1 - int(frames_ago)
        peak = float(frames[newest : newest + PEAK_FRAMES, word].max())
        since_peak = round((frames_ago + 0.5) * self._recogniser.frame_samples)
        heard = self._recogniser.pooled(window[-self._samples_before - since_peak :])
        confidence = peak * (1 - float(heard[self._rejects].sum()))
        self._doubtful = None
        needed = self._recogniser.running_threshold
        if confidence >= (max(needed, SURE_AT_ONCE) if frames_ago < SETTLED_FRAMES else needed):
            return [Hit(word, confidence, frames_ago)]
        if frames_ago + HOP_FRAMES <= OLDEST_DOUBT_FRAMES:
            self._doubtful = word, frames_ago
        return []
