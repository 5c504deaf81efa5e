"""Stage 1 as a person runs it: killed and resumed, on two processes, and with everything that can go wrong."""

import json
import os
import shutil
import sys
import time
from pathlib import Path

import pytest
import torch
from script_process import RunningScript
from tiny_corpus import QUICK, train, write_fsdd

import train_distill
from dwindle import errors
from dwindle.checkpoint import Checkpoint, load_checkpoint, load_safely
from dwindle.files import sha256_of
from dwindle.results import load_results
from dwindle.tasks.speech.augment import HISSES
from dwindle.tasks.speech.network import SpeechNet

pytestmark = pytest.mark.timeout(900)  # on a busy machine; all of it takes a minute on a quiet one
ALONE = (*QUICK, "--alpha", "0", "--epochs", "5", "--patience", "0", "--output_dir", "out")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_fsdd(folder)
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


def run_here(capsys, monkeypatch, *arguments: object) -> tuple[int, str]:
    """The script in this process; its exit code, and what stands on stderr but progress bars."""
    monkeypatch.setattr(sys, "argv", ["train_distill.py", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        errors.run(train_distill.main)
    lines = [line for line in capsys.readouterr().err.splitlines() if "it/s" not in line and "clip/s" not in line]
    return ended.value.code, "\n".join(filter(None, lines))


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
        wait_for(lambda: load_safely(state)["progress"][0] == 3, script)
        time.sleep(0.05)

    for reach in (loading, told, in_an_epoch):
        script = RunningScript(tmp_path, "train_distill.py", "--data_dir", data, *ALONE, "--resume")
        reach(script)
        script.kill()
        assert not (tmp_path / "out" / "student.pt").exists()
        assert not state.exists() or load_safely(state)["progress"][0] in (1, 2, 3)
    done = train(tmp_path, "--data_dir", data, *ALONE, "--resume")
    assert done.returncode == 0, done.stderr
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
    again = train(tmp_path, *flags, "--resume")  # by one process this time
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


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (("--epochs", "0"), "argument --epochs: '0' is not a whole number from 1"),
        (("--epochs", "many"), "argument --epochs: 'many' is not a whole number from 1"),
        (("--alpha", "1.5"), "argument --alpha: '1.5' is not between 0 and 1"),
        (("--alpha", "nan"), "argument --alpha: 'nan' is not between 0 and 1"),
        (("--temperature", "0"), "argument --temperature: '0' is not a number above 0"),
        (("--lr", "inf"), "argument --lr: 'inf' is not a number above 0"),
        (("--seed", "-1"), "argument --seed: '-1' is not a whole number from 0"),
        (("--patience", "-3"), "argument --patience: '-3' is not a whole number from 0"),
        (("--stop_accuracy", "97.5"), "argument --stop_accuracy: '97.5' is not between 0 and 1"),
        (("--alpha", "0", "--teacher", "a.pt"), "--alpha 0 learns from no teacher"),
        (("--task", "chess"), "argument --task: invalid choice: 'chess'"),
        (("--corpora", "fsd"), "unknown corpus 'fsd': choose from fsdd, speech_commands"),
        (("--words_dir", "x"), "unrecognized arguments: --words_dir x"),
        (("--task", "own_words"), "task own_words needs --words_dir FOLDER"),
        (("--precision", "fp16", "--device", "cpu"), "--precision fp16 needs a GPU: on a CPU take fp32 or bf16"),
    ],
)
def test_flags_that_make_no_sense_exit_2_with_one_line(tmp_path, monkeypatch, capsys, flags, complaint):
    monkeypatch.chdir(tmp_path)
    code, said = run_here(capsys, monkeypatch, *flags)
    assert code == 2
    assert complaint in said.splitlines()[-1]
    assert "Traceback" not in said


@pytest.fixture
def fails_here(tmp_path, monkeypatch, capsys, data):
    """Run it in a fresh folder; it must exit 1 with one line, which is returned, and leave no checkpoint."""
    monkeypatch.chdir(tmp_path)

    def run(*flags: object, data_dir: Path = data) -> str:
        code, said = run_here(capsys, monkeypatch, "--data_dir", data_dir, *ALONE, *flags)
        assert (code, said.count("\n")) == (1, 0), said
        assert not list(tmp_path.rglob("student.pt"))
        assert not list(tmp_path.rglob("*.tmp"))
        return said.removeprefix("train_distill.py: ")

    return run


def test_a_loss_that_explodes_says_what_to_lower(fails_here):
    said = fails_here("--lr", "1e30")
    assert "the student's loss is no longer a number in epoch 1" in said
    assert said.endswith("start again with a lower --lr")


