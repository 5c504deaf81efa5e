"""All tasks on one page of HTML that needs no network: the rows of results.json, to turn and to ask."""

from pathlib import Path
from typing import Any

from report.interactive_page import written_html
from report.runs import LEVELS, Row, Run, is_pruned, latency_ms, level_of
from report.techniques import TECHNIQUES, Effect, effects
from report.titles import set_title, task_title, version_title

COPIED = ("version", "stage", "command", "parameters", "nonzeros", "multiply_adds", "bytes", "bytes_gzipped", "scores")
COPIED += ("processor", "note")
SCRIPTS = ("chart.js", "comparison.js")


def written_comparison(runs: list[Run], path: Path) -> Path:
    """Write the page, whole, and give back its path."""
    return written_html("comparison.html", SCRIPTS, comparison_data(runs), path)


def comparison_data(runs: list[Run]) -> dict[str, Any]:
    """All numbers of the page."""
    return {
        "levels": list(LEVELS.items()),
        "techniques": list(TECHNIQUES),
        "runs": [run_data(run) for run in runs],
    }


def run_data(run: Run) -> dict[str, Any]:
    sets = dict.fromkeys([run.judged_by, *(name for row in run.rows for name in row["scores"])])
    return {
        "task": run.task,
        "title": task_title(run.task),
        "name": run.name,
        "sets": [{"id": name, "title": set_title(name)} for name in sets],
        "rows": [row_data(run, row) for row in run.versions],
        "effects": [effect_data(one) for one in effects(run)],
    }


def row_data(run: Run, row: Row) -> dict[str, Any]:
    """A row of results.json, with what it is called and how its numbers are stored."""
    base, level = level_of(row["version"])
    latency = row.get("latency", {}).get("onnxruntime")
    own = {key: row[key] for key in COPIED if key in row} | {"command": run.trained_by(row)["command"]}
    in_pytorch = latency_ms(row, "pytorch")
    return own | {
        "title": version_title(row),
        "family": run.family(row),
        "level": level if is_pruned(base) else None,
        "latency": latency,
        "pytorch_ms": in_pytorch,
    }


def effect_data(one: Effect) -> dict[str, Any]:
    return {
        "technique": one.technique,
        "version": one.row["version"],
        "of": version_title(one.base),
        "smaller": one.times_smaller,
        "faster": one.times_faster,
        "kept": one.kept,
        "cost": one.cost,
    }
