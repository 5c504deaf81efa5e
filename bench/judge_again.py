"""Judge what the first two stages made anew, where the judging has changed and the networks have not.

    python bench/judge_again.py artifacts artifacts/width-24

Every row of results.json whose file is still there gets today's scores; times and sizes stay. Export judges its own.
"""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from tqdm import tqdm

from bench.runs import judged
from dwindle.cli import FlagParser, pathname
from dwindle.engine import onnx_engine
from dwindle.errors import UserError, run
from dwindle.files import sha256_of, write_json
from dwindle.metrics import Metric
from dwindle.results import load_results
from dwindle.task import Task, open_task, options_of


def main() -> None:
    parser = FlagParser(description=__doc__.split("\n")[0])
    parser.add_argument("folders", type=pathname, nargs="+", help="with a results.json and the files that it names")
    for folder in parser.parse_args().folders:
        results = load_results(folder / "results.json")
        task = open_task(results["task"], options_of(results["task"]))
        files = {row["version"]: file_of(row, folder) for row in results["rows"] if row["stage"] != "exported"}
        for row in tqdm(results["rows"], desc=str(folder), unit="version", leave=False, disable=None):
            if row["version"] in files:
                before, row["scores"] = row["scores"], scores_of(files[row["version"]], task)
                print(f"{row['version']:<28}{changes(before, row['scores']) or 'as before'}", flush=True)
        write_json(folder / "results.json", results)


def file_of(row: dict[str, Any], folder: Path) -> Path:
    """The very file that a row describes."""
    for path in (folder / row["file"], folder / "versions" / row["file"]):
        if path.is_file() and sha256_of(path) == row["sha256"]:
            return path
    raise UserError(f"{folder}: the file of {row['version']!r} is not there as it was: run its stage again")


def scores_of(path: Path, task: Task) -> dict[str, Any]:
    """Of a checkpoint, or of an ONNX file."""
    if path.suffix == ".pt":
        return judged(path)
    return {name: score.as_row() for name, score in task.evaluate(onnx_engine(path)).items()}


def changes(before: dict[str, Any], now: dict[str, Any]) -> str:
    """Which sets have other counts."""
    counts = {name: (Metric(**before[name]).correct, Metric(**now[name]).correct) for name in now if name in before}
    return ", ".join(f"{name} {was} → {is_now}" for name, (was, is_now) in counts.items() if was != is_now)


if __name__ == "__main__":
    run(main)
