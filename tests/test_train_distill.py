"""Stage 1 as a person runs it: killed and resumed, with several teachers, and on two processes."""

import json
import os
import time
from pathlib import Path

import pytest
import torch
from script_process import RunningScript
from tiny_corpus import ALONE, QUICK, train, write_fsdd

from dwindle.checkpoint import load_checkpoint, load_safely
from dwindle.files import sha256_of
from dwindle.results import load_results
from dwindle.tasks.speech.augment import HISSES

pytestmark = pytest.mark.timeout(900)  # on a busy machine; all of it takes a minute on a quiet one


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    write_fsdd(folder := tmp_path_factory.mktemp("data"))
    return folder


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, data) -> Path:
    """A student trained alone, without a pause."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    done = train(folder, "--data_dir", data, *ALONE)
    assert done.returncode == 0, done.stderr
    return folder


def logged(folder: Path, role: str = "student") -> list[dict]:
    return [json.loads(line) for line in (folder / "logs" / f"out-{role}.jsonl").read_text().splitlines()]


def learning_curve(folder: Path) -> list[tuple]:
    return [(row["epoch"], row["loss"], row["validation"]["value"]) for row in logged(folder)]


@pytest.mark.slow(seconds=50)
def test_killed_at_any_moment_it_resumes_to_the_very_same_model(tmp_path, data, uninterrupted):
    """Killed while it loads, when an epoch is told but perhaps not saved, and in the middle of one."""
    state = tmp_path / "out" / ".training-student.pt"

    def loading(script):
        wait_for((tmp_path / "out").is_dir, script)

    def told(script):
        wait_for(lambda: "epoch   2/5" in script.said[0], script)

    def in_an_epoch(script):
        wait_for(lambda: "epoch   3/5" in script.said[0], script)
        wait_for(lambda: load_safely(state)["progress"][-1] == 3, script)
        time.sleep(0.05)

    for reach in (loading, told, in_an_epoch):
        script = RunningScript(tmp_path, "train_distill.py", "--data_dir", data, *ALONE)
        reach(script)
        script.kill()
        assert not (tmp_path / "out" / "student.pt").exists()
        assert not state.exists() or load_safely(state)["progress"][-1] in (1, 2, 3)
    done = train(tmp_path, "--data_dir", data, *ALONE)
    assert done.returncode == 0, done.stderr
    assert "student: goes on after " in done.stdout
    assert "epoch   3/5" not in done.stdout  # it went on, and did not start anew
    assert learning_curve(tmp_path) == learning_curve(uninterrupted)
    mine, theirs = (load_checkpoint(folder / "out" / "student.pt").weights for folder in (tmp_path, uninterrupted))
    assert all(torch.equal(mine[name], theirs[name]) for name in theirs)
    assert not state.exists()


def wait_for(condition, script: RunningScript, longest_s: float = 120) -> None:
    end = time.monotonic() + longest_s
    while not condition():
        assert script.is_running
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.mark.slow(seconds=40)
def test_two_processes_reach_what_one_reaches(tmp_path, data):
    """The same batches, each shared by two; only the draws of the augmentation differ."""
    epochs, curves = 12, []
    for processes in (1, 2):
        folder = tmp_path / str(processes)
        folder.mkdir()
        done = train(folder, "--data_dir", data, *ALONE, "--epochs", epochs, "--lr", 0.004, processes=processes)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count(f"epoch   1/{epochs}") == 1  # one of them speaks
        curves.append(logged(folder))
        assert load_checkpoint(folder / "out" / "student.pt").metrics["epochs"] == epochs
    one, two = curves
    assert [row["epoch"] for row in two] == list(range(1, epochs + 1))
    clips = 2 * 3 * 4 * 10 + HISSES  # each heard twice in an epoch: three speakers, four takes, ten digits
    for row in one + two:
        assert row["examples_per_second"] * row["seconds"] == pytest.approx(clips, rel=0.1)
    assert two[-1]["loss"] < min(1.3 * one[-1]["loss"], 0.6 * two[0]["loss"])
    assert two[-1]["validation"]["value"] > max(0.6, one[-1]["validation"]["value"] - 0.15)  # a guess is right in 0.1


@pytest.mark.slow(seconds=25)
def test_a_teacher_and_its_student_from_one_command(tmp_path, data):
    flags = (
        "--data_dir",
        data,
        *QUICK,
        "--epochs",
        "2",
        "--teacher_epochs",
        "1",
        "--batch_size",
        "40",
        "--output_dir",
        "out",
        "--tensorboard",
    )
    done = train(tmp_path, *flags, processes=2)  # the second process must wait for the teacher that the first writes
    assert done.returncode == 0, done.stderr
    teacher, student = (load_checkpoint(tmp_path / "out" / f"{role}.pt") for role in ("teacher", "student"))
    assert (teacher.role, teacher.stage, teacher.parent_sha256) == ("teacher", "trained", None)
    assert (student.role, student.stage) == ("student", "distilled")
    assert student.parent_sha256 == sha256_of(tmp_path / "out" / "teacher.pt")
    assert student.metrics["conditions"]["temperature"] == 4.0
    assert student.metrics["scores"]["fsdd_test"]["count"] == 30
    assert (len(logged(tmp_path, "teacher")), len(logged(tmp_path))) == (1, 2)
    assert sorted(os.listdir(tmp_path / "out")) == ["results.json", "student.pt", "teacher.pt"]
    rows = load_results(tmp_path / "out" / "results.json")["rows"]
    assert [(row["version"], row["sha256"]) for row in rows] == [
        ("teacher", sha256_of(tmp_path / "out" / "teacher.pt")),
        ("distilled student", sha256_of(tmp_path / "out" / "student.pt")),
    ]
    assert list((tmp_path / "logs").rglob("events.out.tfevents.*"))
    digests = [sha256_of(tmp_path / "out" / f"{role}.pt") for role in ("teacher", "student")]
    again = train(tmp_path, *flags)  # by one process this time
    assert "teacher.pt is already trained" in again.stdout
    assert "student.pt is already trained" in again.stdout
    assert digests == [sha256_of(tmp_path / "out" / f"{role}.pt") for role in ("teacher", "student")]


@pytest.mark.slow
def test_several_networks_teach_together(tmp_path, data, uninterrupted):
    trained = uninterrupted / "out" / "student.pt"
    flags = ("--data_dir", data, *QUICK, "--epochs", "1", "--output_dir", "out", "--teacher", trained, trained)
    done = train(tmp_path, *flags)
    assert done.returncode == 0, done.stderr
    student = load_checkpoint(tmp_path / "out" / "student.pt")
    assert (student.stage, student.parent_sha256) == ("distilled", f"{sha256_of(trained)}+{sha256_of(trained)}")
    assert not (tmp_path / "out" / "teacher.pt").exists()


def test_batches_that_two_processes_cannot_share_are_told(tmp_path, data):
    done = train(tmp_path, "--data_dir", data, *ALONE, "--batch_size", "21", processes=2)
    assert done.returncode != 0
    assert "--batch_size 21 cannot be shared evenly by 2 processes" in done.stderr