def test_who_starts_anew_leaves_no_old_state_to_resume(fails_here, tmp_path):
    """A regression: stopped in its first epoch and resumed, it went on with an earlier run's weights."""
    state = tmp_path / "out" / ".training-student.pt"
    state.parent.mkdir()
    state.write_bytes(b"of an earlier run")
    fails_here("--lr", "1e30")
    assert not state.exists()


def test_an_unreadable_recording_in_the_middle_is_named(fails_here, tmp_path, data):
    shutil.copytree(data, tmp_path / "copy")
    damaged = tmp_path / "copy" / "fsdd" / "recordings" / "5_theo_11.wav"
    damaged.write_bytes(damaged.read_bytes()[:1000])
    assert fails_here(data_dir=tmp_path / "copy").startswith(f"{damaged}: truncated")


def test_missing_data_names_the_command_that_fetches_it(fails_here, tmp_path):
    assert "get it with: python -m dwindle.data fetch fsdd" in fails_here(data_dir=tmp_path / "nowhere")


def test_more_to_a_batch_than_there_is(fails_here):
    assert "fewer training examples than one batch of 5000: lower --batch_size" in fails_here("--batch_size", "5000")


def test_a_teacher_that_will_not_do_is_told_before_the_data_is_loaded(fails_here, tmp_path):
    (tmp_path / "truncated.pt").write_bytes(b"PK\x03\x04")
    wrong = Checkpoint("own_words", ["a", "b"], "teacher", "trained", {}, {}, 0)
    wrong.save(tmp_path / "other.pt")
    for teacher, complaint in (
        ("absent.pt", "no such checkpoint"),
        ("truncated.pt", "damaged, or not a checkpoint"),
        ("other.pt", "made for task 'own_words', not 'spoken_digits'"),
    ):
        said = fails_here("--alpha", "0.7", "--teacher", tmp_path / teacher, data_dir=tmp_path / "nowhere")
        assert complaint in said


def test_a_teacher_of_other_labels_or_whose_weights_do_not_fit(fails_here, tmp_path):
    labels = [*"0123456789", "reject"]
    shape = {"classes": 11, "channels": 8}
    for known, arguments, complaint in (
        (["0", "1"], shape, "other labels"),
        (labels, shape, "weights do not fit"),
        (labels, {"depth": 3}, "weights do not fit"),
    ):
        Checkpoint("spoken_digits", known, "teacher", "trained", arguments, {}, 0).save(tmp_path / "teacher.pt")
        assert complaint in fails_here("--alpha", "0.7", "--teacher", tmp_path / "teacher.pt")


def test_a_student_begins_with_what_another_learnt_of_other_words(tmp_path):
    learnt, fresh = (SpeechNet(classes, channels=8) for classes in (11, 4))
    Checkpoint("spoken_digits", ["a"], "student", "trained", {}, learnt.state_dict(), 0).save(tmp_path / "digits.pt")
    head = fresh.word.weight.clone()
    train_distill.begin_with(fresh, tmp_path / "digits.pt")
    assert torch.equal(fresh.trunk[0].body[0].weight, learnt.trunk[0].body[0].weight)
    assert torch.equal(fresh.word.weight, head)
    with pytest.raises(errors.UserError, match="give one of the same --width"):
        train_distill.begin_with(SpeechNet(11, channels=12), tmp_path / "digits.pt")


def test_a_folder_that_cannot_be_written_is_told_before_the_training(fails_here, tmp_path):
    (tmp_path / "file").write_text("")
    assert "file" in fails_here("--output_dir", tmp_path / "file")
    assert "not a directory" in fails_here("--output_dir", tmp_path / "file" / "out")


def test_a_full_disk_is_one_line_and_leaves_what_was_there(tmp_path, data, monkeypatch, capsys, small_disk):
    folder, complaint = small_disk
    (folder / "student.pt").write_bytes(b"an older student")
    monkeypatch.chdir(tmp_path)
    flags = ("--data_dir", data, *ALONE, "--width", "80", "--output_dir", folder)
    code, said = run_here(capsys, monkeypatch, *flags)
    assert (code, said.count("\n")) == (1, 0), said
    assert complaint in said
    assert os.listdir(folder) == ["student.pt"]
    assert (folder / "student.pt").read_bytes() == b"an older student"


def test_batches_that_two_processes_cannot_share_are_told(tmp_path, data):
    done = train(tmp_path, "--data_dir", data, *ALONE, "--batch_size", "21", processes=2)
    assert done.returncode != 0
    assert "--batch_size 21 cannot be shared evenly by 2 processes" in done.stderr
