"""Versions side by side: what each costs and how well it does, and which of them should ship."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from dwindle.checkpoint import load_checkpoint
from dwindle.engine import Tensors, onnx_engine, open_session, state_of, torch_engine, with_empty_state
from dwindle.export.measure import Latency, file_size, latencies
from dwindle.export.verify import agreement
from dwindle.files import sha256_of
from dwindle.machine import processor
from dwindle.metrics import SHARE, Metric
from dwindle.results import load_or_begin
from dwindle.task import Budget, Task

RUNTIME, PYTORCH = "onnxruntime", "pytorch"  # one thread each
TEACHER = "teacher"
SHIPPED = "model_int8.onnx"  # the file whose size the budget bounds
WARM_UP = 20  # rounds before those that are timed; no more than these, so that a short look is short


@dataclass(frozen=True)
class Version:
    """A model and its record."""

    name: str
    stage: str  # as results.json knows it
    onnx_path: Path
    network: nn.Module | None = None  # the same model in PyTorch, where it runs there
    parameters: int = 0
    nonzeros: int = 0
    multiply_adds: int = 0
    timed: bool = True  # False where another version takes exactly as long
    note: str = ""  # what was converted, and what was not

    @property
    def in_pytorch(self) -> nn.Module:
        """The network of a version that is known to have one."""
        if self.network is None:
            raise ValueError(f"{self.name} is a file alone")
        return self.network


@dataclass(frozen=True)
class Measured:
    """A version with everything that a row of results.json says of it."""

    version: Version
    validation: Metric
    scores: dict[str, Metric]
    bytes: int
    bytes_gzipped: int
    latency: dict[str, Latency]

    @property
    def name(self) -> str:
        return self.version.name

    def speed_against(self, other: "Measured") -> float:
        """How many times as fast in ONNX Runtime."""
        return self.latency[RUNTIME].speedup_over(other.latency[RUNTIME])

    def as_row(self, **origin: Any) -> dict[str, Any]:
        """For results.json."""
        version = self.version
        return {
            "version": version.name,
            "stage": version.stage,
            "file": version.onnx_path.name,
            "sha256": sha256_of(version.onnx_path),
            **origin,
            "parameters": version.parameters,
            "nonzeros": version.nonzeros,
            "multiply_adds": version.multiply_adds,
            "bytes": self.bytes,
            "bytes_gzipped": self.bytes_gzipped,
            "scores": {name: score.as_row() for name, score in self.scores.items()},
            "latency": {engine: latency.as_row() for engine, latency in self.latency.items()},
            "processor": processor(),
            "note": version.note,
        }


def measured(
    versions: Sequence[Version], task: Task, rounds: int, folder: Path
) -> tuple[list[Measured], list[dict[str, Any]]]:
    """Judge every version by its file, and time all of them in turns on one thread.

    The teacher takes its turns in PyTorch where its checkpoint lies in the folder: its row, with its time, comes too.
    """
    row = teacher_row(folder, task.name)
    teacher = _restored(folder / row["file"], task) if row else None
    example = {name: tensor[:1] for name, tensor in task.trial_inputs(1)["real"].items()}
    sessions = {version.name: open_session(version.onnx_path) for version in versions}
    timed = [version for version in versions if version.timed]
    taken = _timed(timed, sessions, example, rounds, teacher)
    found = []
    for version in versions:
        engine, size = onnx_engine(sessions[version.name]), file_size(version.onnx_path)
        latency = {runtime: taken[runtime, name] for runtime, name in taken if name == version.name}
        scores = task.evaluate(engine)
        found.append(Measured(version, task.validate(engine), scores, size.bytes, size.bytes_gzipped, latency))
    if row is None:
        return found, []
    return found, [row | {"latency": {PYTORCH: taken[PYTORCH, TEACHER].as_row()}, "processor": processor()}]


def teacher_row(folder: Path, task: str) -> dict[str, Any] | None:
    """Stage 1's row of the teacher, where its checkpoint still lies in the folder."""
    for row in load_or_begin(folder / "results.json", task)["rows"]:
        path = folder / row["file"]
        if row["stage"] == TEACHER and path.is_file() and sha256_of(path) == row["sha256"]:
            return row
    return None


def _restored(path: Path, task: Task) -> nn.Module:
    return task.exported(task.restored(load_checkpoint(path, task.name), path)).eval()


def _timed(
    versions: Sequence[Version], sessions: dict[str, Any], example: Tensors, rounds: int, teacher: nn.Module | None
) -> dict[tuple[str, str], Latency]:
    calls: dict[tuple[str, str], Callable[[], object]] = {}
    for name in (one.name for one in versions):
        whole = with_empty_state(example, state_of(sessions[name]))
        feed = {key: tensor.numpy() for key, tensor in whole.items()}
        calls[RUNTIME, name] = lambda session=sessions[name], feed=feed: session.run(None, feed)
    in_pytorch = {version.name: version.network for version in versions} | {TEACHER: teacher}
    for name, network in in_pytorch.items():
        if network is not None:
            whole = tuple(with_empty_state(example, state_of(network)).values())
            calls[PYTORCH, name] = lambda network=network, whole=whole: network(*whole)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.inference_mode():
            return latencies(calls, rounds, warm_up=min(WARM_UP, rounds))
    finally:
        torch.set_num_threads(threads)


