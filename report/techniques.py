"""What each technique did to each task's network: how much smaller, how much faster, and what it cost."""

from collections.abc import Iterator
from dataclasses import dataclass

from dwindle.metrics import SHARE, Metric
from report.runs import LEVELS, SIDE_RUNS, WHOLE, Row, Run, latency_ms, level_of
from report.titles import set_title

DISTILLED, ALONE = "a teacher's student", "a smaller network"
PRUNED, NARROWED, TABLE = "weights set to zero", "channels, heads or units cut", "table of words packed"
TECHNIQUES = (DISTILLED, ALONE, PRUNED, NARROWED, TABLE, *(title for level, title in LEVELS.items() if level))


@dataclass(frozen=True)
class Effect:
    """One technique on one version."""

    run: Run
    technique: str
    row: Row
    base: Row

    @property
    def times_smaller(self) -> float | None:
        if "bytes" not in self.row or "bytes" not in self.base:
            return None
        return self.base["bytes"] / self.row["bytes"]

    @property
    def times_faster(self) -> float | None:
        """In ONNX Runtime, in one run of stage 2."""
        now, before = latency_ms(self.row), latency_ms(self.base)
        return before / now if now and before else None

    @property
    def kept(self) -> float | None:
        """The share of the quality before that is left, in any unit."""
        both = self.run.both(self.base, self.row)
        return kept(*both[1:]) if both else None

    @property
    def cost(self) -> str:
        return cost_text(self.run, self.base, self.row)


def effects(run: Run) -> Iterator[Effect]:
    """Every version that one technique parts from another version of the same run."""
    for row in run.rows:
        base = run.base(row)
        if base is not None and row["stage"] != "exported" and not row["version"].startswith(SIDE_RUNS):
            yield Effect(run, technique_of(row), row, base)


def technique_of(row: Row) -> str:
    """What parts a version from its base."""
    _, level = level_of(row["version"])
    if level:
        return LEVELS[level]
    if row["version"] == WHOLE:
        return DISTILLED if row["stage"] == "distilled" else ALONE
    if row["stage"] == "quantised":
        return TABLE
    return NARROWED if row["stage"] == "structured" else PRUNED


def kept(before: Metric, after: Metric) -> float:
    return after.value / before.value if after.higher_is_better else before.value / after.value


def cost_text(run: Run, before: Row | None, after: Row | None) -> str:
    """What became of a score between two versions; the set is named where it is not the usual one."""
    both = run.both(before, after)
    if both is None:
        return "–"
    name, *scores = both
    return change_text(*scores) + ("" if name == run.judged_by else f" ({set_title(name)})")


def change_text(before: Metric, after: Metric) -> str:
    """What became of a score, in its unit, or in points of a percentage; ≈ is within one standard error."""
    gain = after.gain_over(before)
    amount = f"{100 * abs(gain):.1f} points" if after.unit == SHARE else f"{abs(gain):.3f} {after.unit}"
    if float(amount.split()[0]) == 0:
        return "no change"
    return f"{'≈ ' if after.tied_with(before) else ''}{amount} {'better' if gain > 0 else 'worse'}"


def is_beyond_error(before: Metric, after: Metric) -> bool:
    """Whether a score became worse by more than one standard error."""
    return before.better_than(after) and not after.tied_with(before)


def times(ratio: float | None) -> str:
    """As `3.2×`."""
    return "–" if ratio is None else f"{ratio:,.0f}×" if ratio >= 100 else f"{ratio:.1f}×"
