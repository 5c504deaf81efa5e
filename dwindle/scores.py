"""Scores: counts with an interval that says how far to trust them."""

import math
from dataclasses import dataclass

NORMAL_95 = 1.959964  # two-sided


def wilson_interval(correct: int, count: int) -> tuple[float, float]:
    """The 95% interval of a proportion (Wilson 1927); honest for small counts and near 0 or 1."""
    if count == 0:
        return 0.0, 1.0
    share, z2 = correct / count, NORMAL_95**2
    centre = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = NORMAL_95 / (1 + z2 / count) * math.sqrt(share * (1 - share) / count + z2 / (4 * count**2))
    return max(0.0, centre - half), min(1.0, centre + half)


@dataclass(frozen=True)
class Score:
    """So many right of so many."""

    correct: int
    count: int

    @property
    def share(self) -> float:
        return self.correct / self.count if self.count else 0.0

    def __str__(self) -> str:
        low, high = wilson_interval(self.correct, self.count)
        return f"{100 * self.share:.2f}% ({self.correct}/{self.count}, {100 * low:.1f} to {100 * high:.1f})"

    def as_row(self) -> dict[str, float | int]:
        """For JSON: the share, the counts and the interval."""
        low, high = wilson_interval(self.correct, self.count)
        return {"share": self.share, "correct": self.correct, "count": self.count, "low": low, "high": high}
