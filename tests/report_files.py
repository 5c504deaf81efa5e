"""Results, answers and logs as the stages leave them, small and made up."""

import json
from pathlib import Path

import torch

from bench.answers import BRIGHTEST_DB, DARKEST_DB, coded
from dwindle.files import write_json
from dwindle.metrics import accuracy
from dwindle.results import validate

SETS = ("fsdd_test", "unseen_speakers", "noise_20_db", "noise_10_db", "noise_0_db", "other_words_test_rejected")
SHIPPED_MS = {"1_threads": {"median_ms": 0.55, "p95_ms": 0.67}}
TIMES_MS = {"onnx": 0.7, "onnx_int8": 0.5}
STREAMED = {"model_sha256": "of-the-file"}
LIVE = {"streams": "unseen speakers, gaps 0.2-1 s", "latency_median_ms": 44.4, "latency_p95_ms": 150.0}
LIVE |= {"digits": 1_532, "error_rate": 0.069, "interval": [0.053, 0.087]}


def row(version: str, stage: str, correct: int = 96, **own) -> dict:
    scores = {name: accuracy(correct, 100).as_row() for name in SETS}
    base = {"version": version, "stage": stage, "command": "python x.py", "parameters": 80_000, "bytes": 337_000}
    return base | {"nonzeros": 80_000, "file": f"{version}.onnx", "scores": scores} | own


def rows() -> list[dict]:
    timed = {"onnxruntime": {"median_ms": 0.71, "p95_ms": 1.0}}
    return [
        row("teacher", "teacher", 99, file="teacher.pt"),
        row("distilled student", "distilled", 97, file="student.pt", sha256="of-the-checkpoint"),
        row("student", "distilled", 97, parent_sha256="of-the-checkpoint", latency=timed),
        row("pruned", "pruned", nonzeros=48_000, latency=timed),
        *(row(f"sweep_{zeros}", "pruned", 97 - zeros // 10, nonzeros=800 * (100 - zeros)) for zeros in (30, 60, 90)),
        row("onnx_int8", "exported", 95, bytes=105_664, sha256="of-the-file", latency=SHIPPED_MS, threshold=0.5),
    ]


def answers() -> dict:
    heard = {"heard": [0, 1, 1, 1], "probability": [990_000, 980_000, 700_000, 200_000]}
    clips = {"said": [0, 1, 0, 1], "speakers": ["ann", "bob"], "speaker": [0, 0, 1, 1]}
    others = {"heard": [3, 4], "probability": [10, 600_000]}
    model = {"fsdd_test": heard, "unseen_speakers": heard, "other_words_test": others}
    picture = coded(torch.zeros(40, 61))
    return {
        "format": "dwindle-answers-1",
        "labels": [*"0123456789", "reject"],
        "clips": {
            "fsdd_test": clips,
            "unseen_speakers": clips,
            "other_words_test": {"said": [10, 10], "speaker": [0, 1]},
        },
        "models": [{"file": "onnx_int8.onnx", "sha256": "of-the-file", "threshold": 0.5, "sets": model}],
        "misheard": [{"set": "unseen_speakers", "clip": clip, "log_mel": picture} for clip in (2, 3)],
        "picture": {"bands": 40, "frame_s": 0.016, "darkest_db": DARKEST_DB, "brightest_db": BRIGHTEST_DB},
    }


def epoch(number: int) -> dict:
    score = accuracy(80 + number, 100).as_row()
    return {"name": "student", "epoch": number, "loss": 2 / number, "validation": score}


def written(folder: Path) -> tuple[Path, Path]:
    """Results and logs as the stages leave them."""
    artifacts, logs = folder / "artifacts", folder / "logs"
    content = {"format": "dwindle-results-2", "task": "spoken_digits", "rows": rows()}
    validate(content)
    write_json(artifacts / "results.json", content)
    engines = [{"engine": name, "threads": 1, "batch_size": 1, "median_ms": ms} for name, ms in TIMES_MS.items()]
    write_json(artifacts / "export_results.json", {"machine": {"processor": "Chip 9"}, "latency": engines})
    write_json(logs / "answers.json", answers())
    whole = "\n".join(json.dumps(epoch(number)) for number in (1, 2, 3))
    (logs / "artifacts-student.jsonl").write_text(
        f'{whole}\n{{"name": "stud', encoding="utf-8"
    )  # stopped while writing
    return artifacts, logs
