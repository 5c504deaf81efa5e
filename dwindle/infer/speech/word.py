"""A word that was heard: what, when, and how sure."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class WordEvent:
    """One word in a stream; times count from the stream's first sample. While it sounds on, its end moves along."""

    digit: str
    start_s: float
    end_s: float
    confidence: float
    emitted_s: float  # how much of the stream had been heard when this was said
    compute_ms: float = field(default=0.0, compare=False)  # differs from run to run, as nothing else here does
    amid_noise: bool = False  # whether what went on before was nearly as loud

    @property
    def latency_ms(self) -> float:
        """From the end of the word to the answer."""
        return (self.emitted_s - self.end_s) * 1000 + self.compute_ms

    def as_json(self) -> dict[str, Any]:
        """The fields that programs are promised."""
        return {
            "digit": self.digit,
            "start": round(self.start_s, 3),
            "end": round(self.end_s, 3),
            "confidence": round(self.confidence, 4),
        }


def as_text(words: list[str]) -> str:
    """Single characters run together ("173"), longer words stand apart ("left stop")."""
    return ("" if all(len(word) == 1 for word in words) else " ").join(words)
