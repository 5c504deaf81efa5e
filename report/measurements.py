"""Everything that was measured, read from its files; what has not been measured yet is None or empty."""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dwindle.errors import UserError
from dwindle.infer.model_file import DEFAULT_TASK
from dwindle.metrics import Metric, accuracy
from dwindle.results import load_results
from report.titles import TASK_TITLES

ABLATION_MANNERS = ("alone", "distilled")
SIDE_RUNS = ("sweep", "one_shot")  # versions that a comparison needs and nobody ships
OTHER_TASKS = tuple(task for task in TASK_TITLES if task != DEFAULT_TASK)
NARROW_VERSIONS = ("student", "pruned", "pruned_int8_weights")  # of other widths: enough for a curve of sizes


@dataclass(frozen=True)
class Measurements:
    """What every table and picture is made from."""

    rows: list[dict[str, Any]]
    exported: dict[str, Any] | None = None
    streaming: dict[str, Any] | None = None
    answers: dict[str, Any] | None = None
    people: dict[str, Any] | None = None
    curves: dict[str, list[dict[str, Any]]] | None = None  # epochs of each training run of the default task
    other_curves: dict[str, dict[str, list[dict[str, Any]]]] | None = None  # the same of the others, by task
    distillation: dict[str, list[dict[str, Any]]] | None = None  # for each manner, the scores of every seed
    distillation_curves: dict[str, list[list[dict[str, Any]]]] | None = None
    other_distillation: dict[str, dict[str, list[dict[str, Any]]]] = field(default_factory=dict)  # of other tasks
    held_out: dict[str, dict[str, Any]] | None = None  # each speaker's score by a model that never heard that voice

    @property
    def main_rows(self) -> list[dict[str, Any]]:
        """Without the side runs of comparisons, and without a checkpoint that is here as an ONNX file as well."""
        read_by_stage_2 = {row.get("parent_sha256") for row in self.rows if row["version"] == "student"}
        return [
            row
            for row in self.rows
            if not row["version"].startswith(SIDE_RUNS)
            and not (row["stage"] in ("student", "distilled") and row.get("sha256") in read_by_stage_2)
        ]


def load_measurements(artifacts_dir: Path, logs_dir: Path) -> Measurements:
    """Only results.json must be there."""
    ablation = logs_dir / "distillation_gain"
    curves = {path.stem: epochs for path in sorted(logs_dir.glob("*.jsonl")) if (epochs := _epochs(path))}
    other_curves = {
        task: {name: epochs for name, epochs in curves.items() if name.startswith(task)} for task in OTHER_TASKS
    }
    own = set(curves).difference(*other_curves.values())
    ablation_curves = {
        manner: [_epochs(path) for path in sorted(ablation.glob(f"{manner}-*/*-student.jsonl"))]
        for manner in ABLATION_MANNERS
    }
    rows = load_results(artifacts_dir / "results.json")["rows"]
    for path in sorted(artifacts_dir.glob("width-*/results.json")):
        rows += _narrow(path, rows)
    exported = _json(artifacts_dir / "export_results.json")
    return Measurements(
        rows=[_timed_beside(row, exported) for row in rows],
        exported=exported,
        streaming=_streaming(logs_dir / "streaming.json", rows),
        answers=_answers(logs_dir / "answers.json", rows),
        people=_of_these(_json(logs_dir / "people.json"), rows),
        curves={name: epochs for name, epochs in curves.items() if name in own},
        other_curves={task: runs for task, runs in other_curves.items() if runs},
        distillation=_json(ablation / "scores.json"),
        distillation_curves={manner: runs for manner, runs in ablation_curves.items() if any(runs)},
        other_distillation={task: scores for task in OTHER_TASKS if (scores := _json(ablation / f"{task}.json"))},
        held_out=_json(logs_dir / "leave_one_speaker_out" / "scores.json"),
    )


def _narrow(path: Path, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows of another width; marked and without times where their teacher is not the student of these rows."""
    narrow = load_results(path)["rows"]
    teachers = {row.get("parent_sha256") for row in narrow if row["version"] == "distilled student"}
    is_earlier = not teachers <= {row.get("sha256") for row in rows}
    width = path.parent.name.replace("-", "_")
    return [
        (_untimed(row) if is_earlier else row) | {"version": f"{width}_{row['version']}", "is_earlier": is_earlier}
        for row in narrow
        if row["version"] in NARROW_VERSIONS
    ]


def _timed_beside(row: dict[str, Any], exported: dict[str, Any] | None) -> dict[str, Any]:
    """Times of another processor than the shipped files' do not belong beside theirs."""
    ours = ((exported or {}).get("machine") or {}).get("processor")
    if "processor" not in row or row["processor"] == ours:
        return row
    return _untimed(row)


def _untimed(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "latency"}


def _json(path: Path) -> Any:
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: not JSON ({error}): make it again") from error


def _answers(path: Path, rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Only of the models that the rows describe: an earlier release's answers say nothing about this one."""
    answers = _json(path)
    if answers is None:
        return None
    if answers.get("format") != "dwindle-answers-1":
        raise UserError(f"{path}: of another format: python bench/answers.py makes it again")
    known = {row.get("sha256") for row in rows}
    if answers["models"][0]["sha256"] not in known:
        return None
    return answers | {"models": [model for model in answers["models"] if model["sha256"] in known]}


def _streaming(path: Path, rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Only of a model that the rows describe, likewise, and of all streams."""
    streaming = _of_these(_json(path), rows)
    return None if streaming is None or streaming.get("quick") else streaming


def _of_these(measured: dict[str, Any] | None, rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """What was measured, if it was of a model that the rows describe."""
    known = {row["sha256"] for row in rows if "sha256" in row}
    return measured if measured and measured.get("model_sha256") in known else None


def _epochs(path: Path) -> list[dict[str, Any]]:
    """The validated epochs of one log; a line that a stopped run left unfinished is passed over."""
    epochs = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if "epoch" in row and "validation" in row:
            epochs.append(row)
    return epochs


def zeros_share(row: dict[str, Any]) -> float:
    """Of all parameters; 0 where nobody counted."""
    return 1 - row.get("nonzeros", row["parameters"]) / row["parameters"]


def one_thread(row: dict[str, Any]) -> dict[str, float] | None:
    """ONNX Runtime's times for one clip: stage 2 and stage 3 name the same measurement differently."""
    if str(row.get("file")).endswith(".pt"):
        return None
    latency = row.get("latency", {})
    return latency.get("onnxruntime") or latency.get("1_threads")


def right_by_speaker(answers: dict[str, Any], name: str) -> dict[str, Metric]:
    """The first model's score on each voice of a set."""
    clips, heard = answers["clips"][name], answers["models"][0]["sets"][name]["heard"]
    found: dict[str, list[bool]] = defaultdict(list)
    for said, got, speaker in zip(clips["said"], heard, clips["speaker"], strict=True):
        found[clips["speakers"][speaker]].append(said == got)
    return {speaker: accuracy(sum(right), len(right)) for speaker, right in found.items()}


def confusions(answers: dict[str, Any], name: str) -> Counter:
    """How often (said, heard) occurs in a set, as class numbers, by the first model."""
    return Counter(zip(answers["clips"][name]["said"], answers["models"][0]["sets"][name]["heard"], strict=True))
