"""The flags that name a task: the same in every stage, and a later stage parts the clips as training did."""

import argparse
import subprocess
import sys

import pytest

import export_models
import prune_and_quantize
import train_distill
from dwindle.checkpoint import Checkpoint
from dwindle.errors import UsageError, UserError
from dwindle.stage import StageParser
from dwindle.task import TASKS, open_task, options_of

LABELS = [*"0123456789", "reject"]


DOC = "A stage.\n\n    python stage.py\n"


def flags(monkeypatch, *words: str) -> argparse.Namespace:
    monkeypatch.setattr(sys, "argv", ["stage.py", *words])
    parser = StageParser(DOC)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output_dir")
    return parser.parse()


def test_the_default_task_is_opened_without_any_data(tmp_path, monkeypatch):
    task = open_task("spoken_digits", flags(monkeypatch, "--data_dir", str(tmp_path / "nowhere")))
    assert (task.name, list(task.labels)) == ("spoken_digits", LABELS)
    assert task.build("student")[0].attention.in_channels == 80


@pytest.mark.parametrize("words", [("--task", "telepathy"), ("--task=telepathy",)])
def test_an_unknown_task_is_a_wrong_command(monkeypatch, words):
    with pytest.raises(UsageError) as complaint:
        flags(monkeypatch, *words)
    assert all(name in str(complaint.value) for name in TASKS)


@pytest.mark.parametrize("words", [("--task",), ("--data_dir", ""), ("--words_dir", "mine")])
def test_a_flag_without_value_or_of_another_task_is_a_wrong_command(monkeypatch, words):
    with pytest.raises(UsageError):
        flags(monkeypatch, *words)


def test_each_task_has_a_folder_of_its_own_for_its_files(monkeypatch):
    assert flags(monkeypatch).output_dir == "artifacts"
    assert flags(monkeypatch, "--task", "own_words").output_dir == "artifacts/own_words"
    assert flags(monkeypatch, "--task=own_words", "--output_dir", "mine").output_dir == "mine"


def test_a_tasks_own_defaults_take_the_place_of_the_stages(monkeypatch):
    monkeypatch.setattr("dwindle.tasks.speech.digits.DEFAULTS", {"seed": 3, "epochs": 9}, raising=False)
    assert flags(monkeypatch).seed == 3
    assert flags(monkeypatch, "--seed", "5").seed == 5
    assert not hasattr(flags(monkeypatch), "epochs")


@pytest.mark.parametrize(
    ("script", "flag"), [(prune_and_quantize, "--student"), (export_models, "--checkpoint")], ids=["stage2", "stage3"]
)
def test_a_later_stage_parts_the_clips_with_the_seed_of_training(tmp_path, monkeypatch, script, flag):
    """Another seed would judge on clips that the student was trained on."""
    task = open_task("spoken_digits", options_of("spoken_digits", data_dir=tmp_path))
    network, arguments = task.build("student", 8)
    student = Checkpoint("spoken_digits", LABELS, "student", "trained", arguments, network.state_dict(), seed=7)
    student.provenance, student.corpora = {"held_out_speaker": "theo"}, ["fsdd"]
    student.save(tmp_path / "student.pt")
    asked = []

    class Stop(Exception):
        pass

    def spoken_words(name, labels, load, *rest):
        monkeypatch.setattr("dwindle.tasks.speech.digits._load", lambda *given: asked.append(given[-2:]))
        load()
        raise Stop

    line = [script.__name__, flag, str(tmp_path / "student.pt"), "--output_dir", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", line)
    with monkeypatch.context() as patched:
        patched.setattr("dwindle.tasks.speech.digits.SpokenWords", spoken_words)
        with pytest.raises(Stop):
            script.main()
    assert asked == [("theo", 7)]
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
    task = open_task("spoken_digits", options_of("spoken_digits", data_dir=tmp_path))
    network, arguments = task.build("student", 8)
    for name, heard, unheard in (("parent", corpora, held_out), ("student", ["fsdd"], "theo")):
        model = Checkpoint("spoken_digits", LABELS, "student", "trained", arguments, network.state_dict(), 0, {}, heard)
        model.provenance = {"held_out_speaker": unheard}
        model.save(tmp_path / f"{name}.pt")
    line = [script.__name__, flag, str(tmp_path / "parent.pt"), "--output_dir", str(tmp_path)]
    line += ["--hold_out_speaker", "theo", "--data_dir", str(tmp_path)]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", line)
    with pytest.raises(UserError) as complaint:
        script.main()
    assert ("has heard theo" in str(complaint.value)) == refused, complaint.value


def test_naming_the_words_reads_no_sound(tmp_path, monkeypatch):
    for word in ("left", "right"):
        for take in range(20):
            path = tmp_path / "mine" / word / f"{take}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"not a sound file")
    task = open_task("own_words", flags(monkeypatch, "--task", "own_words", "--words_dir", str(tmp_path / "mine")))
    assert task.labels == ("left", "right", "reject")
    with pytest.raises(UserError, match="not a sound file"):
        _ = task.data


def test_only_the_chosen_task_is_imported():
    check = (
        "import sys, dwindle.task\n"
        "sys.exit(', '.join(m for m in sys.modules if m.startswith('dwindle.tasks.speech.words')) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
