"""The results of every task: what ships, what it came from, what kind of network it is, what each technique did to it.

The default task keeps artifacts/ itself, every other one artifacts/TASK/. Runs that are there to compare with lie in
artifacts/width-*/ and artifacts/compared/*/: their results.json alone is looked at.
"""

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dwindle.errors import UserError
from dwindle.infer.model_file import DEFAULT_TASK
from dwindle.metrics import Metric
from dwindle.results import load_results
from report.titles import TASK_TITLES

ARTIFACTS = Path(__file__).resolve().parents[1] / "artifacts"
Row = dict[str, Any]

JUDGED_BY = {DEFAULT_TASK: ("unseen_speakers",)}  # the sets that say most; of other tasks their test set
SHIPPED, WHOLE = "onnx_int8", "student"  # versions: what ships, and the network in float before it was compressed
SHIPPED_BY_STAGE_2 = "quantized.onnx"  # the same weights, timed in turns with all other versions
# ways to store and compute numbers, by the ending of a version's name; a version without one is float32
LEVELS = {
    "": "float32",
    "fp16": "float16 weights",
    "int8_weights": "INT8 weights",
    "int4_weights": "4-bit weights",
    "dynamic": "dynamic INT8",
    "static_uint8": "static INT8, uint8 activations",
    "static_int8": "static INT8, int8 activations",
    "qat": "INT8 trained with rounding (QAT)",
}
CNN, LSTM, TRANSFORMER = "CNN", "LSTM", "Transformer"
FAMILIES = {DEFAULT_TASK: CNN, "handwritten_digits": CNN, "sentiment": TRANSFORMER, "language_model": TRANSFORMER}
FAMILY_OF_FLAG = {"lstm": LSTM, "convolution": CNN, "transformer": TRANSFORMER}  # values of --architecture
STUDENTS_ALONE = ("convolution",)  # kinds that no teacher has


SIDE_RUNS = ("sweep", "one_shot")  # versions that a comparison needs and nobody ships


@dataclass(frozen=True)
class Run:
    """What one results.json holds."""

    task: str
    name: str  # empty: the released one
    rows: list[Row]
    machine: dict[str, Any] = field(default_factory=dict)  # what export_models.py ran on

    def row(self, version: str) -> Row | None:
        return next((row for row in self.rows if row["version"] == version), None)

    @property
    def shipped(self) -> Row | None:
        return self.row(SHIPPED)

    @property
    def judged_by(self) -> str:
        """The data set that says most."""
        best = self.shipped or self.rows[-1]
        wanted = [*JUDGED_BY.get(self.task, ()), "test"]
        return next((name for name in wanted if name in best["scores"]), next(iter(best["scores"]), "test"))

    def score(self, row: Row | None) -> Metric | None:
        """On the set that says most."""
        found = (row or {"scores": {}})["scores"].get(self.judged_by)
        return Metric(**found) if found else None

    def both(self, before: Row | None, after: Row | None) -> tuple[str, Metric, Metric] | None:
        """A set on which both are measured, that which says most if it can be, and the two scores."""
        if before is None or after is None:
            return None
        common = [name for name in after["scores"] if name in before["scores"]]
        if not common:
            return None
        name = self.judged_by if self.judged_by in common else common[0]
        return name, Metric(**before["scores"][name]), Metric(**after["scores"][name])

    def trained_by(self, row: Row) -> Row:
        """The row of the checkpoint that a network in float was read from: its command made the network."""
        parent = row.get("parent_sha256") if row["version"] == WHOLE else None
        return next((one for one in self.rows if parent and one.get("sha256") == parent), row)

    @property
    def versions(self) -> list[Row]:
        """Without the side runs of a curve, and without a checkpoint that stands there as an ONNX file as well."""
        read_by_stage_2 = {row.get("parent_sha256") for row in self.rows if row["version"] == WHOLE}
        return [
            row
            for row in self.rows
            if not row["version"].startswith(SIDE_RUNS)
            and not (row["stage"] in ("student", "distilled") and row.get("sha256") in read_by_stage_2)
        ]

    def family(self, row: Row) -> str:
        """CNN, LSTM or Transformer: as the command asked that made the teacher, or the student that the row is of."""
        is_teacher = row["stage"] == "teacher"
        makers = [row] if is_teacher else [one for one in self.rows if one["stage"] in ("student", "distilled")]
        asked = next((kind for one in makers if (kind := _flag(one["command"], "--architecture"))), None)
        if asked is None or (is_teacher and asked in STUDENTS_ALONE):
            return FAMILIES.get(self.task, "")
        return FAMILY_OF_FLAG.get(asked, FAMILIES.get(self.task, ""))

    def base(self, row: Row) -> Row | None:
        """The version that a technique was applied to, where it is measured as well."""
        version, (base, level) = row["version"], level_of(row["version"])
        if level:
            with_small_table = next(
                (row for row in self.rows if re.fullmatch(rf"{base}_table\d", row["version"])), None
            )
            return (with_small_table if level == "qat" else None) or self.row(base)  # QAT packs the table as well
        if small_table := re.fullmatch(r"(.+)_table\d", version):
            return self.row(small_table[1])
        if row["stage"] in ("pruned", "structured"):
            return self.row(WHOLE)
        return self.row("teacher") if version == WHOLE else None