def same_answers(one: Version, parent: Version, task: Task, trials: int) -> float:
    """The share of a file's answers that are those of its parent's network: stage 3 ships no file without it."""
    reference = torch_engine(task.exported(parent.in_pytorch).eval(), task.inputs, task.outputs)
    candidate, answers = onnx_engine(one.onnx_path), task.budget.answers
    found = [agreement(reference, candidate, inputs, answers=answers) for inputs in task.trial_inputs(trials).values()]
    return min(each.same_answer if math.isfinite(each.largest_difference) else 0.0 for each in found)


def chosen(
    candidates: Sequence[Measured], parent: Measured, budget: Budget, agrees: Callable[[Version], float]
) -> tuple[Measured, str]:
    """The quantised version to ship, by its primary metric, bytes and latency, and the reason in words.

    Versions that differ by less than half the loss that is allowed are alike, and the smaller of them ships.
    `agrees` gives the share of the parent's answers; that takes long, so it is asked of the best alone, and of the next
    best only where the best has too few.
    """
    most_bytes = budget.bytes.get(SHIPPED, math.inf)

    def faults(one: Measured) -> list[str]:
        loss, speed = parent.validation.gain_over(one.validation), one.speed_against(parent)
        return [
            *([f"{in_unit(loss, one.validation)} behind {parent.name}"] if loss > budget.loss else []),
            *([f"{one.bytes:,} bytes"] if one.bytes > most_bytes else []),
            *([f"{1 / speed:.2f} times as slow as float"] if speed < budget.slowest else []),
        ]

    def rank(one: Measured) -> tuple[int, int, int, float]:
        loss = parent.validation.gain_over(one.validation)
        return len(faults(one)), round(2 * loss / max(budget.loss, 1e-9)), one.bytes, loss

    ranked, shares = sorted(candidates, key=rank), {}
    for best in ranked:
        shares[best.name] = agrees(best.version)
        if shares[best.name] >= budget.same_answers:
            break
    else:
        best = ranked[0]

    def all_faults(one: Measured) -> list[str]:
        share = shares.get(one.name, 1.0)
        differs = f"{parent.name}'s answer on only {100 * share:.1f}% of the trials"
        return faults(one) + ([differs] if share < budget.same_answers else [])

    speed = best.speed_against(parent)
    reason = (
        f"{best.name}: validation {best.validation.short} ({parent.name} in float {parent.validation.short}), "
        f"{speed:.2f} times as fast as float"
    )
    if found := all_faults(best):
        reason += f"; no version meets every bound, and this one misses: {', '.join(found)}"
    passed_over = [f"{one.name} {', '.join(all_faults(one))}" for one in ranked if one is not best and all_faults(one)]
    return best, reason + (f"; passed over: {'; '.join(passed_over)}" if passed_over else "")


def in_unit(difference: float, metric: Metric) -> str:
    """A difference of two metrics as people say it: shares in percentage points."""
    return f"{100 * difference:.2f} points" if metric.unit == SHARE else f"{difference:.4f} {metric.unit}"


def largest_loss(one: Measured, parent: Measured) -> tuple[str, str]:
    """The largest loss on any data set, in words, and that set's name."""
    losses = {name: parent.scores[name].gain_over(score) for name, score in one.scores.items()}
    name = max(losses, key=losses.__getitem__)
    return in_unit(losses[name], one.scores[name]), name


def table(rows: Sequence[Measured]) -> str:
    """Two tables, costs and scores, a line for each version."""
    width = max(len(row.name) for row in rows) + 2
    costs = [f"{'':<{width}}{'parameters':>12}{'non-zero':>12}{'bytes':>12}{'gzipped':>12}{'M mult-add':>12}"
             f"{'PyTorch ms (p95)':>19}{'ONNX Runtime ms (p95)':>23}"]  # fmt: skip
    for row in rows:
        version = row.version
        costs.append(
            f"{row.name:<{width}}{version.parameters:>12,}{version.nonzeros:>12,}{row.bytes:>12,}"
            f"{row.bytes_gzipped:>12,}{version.multiply_adds / 1e6:>12.2f}"
            f"{_times(row, PYTORCH):>19}{_times(row, RUNTIME):>23}"
        )
    sets = list(rows[0].scores)
    words = {name: name.split("_") for name in sets}
    columns = {name: max(len(word) for word in words[name]) + 2 for name in sets}
    columns = {name: max(8, wide) for name, wide in columns.items()}
    height = max(len(parts) for parts in words.values())
    shares = [
        f"{'':<{width}}"
        + "".join(f"{(words[name][line] if line < len(words[name]) else ''):>{columns[name]}}" for name in sets)
        for line in range(height)
    ]
    for row in rows:
        cells = "".join(f"{_cell(row.scores[name]):>{columns[name]}}" for name in sets)
        shares.append(f"{row.name:<{width}}{cells}")
    return "\n".join([*costs, "", *shares])


def _cell(metric: Metric) -> str:
    return f"{100 * metric.value:.2f}%" if metric.unit == SHARE else f"{metric.value:.4f}"


def _times(row: Measured, engine: str) -> str:
    latency = row.latency.get(engine)
    return f"{latency.median_ms:.3f} ({latency.p95_ms:.3f})" if latency else "-"
