"""results.json: rows that follow the schema, replaced by version, written whole."""

import copy
import json
import subprocess
import sys
from pathlib import Path

import pytest

from dwindle.errors import UserError
from dwindle.metrics import accuracy
from dwindle.results import load_results, record, validate


def row(version: str = "student", **changes) -> dict:
    scores = {"fsdd_test": accuracy(299, 300).as_row()}
    base = {"version": version, "stage": "student", "command": "python x.py", "parameters": 83_000, "scores": scores}
    return {**base, "latency": {"onnx": {"median_ms": 0.2, "p95_ms": 0.3}}, "file": None, **changes}


def test_rows_are_added_and_replaced_by_version(tmp_path):
    path = tmp_path / "artifacts" / "results.json"
    record(path, "spoken_digits", [row("teacher", stage="teacher"), row("student")])
    record(path, "spoken_digits", [row("student", parameters=1), row("pruned", stage="pruned")])
    content = load_results(path)
    assert [(r["version"], r["parameters"]) for r in content["rows"]] == [
        ("teacher", 83_000), ("student", 1), ("pruned", 83_000)
    ]  # fmt: skip


def test_what_a_stage_makes_anew_takes_all_with_it_that_was_made_from_the_old(tmp_path):
    path = tmp_path / "results.json"
    record(path, "spoken_digits", [row("teacher", stage="teacher")])
    record(path, "spoken_digits", [row("distilled student", stage="distilled")])
    record(path, "spoken_digits", [row("student"), row("structured_35", stage="structured")])
    record(path, "spoken_digits", [row("onnx", stage="exported"), row("onnx_int8", stage="exported")])

    def versions() -> list[str]:
        return [one["version"] for one in load_results(path)["rows"]]

    assert versions() == ["teacher", "distilled student", "student", "structured_35", "onnx", "onnx_int8"]
    record(path, "spoken_digits", [row("onnx", stage="exported")])
    assert versions() == ["teacher", "distilled student", "student", "structured_35", "onnx"]
    record(path, "spoken_digits", [row("student"), row("structured_30", stage="structured")])
    assert versions() == ["teacher", "distilled student", "student", "structured_30"]
    record(path, "spoken_digits", [row("student alone")])
    assert versions() == ["teacher", "student alone"]


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda c: c["rows"][0].pop("scores"), "rows/0"),
        (lambda c: c["rows"][0]["scores"]["fsdd_test"].update(value="97.5%"), "rows/0/scores/fsdd_test/value"),
        (lambda c: c["rows"][0].update(stage="shrunk"), "rows/0/stage"),
        (lambda c: c["rows"][0].update(parameters="many"), "rows/0/parameters"),
        (lambda c: c["rows"][0].update(accuracy=1), "rows/0"),
        (lambda c: c.update(format="other"), "format"),
        (lambda c: c.pop("task"), "the top"),
        (lambda c: c["rows"].append(c["rows"][0]), "rows"),
        (lambda c: c.update(rows=[{"x": "y" * 5000}]), "rows/0"),
    ],
)
def test_what_breaks_the_schema_is_named_by_its_place(change, place):
    content = {"format": "dwindle-results-2", "task": "spoken_digits", "rows": [row()]}
    validate(content)
    broken = copy.deepcopy(content)
    change(broken)
    with pytest.raises(UserError) as raised:
        validate(broken, "results.json")
    text = str(raised.value)
    assert text.startswith(f"results.json: wrong at {place}: ")
    assert "\n" not in text
    assert len(text) < 300


def test_a_bad_row_or_another_task_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "results.json"
    record(path, "spoken_digits", [row()])
    before = path.read_bytes()
    for task, rows, complaint in (
        ("spoken_digits", [row(parameters=-1)], "wrong at rows/0/parameters"),
        ("mnist", [row()], "holds results of task 'spoken_digits', not 'mnist'"),
    ):
        with pytest.raises(UserError, match=complaint):
            record(path, task, rows)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[1]", b"null", b'{"format": NaN}'])
def test_a_damaged_file_is_one_line_and_exit_1(tmp_path, content):
    path = tmp_path / "results.json"
    path.write_bytes(content)
    done = check(path)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "results.json: " in done.stderr


def check(*paths: Path) -> subprocess.CompletedProcess:
    full = [sys.executable, "-m", "dwindle.results", *map(str, paths)]
    return subprocess.run(full, capture_output=True, text=True, timeout=60)


def test_results_nested_too_deeply_are_one_line(tmp_path):
    (tmp_path / "results.json").write_text("[" * 100_000)
    with pytest.raises(UserError, match=r"^\S*results\.json: not JSON \(.*\): remove it and run the stages again$"):
        load_results(tmp_path / "results.json")


def test_the_validator_says_yes_and_knows_its_usage(tmp_path):
    record(tmp_path / "results.json", "spoken_digits", [row()])
    assert json.loads((tmp_path / "results.json").read_text())["task"] == "spoken_digits"
    done = check(tmp_path / "results.json")
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'results.json'}: valid: 1 version of spoken_digits\n")
    assert check().returncode == 2
    assert "no such results" in check(tmp_path / "absent.json").stderr
