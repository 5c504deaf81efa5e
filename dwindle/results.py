"""results.json: one row for each version of a model, from which every table and picture is drawn.

python -m dwindle.results artifacts/results.json
"""

import json
import os
import sys
import textwrap
from pathlib import Path
from typing import Any

import jsonschema
from jsonschema.exceptions import best_match

from dwindle.errors import UsageError, UserError, run
from dwindle.files import write_json
from dwindle.metrics import Metric

FORMAT, FIRST_FORMAT = "dwindle-results-2", "dwindle-results-1"

_COUNT = {"type": "integer", "minimum": 0}
_SHARE = {"type": "number", "minimum": 0, "maximum": 1}
_METRIC = {  # as dwindle.metrics.Metric
    "type": "object",
    "properties": {
        **{key: {"type": "number"} for key in ("value", "low", "high")},
        "count": _COUNT,
        "unit": {"type": "string"},
        "higher_is_better": {"type": "boolean"},
    },
    "required": ["value", "low", "high", "count", "unit", "higher_is_better"],
    "additionalProperties": False,
}
_LATENCY = {
    "type": "object",
    "properties": {"median_ms": {"type": "number", "minimum": 0}, "p95_ms": {"type": "number", "minimum": 0}},
    "required": ["median_ms", "p95_ms"],
    "additionalProperties": False,
}
# of each kind of row, by the script that makes it
STAGES = {"teacher": 0, "student": 1, "distilled": 1, "pruned": 2, "structured": 2, "quantised": 2, "exported": 3}
ROW_SCHEMA = {
    "type": "object",
    "properties": {
        "version": {"type": "string", "minLength": 1},
        "stage": {"enum": list(STAGES)},
        "file": {"type": ["string", "null"]},
        "sha256": {"type": ["string", "null"]},
        "parent_sha256": {"type": ["string", "null"]},
        "command": {"type": "string"},
        "seed": {"type": "integer"},
        "parameters": _COUNT,
        "nonzeros": _COUNT,
        "multiply_adds": _COUNT,
        "bytes": _COUNT,
        "bytes_gzipped": _COUNT,
        "threshold": _SHARE,
        "scores": {"type": "object", "additionalProperties": _METRIC},
        "latency": {"type": "object", "additionalProperties": _LATENCY},
        "processor": {"type": "string"},
        "note": {"type": "string"},
    },
    "required": ["version", "stage", "command", "parameters", "scores"],
    "additionalProperties": False,
}
SCHEMA = {
    "type": "object",
    "properties": {
        "format": {"const": FORMAT},
        "task": {"type": "string"},
        "rows": {"type": "array", "items": ROW_SCHEMA},
    },
    "required": ["format", "task", "rows"],
    "additionalProperties": False,
}


def load_results(path: str | os.PathLike) -> dict[str, Any]:
    """Read and validate; a damaged or foreign file gives one line."""
    if not Path(path).is_file():
        raise UserError(f"{path}: no such results: run the stages first")
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not JSON ({error}): remove it and run the stages again") from error
    content = upgraded(content)
    validate(content, str(path))
    return content


def upgraded(content: Any) -> Any:
    """Results of the first format, which knew nothing but shares, in the second; a damaged file as it is."""
    if not isinstance(content, dict) or content.get("format") != FIRST_FORMAT:
        return content
    try:
        rows = [
            {**row, "scores": {name: from_first_format(score) for name, score in row["scores"].items()}}
            for row in content["rows"]
        ]
    except (LookupError, TypeError, AttributeError):
        return content  # which validation then refuses
    return {**content, "format": FORMAT, "rows": rows}


def from_first_format(score: dict[str, Any]) -> dict[str, Any]:
    """One score of the first format as a metric."""
    return Metric(score["share"], score["low"], score["high"], score["count"]).as_row()


def validate(content: Any, name: str = "results") -> None:
    """Raise for content that does not follow the schema, naming the first place that is wrong."""
    error = best_match(jsonschema.Draft202012Validator(SCHEMA).iter_errors(content))
    if error is not None:
        place = "/".join(str(part) for part in error.absolute_path) or "the top"
        raise UserError(f"{name}: wrong at {place}: {textwrap.shorten(error.message, 160)}")
    versions = [row["version"] for row in content["rows"]]
    if len(versions) != len(set(versions)):
        raise UserError(f"{name}: wrong at rows: two rows describe the same version")


def load_or_begin(path: str | os.PathLike, task: str) -> dict[str, Any]:
    """What is recorded so far; raises where that is damaged or of another task: ask before the work, not after."""
    content = load_results(path) if Path(path).is_file() else {"format": FORMAT, "task": task, "rows": []}
    if content["task"] != task:
        raise UserError(f"{path}: holds results of task {content['task']!r}, not {task!r}: choose another --output_dir")
    return content


def record(path: str | os.PathLike, task: str, rows: list[dict[str, Any]]) -> None:
    """Add rows. What an earlier run of this stage or of a later one recorded is of another model, and goes.

    The file is written whole or left as it was.
    """
    content = load_or_begin(path, task)
    made_in = max(STAGES[row["stage"]] for row in rows)
    kept = [row for row in content["rows"] if STAGES[row["stage"]] < made_in]
    by_version = {row["version"]: row for row in [*kept, *rows]}
    content["rows"] = list(by_version.values())
    validate(content, str(path))
    write_json(path, content)


def main() -> None:
    if len(sys.argv) != 2:
        raise UsageError("usage: python -m dwindle.results FILE")
    content = load_results(sys.argv[1])
    count = len(content["rows"])
    print(f"{sys.argv[1]}: valid: {count} version{'s' * (count != 1)} of {content['task']}")


if __name__ == "__main__":
    run(main)
