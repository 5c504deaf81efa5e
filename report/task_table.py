"""The table of README.md: one line for each task that is released, what ships and what it was before."""

from report.runs import SHIPPED, WHOLE, Row, Run
from report.titles import score_text, set_title, table, task_title


def task_table(releases: list[Run]) -> str:
    """What each model costs and how well it does, small and before."""
    heads = ["task", "parameters not zero", "kB", "ms", "right", "before: kB", "right"]
    return table(heads, [_line(run) for run in releases], left_columns=1) + "\n"


def _line(run: Run) -> list[str]:
    shipped, before = run.row(SHIPPED), run.row(WHOLE)
    assert shipped is not None  # or it were no release
    one_thread = shipped.get("latency", {}).get("1_threads")
    return [
        f"{task_title(run.task)} ({set_title(run.judged_by)})",
        f"{shipped['nonzeros']:,}",
        _kilobytes(shipped),
        f"{one_thread['median_ms']:.2f}" if one_thread else "–",
        score_text(shipped["scores"].get(run.judged_by)),
        _kilobytes(before),
        score_text(before["scores"].get(run.judged_by) if before else None),
    ]


def _kilobytes(row: Row | None) -> str:
    return f"{row['bytes'] / 1000:,.0f}" if row else "–"
