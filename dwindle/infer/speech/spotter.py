"""Spotting enrolled words in a stream: each run of the network also says where the newest sound lies in the crowd."""

from dataclasses import dataclass

from dwindle.infer.speech.enrolled import Match

SETTLED_RUNS = 3  # without a closer match, after which a word is certain: it is closest when it fills the window's end
CLEARLY = 0.01  # closer is another run than the closest so far: a word that fills the window is as close in several
RELEASED = 0.1  # below its least similarity a word is over, and may be said again


@dataclass(frozen=True)
class Spotted:
    """An enrolled word, how alike, and when: the time of the run that it was closest in."""

    word: str
    similarity: float
    at_s: float


class Spotter:
    """Takes the match of every run and finds each word once."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Start a new recording."""
        self._closest: Spotted | None = None
        self._runs_since = 0
        self._active: str | None = None  # the word being said, found already

    def follow(self, match: Match, now_s: float) -> Spotted | None:
        """A word that is certain after one more run."""
        if self._active and (match.word != self._active or match.similarity < match.least_similarity - RELEASED):
            self._active = None
        closest = self._closest.similarity + CLEARLY if self._closest else -1.0
        if match.is_close and match.word != self._active and match.similarity > closest:
            self._closest, self._runs_since = Spotted(match.word, match.similarity, now_s), 0
            return None
        self._runs_since += 1
        return self.finish() if self._runs_since >= SETTLED_RUNS else None

    def finish(self) -> Spotted | None:
        """The word that was closest so far: nothing more comes, or nothing closer."""
        found, self._closest = self._closest, None
        if found:
            self._active = found.word
        return found
