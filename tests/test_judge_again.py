"""bench/judge_again.py: today's scores for yesterday's networks, and for none that is not there."""

import json
import subprocess
import sys

import pytest
from script_process import ROOT
from tiny_corpus import environment, write_fsdd

from bench.judge_again import changes
from dwindle.checkpoint import Checkpoint
from dwindle.metrics import Metric, accuracy
from dwindle.task import open_task, options_of

NONE_RIGHT = accuracy(0, 30).as_row()


@pytest.fixture
def folder(tmp_path):
    """A network that says "zero" to everything, on record as one that was always wrong."""
    write_fsdd(tmp_path)
    task = open_task("spoken_digits", options_of("spoken_digits", data_dir=tmp_path, corpora=["fsdd"]))
    network, arguments = task.build("student", 8)
    network.word.weight.data.zero_()
    network.word.bias.data.zero_()[0] = 5.0
    checkpoint = Checkpoint(task.name, list(task.labels), "student", "trained", arguments, network.state_dict(), 0)
    row = {"version": "student alone", "stage": "student", "file": "student.pt", "command": "", "parameters": 1}
    row |= {"sha256": checkpoint.save(tmp_path / "student.pt"), "bytes": 7, "scores": {"fsdd_test": NONE_RIGHT}}
    results = {"format": "dwindle-results-2", "task": task.name, "rows": [row]}
    (tmp_path / "results.json").write_text(json.dumps(results))
    return tmp_path


def judge_again(folder):
    command = [sys.executable, str(ROOT / "bench" / "judge_again.py"), str(folder)]
    set_up = environment(DWINDLE_DATA=str(folder))
    return subprocess.run(command, env=set_up, capture_output=True, text=True, timeout=120)


def test_scores_are_counted_anew_and_all_else_stays(folder):
    done = judge_again(folder)
    assert done.returncode == 0, done.stderr
    assert "fsdd_test 0 → 3" in done.stdout
    [row] = json.loads((folder / "results.json").read_text())["rows"]
    assert Metric(**row["scores"]["fsdd_test"]).correct == 3
    assert row["bytes"] == 7
    assert "as before" in judge_again(folder).stdout


def test_another_file_than_the_one_on_record_is_not_judged(folder):
    before = (folder / "results.json").read_text()
    (folder / "student.pt").write_bytes(b"another")
    done = judge_again(folder)
    assert done.returncode == 1
    assert "'student alone' is not there as it was" in done.stderr
    assert (folder / "results.json").read_text() == before


def test_only_what_changed_is_told():
    def right(count: int) -> dict:
        return accuracy(count, 10).as_row()

    before = {"a": right(1), "b": right(2), "gone": right(3)}
    assert changes(before, {"a": right(1), "b": right(4), "new": right(5)}) == "b 2 → 4"
