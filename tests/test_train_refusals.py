"""Stage 1 with everything that can go wrong: one line, before the work where that is possible, and nothing is lost."""

import argparse
import os
import shutil
import sys
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from tiny_corpus import ALONE, write_fsdd

import train_distill
from dwindle import errors
from dwindle.checkpoint import Checkpoint
from dwindle.task import open_task, options_of
from dwindle.tasks.speech.network import SpeechNet

pytestmark = pytest.mark.timeout(900)  # on a busy machine


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    write_fsdd(folder := tmp_path_factory.mktemp("data"))
    return folder


def run_here(capsys, monkeypatch, *arguments: object) -> tuple[int, str]:
    """The script in this process; its exit code, and what stands on stderr but progress bars."""
    monkeypatch.setattr(sys, "argv", ["train_distill.py", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        errors.run(train_distill.main)
    lines = [line for line in capsys.readouterr().err.splitlines() if "it/s" not in line and "clip/s" not in line]
    return ended.value.code, "\n".join(filter(None, lines))


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
        (("--fresh", "--resume"), "argument --resume: not allowed with argument --fresh"),
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


def test_who_begins_afresh_leaves_no_old_state_to_go_on_from(fails_here, tmp_path):
    """A regression: stopped in its first epoch and resumed, it went on with an earlier run's weights."""
    state = tmp_path / "out" / ".training-student.pt"
    state.parent.mkdir()
    state.write_bytes(b"half of a state")
    assert f"{Path('out') / state.name}: damaged: begin anew with --fresh" in fails_here()
    assert state.exists()
    fails_here("--lr", "1e30", "--fresh")
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
    train_distill.begin_with(fresh, tmp_path / "digits.pt", ["b"])
    assert torch.equal(fresh.trunk[0].body[0].weight, learnt.trunk[0].body[0].weight)
    assert torch.equal(fresh.word.weight, head)
    with pytest.raises(errors.UserError, match="give one of the same --width, or a narrower one of the same words"):
        train_distill.begin_with(SpeechNet(11, channels=12), tmp_path / "digits.pt", ["b"])
    with pytest.raises(errors.UserError, match="give one of the same --width, or a narrower one of the same words"):
        train_distill.begin_with(SpeechNet(11, channels=4), tmp_path / "digits.pt", ["a"])


def test_a_student_begins_with_what_a_narrower_one_learnt_of_the_same_words(tmp_path):
    narrow, wide = (SpeechNet(11, channels=channels) for channels in (8, 12))
    Checkpoint("spoken_digits", ["a"], "student", "trained", {}, narrow.state_dict(), 0).save(tmp_path / "narrow.pt")
    train_distill.begin_with(wide, tmp_path / "narrow.pt", ["a"])
    audio = 0.1 * torch.randn(2, 8000)
    for learnt, grown in zip(narrow.eval()(audio)[:2], wide.eval()(audio)[:2], strict=True):
        torch.testing.assert_close(grown, learnt, atol=1e-4, rtol=1e-4)


def test_a_student_that_will_not_do_is_told_before_its_teacher_is_trained(fails_here, tmp_path):
    """A regression: the width was compared when the teacher was done."""
    weights = SpeechNet(11, channels=8).state_dict()
    Checkpoint("spoken_digits", ["a"], "student", "trained", {}, weights, 0).save(tmp_path / "narrow.pt")
    said = fails_here("--alpha", "0.7", "--start_from", tmp_path / "narrow.pt", "--width", "24")
    assert "give one of the same --width, or a narrower one of the same words" in said
    assert not (tmp_path / "logs" / "out-teacher.jsonl").exists()


def test_a_student_too_large_to_ship_is_said_at_once(capsys):
    task = open_task("spoken_digits", options_of("spoken_digits"))
    for width, said in (
        (80, ""),
        (160, "bytes of model.onnx that export_models.py allows: it may teach, and not ship"),
    ):
        train_distill.check_student(task, argparse.Namespace(width=width, start_from=None), Accelerator(cpu=True))
        assert said in capsys.readouterr().err


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
