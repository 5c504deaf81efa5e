"""The flags that name a task: the same in every stage, and a later stage parts the clips as training did."""

from dwindle.errors import UsageError, UserError

import argparse
import sys

import pytest

import export_models
import prune_and_quantize
import train_distill
from dwindle.checkpoint import Checkpoint
from dwindle.tasks import TASKS, TaskOptions, open_task
from dwindle.tasks.flags import add_task_flags, task_of

LABELS = [*"0123456789", "reject"]


def flags(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.set_defaults(seed=0)
    add_task_flags(parser.add_argument_group("data"))
    return parser.parse_args(words)


def test_the_default_task_is_opened_without_any_data(tmp_path):
    task = task_of(flags("--data_dir", str(tmp_path / "nowhere")))
    assert (task.name, list(task.labels)) == ("spoken_digits", LABELS)
    assert task.build("student")[0].attention.in_channels == 80


def test_an_unknown_task_is_a_wrong_command(capsys):
    with pytest.raises(SystemExit) as ended:
        flags("--task", "telepathy")
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert all(name in said for name in TASKS)


@pytest.mark.parametrize(
    ("script", "flag"), [(prune_and_quantize, "--student"), (export_models, "--checkpoint")], ids=["stage2", "stage3"]
)
def test_a_later_stage_parts_the_clips_with_the_seed_of_training(tmp_path, monkeypatch, script, flag):
    """Another seed would judge on clips that the student was trained on."""
    task = open_task("spoken_digits", TaskOptions(tmp_path))
    network, arguments = task.build("student", 8)
    student = Checkpoint("spoken_digits", LABELS, "student", "trained", arguments, network.state_dict(), seed=7)
    student.held_out_speaker, student.corpora = "theo", ["fsdd"]
    student.save(tmp_path / "student.pt")
    asked = []

    class Stop(Exception):
        pass

    def opened(name: str, options: TaskOptions) -> None:
        asked.append((options.seed, options.hold_out_speaker))
        raise Stop

    monkeypatch.setattr("dwindle.tasks.flags.open_task", opened)
    line = [script.__name__, flag, str(tmp_path / "student.pt"), "--output_dir", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", line)
    with pytest.raises(Stop):
        script.main()
    assert asked == [(7, "theo")]
    monkeypatch.setattr(sys, "argv", [*line, "--hold_out_speaker", "lucas"])
    with pytest.raises(UsageError, match="the checkpoint has heard that speaker"):
        script.main()


@pytest.mark.parametrize(
    ("corpora", "held_out", "refused"),
    [(["fsdd"], None, True), (["fsdd"], "lucas", True), (["fsdd"], "theo", False), (["voices"], None, False)],
)
@pytest.mark.parametrize(
    ("script", "flag"),
    [(train_distill, "--teacher"), (train_distill, "--start_from"), (prune_and_quantize, "--teacher")],
)
def test_who_heard_the_voice_held_out_may_not_tell_of_it(
    tmp_path, monkeypatch, script, flag, corpora, held_out, refused
):
    """One that never heard FSDD, or holds out the same voice, may."""
    task = open_task("spoken_digits", TaskOptions(tmp_path))
    network, arguments = task.build("student", 8)
    for name, heard, unheard in (("parent", corpora, held_out), ("student", ["fsdd"], "theo")):
        model = Checkpoint("spoken_digits", LABELS, "student", "trained", arguments, network.state_dict(), 0, {}, heard)
        model.held_out_speaker = unheard
        model.save(tmp_path / f"{name}.pt")
    line = [script.__name__, flag, str(tmp_path / "parent.pt"), "--output_dir", str(tmp_path)]
    line += ["--hold_out_speaker", "theo", "--data_dir", str(tmp_path)]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", line)
    with pytest.raises(UserError) as complaint:
        script.main()
    assert ("has heard theo" in str(complaint.value)) == refused, complaint.value


def test_naming_the_words_reads_no_sound(tmp_path):
    for word in ("left", "right"):
        for take in range(20):
            path = tmp_path / "mine" / word / f"{take}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"not a sound file")
    task = task_of(flags("--task", "own_words", "--words_dir", str(tmp_path / "mine")))
    assert task.labels == ("left", "right", "reject")
    with pytest.raises(UserError, match="not a sound file"):
        _ = task.data
