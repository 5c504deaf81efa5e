"""Every version of a task's student side by side: size, accuracy, latency, and each against the teacher.

python notebooks/quantization.py --task sentiment

Reads results.json, which the stages wrote, and writes artifacts/optimization_summary.md; cells are marked with # %%.
"""

# %% The rows that the stages measured
import argparse
import sys
from pathlib import Path
from typing import Any

# Jupyter knows no __file__, and starts beside the notebook
sys.path.insert(0, str(Path(globals().get("__file__", Path.cwd() / "notebook")).resolve().parents[1]))

from dwindle.errors import UserError, run
from dwindle.files import written_whole
from dwindle.metrics import Metric
from dwindle.results import load_results
from dwindle.task import TASKS, artifacts_of

SUMMARY = Path("artifacts") / "optimization_summary.md"
COLUMNS = "version | MB | dev (95%) | test (95%) | of the teacher's size | of its accuracy | ms | times as fast"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=sorted(TASKS), default="sentiment")
    arguments = parser.parse_args()
    rows = load_results(Path(artifacts_of(arguments.task)) / "results.json")["rows"]

    # %% One table
    summary = f"# What each technique gained and cost: {arguments.task}\n\n{table(rows)}\n"
    print(summary)
    with written_whole(SUMMARY) as temporary:
        temporary.write_text(summary, encoding="utf-8")


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown; what was not measured is a dash. Latency is the faster of PyTorch and ONNX Runtime on one thread."""
    teacher = next((row for row in rows if row["version"] == "teacher"), None)
    if teacher is None:
        raise UserError("results.json has no row of a teacher: run train_distill.py")
    first = next(iter(teacher["scores"]))
    dev = "dev" if "dev" in teacher["scores"] else first
    lines = [f"| {COLUMNS} |", "|" + " --- |" * len(COLUMNS.split("|"))]
    for row in rows:
        scores = {name: Metric(**score) for name, score in row["scores"].items()}
        kept = scores[dev].value / teacher["scores"][dev]["value"]
        taken, base = fastest(row), fastest(teacher)
        cells = [
            row["version"],
            f"{row['bytes'] / 1e6:.1f}",
            *(percent(scores.get(name)) for name in (dev, "test")),
            f"{100 * row['bytes'] / teacher['bytes']:.1f}%",
            f"{100 * kept:.1f}%",
            "-" if taken is None else f"{taken:.2f}",
            "-" if taken is None or base is None else f"{base / taken:.1f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def percent(score: Metric | None) -> str:
    if score is None:
        return "-"
    return f"{100 * score.value:.1f}% ({100 * score.low:.1f} to {100 * score.high:.1f})"


def fastest(row: dict[str, Any]) -> float | None:
    """Milliseconds for one input, where it was timed on one thread."""
    taken = row.get("latency") or {}
    times = [taken[engine]["median_ms"] for engine in ("pytorch", "onnxruntime", "1_threads") if engine in taken]
    return min(times, default=None)


# %% Run it all
if __name__ == "__main__":
    run(main)
