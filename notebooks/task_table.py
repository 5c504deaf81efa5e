"""One line for each task that is released: what it was before it was made small, and what ships."""

from pathlib import Path
from typing import Any

from dwindle.infer.model_file import DEFAULT_TASK
from dwindle.metrics import SHARE, Metric
from dwindle.results import load_results
from notebooks.titles import set_title, table

SHIPPED, BEFORE = "onnx_int8", "student"  # versions
JUDGED_BY = {DEFAULT_TASK: "unseen_speakers"}  # the set that says most; of other tasks their test set
DOES = {
    DEFAULT_TASK: "spoken digits",
    "handwritten_digits": "handwritten digits",
    "sentiment": "how a sentence feels",
    "language_model": "text, letter by letter",
}


def released_tasks(artifacts_dir: Path) -> dict[str, list[dict[str, Any]]]:
    """The rows of every task that has a file to ship, by task; the default task keeps artifacts/ itself."""
    paths = [artifacts_dir / "results.json", *sorted(artifacts_dir.glob("*/results.json"))]
    contents = [load_results(path) for path in paths if path.is_file()]
    shipped = [one for one in contents if any(row["version"] == SHIPPED for row in one["rows"])]
    return {content["task"]: content["rows"] for content in shipped}


def task_table(tasks: dict[str, list[dict[str, Any]]]) -> str:
    """What each model costs and how well it does, small and before."""
    heads = ["task", "parameters not zero", "kB", "ms", "right", "before: kB", "right"]
    return table(heads, [_line(task, rows) for task, rows in tasks.items()], left_columns=1) + "\n"


def _line(task: str, rows: list[dict[str, Any]]) -> list[str]:
    shipped = next(row for row in rows if row["version"] == SHIPPED)
    before = next((row for row in rows if row["version"] == BEFORE), None)
    judged_by = JUDGED_BY.get(task, "test")
    one_thread = shipped.get("latency", {}).get("1_threads")
    return [
        f"{DOES.get(task, task.replace('_', ' '))} ({set_title(judged_by)})",
        f"{shipped['nonzeros']:,}",
        f"{shipped['bytes'] / 1000:,.0f}",
        f"{one_thread['median_ms']:.2f}" if one_thread else "–",
        _score(shipped["scores"].get(judged_by)),
        f"{before['bytes'] / 1000:,.0f}" if before else "–",
        _score(before["scores"].get(judged_by)) if before else "–",
    ]


def _score(row: dict[str, Any] | None) -> str:
    """With its interval; shares in percent, all else in its unit."""
    if row is None:
        return "–"
    metric = Metric(**row)
    if metric.unit == SHARE:
        return f"{100 * metric.value:.1f}% ({100 * metric.low:.1f}–{100 * metric.high:.1f})"
    return f"{metric.value:.3f} {metric.unit} ({metric.low:.3f}–{metric.high:.3f})"