def load_runs(artifacts_dir: Path) -> list[Run]:
    """The release of each task, in the order in which tasks are told of, then the runs beside it."""
    released = {run.task: run for path in _releases(artifacts_dir) if (run := _run(path, "")).shipped}
    beside = [path for kind in ("width-*", "compared/*") for path in sorted(artifacts_dir.glob(f"{kind}/results.json"))]
    order = [*TASK_TITLES, *sorted(set(released) - set(TASK_TITLES))]
    return [*(released[task] for task in order if task in released), *(_run(path, path.parent.name) for path in beside)]


def releases(runs: list[Run]) -> list[Run]:
    return [run for run in runs if not run.name]


def released_run(task: str) -> Run:
    """The release of one task, in this clone."""
    run = next((run for run in releases(load_runs(ARTIFACTS)) if run.task == task), None)
    if run is None:
        raise UserError(f"{ARTIFACTS}: no file of {task} ships: export_models.py makes it")
    return run


def level_of(version: str) -> tuple[str, str]:
    """A version's base and how its numbers are stored: "pruned_qat" is "pruned" at the level "qat"."""
    level = next((ending for ending in LEVELS if ending and version.endswith(f"_{ending}")), "")
    return version.removesuffix(f"_{level}") if level else version, level


def levels(run: Run) -> dict[str, Row]:
    """Versions of the pruned network by how their numbers are stored, float first."""
    found = {level: row for row in run.rows for base, level in [level_of(row["version"])] if is_pruned(base)}
    return {level: found[level] for level in LEVELS if level in found}


def is_pruned(base: str) -> bool:
    """Whether the levels are of this version: the pruned network, or the same with its table of words packed."""
    return re.fullmatch(r"pruned(_table\d)?", base) is not None


def latency_ms(row: Row | None, engine: str = "onnxruntime") -> float | None:
    """Median of one answer on one thread in stage 2's measurement, where versions take turns."""
    taken = (row or {}).get("latency", {}).get(engine)
    return taken["median_ms"] if taken else None


def same_machine(one: Row, other: Row) -> bool:
    return one.get("processor") == other.get("processor")


def _flag(command: str, name: str) -> str | None:
    words = shlex.split(command)
    return words[words.index(name) + 1] if name in words[:-1] else None


def _releases(artifacts_dir: Path) -> list[Path]:
    """Where a task's own results stand: a folder that is called as another task is none of them."""
    if not artifacts_dir.is_dir():
        raise UserError(f"{artifacts_dir}: no such folder")
    paths = [artifacts_dir / "results.json", *sorted(artifacts_dir.glob("*/results.json"))]
    own = {path: DEFAULT_TASK if path.parent == artifacts_dir else path.parent.name for path in paths}
    return [path for path, task in own.items() if path.is_file() and load_results(path)["task"] == task]


def _run(path: Path, name: str) -> Run:
    content = load_results(path)
    exported = path.with_name("export_results.json")
    machine = json.loads(exported.read_text(encoding="utf-8")).get("machine") if exported.is_file() else None
    return Run(content["task"], name, content["rows"], machine or {})
