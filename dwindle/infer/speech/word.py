"""A word that was recognised: what, when, and how sure."""

from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class WordEvent:
    """One word of a stream, in seconds from the stream's first sample.

    A live listener emits a word before it may have ended: `end_s` is then the end as far as it was heard.
    """

    digit: str
    start_s: float
    end_s: float
    confidence: float
    emitted_s: float  # how much of the stream had been heard when the word became certain
    compute_ms: float = field(default=0.0, compare=False)  # differs from run to run, as nothing else here does

    @property
    def latency_ms(self) -> float:
        """From the end of the word to the answer."""
        return (self.emitted_s - self.end_s) * 1000 + self.compute_ms

    def within(self, start_s: float, length_s: float) -> "WordEvent":
        """The same word as a part of the stream that starts at `start_s` has it, between 0 and its length."""
        return replace(
            self, start_s=max(0.0, self.start_s - start_s), end_s=min(self.end_s - start_s, length_s)
        )  # when it was emitted stays a time of the stream

    def as_json(self) -> dict[str, Any]:
        """The fields that programs are promised."""
        return {
            "digit": self.digit,
            "start": round(self.start_s, 3),
            "end": round(self.end_s, 3),
            "confidence": round(self.confidence, 4),
        }


@dataclass
class Candidate:
    """A word that the decoder found, before it is known to be one; its end moves on while it sounds."""

    digit: str
    start_s: float
    end_s: float
    confidence: float
    alone: float  # likewise if nothing else is said
    found_s: float  # how much of the stream had been heard
    power: float  # of its loudest moment
    amid_noise: bool = False  # whether the background was nearly as loud
    amid_speech: bool = False  # whether a word that is none of ours stands beside it
    compute_ms: float = 0.0

    def as_event(self, emitted_s: float) -> WordEvent:
        """What is known of the word now."""
        return WordEvent(self.digit, self.start_s, self.end_s, self.confidence, emitted_s, self.compute_ms)


def as_text(words: list[str]) -> str:
    """Single characters run together ("173"), longer words stand apart ("left stop")."""
    return ("" if all(len(word) == 1 for word in words) else " ").join(words)
