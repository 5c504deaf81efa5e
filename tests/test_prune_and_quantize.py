"""prune_and_quantize.py as a person runs it: killed and resumed, what it leaves behind, and what it refuses."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from script_process import RunningScript, run_script
from tiny_corpus import QUICK, train, write_fsdd

import prune_and_quantize
from dwindle import errors
from dwindle.checkpoint import Checkpoint, load_checkpoint, save_tensors
from dwindle.export import provenance
from dwindle.export.onnx_file import metadata_of, read_onnx
from dwindle.export.onnx_graph import zero_weights
from dwindle.files import sha256_of
from dwindle.machine import processor
from dwindle.results import load_results
from dwindle.tasks.speech.words import SpokenWords

COMMAND = ("--data_dir", "data", "--corpora", "fsdd", "--batch_size", "20", "--steps", "2", "--epochs_per_step", "1")
WHOLE = (*COMMAND, "--last_epochs", "2", "--qat_epochs", "1", "--rounds", "3", "--trials", "100")
WHOLE += ("--structured", "0.3", "--one_shot", "--json")


def run(folder: Path, *arguments: object) -> subprocess.CompletedProcess:
    return run_script(folder, "prune_and_quantize.py", *arguments)


def complaint(done: subprocess.CompletedProcess) -> str:
    assert "Traceback" not in done.stderr
    return done.stderr.strip().splitlines()[-1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("stage")
    write_fsdd(folder / "data")
    assert train(folder, "--data_dir", "data", *QUICK, "--epochs", "1", "--alpha", "0").returncode == 0
    return folder


@pytest.fixture(scope="module")
def killed(folder) -> Path:
    """The stage, killed after its first pruning step."""
    state = folder / "artifacts/versions/.pruning-pruned-1.pt"
    script = RunningScript(folder, "prune_and_quantize.py", *WHOLE)
    while not state.is_file():
        assert script.is_running, script.said
        time.sleep(0.02)
    script.kill()
    return folder


@pytest.fixture(scope="module")
def finished(killed) -> tuple[Path, list[dict]]:
    """The same, after refusing to go on under other conditions, resumed to its end."""
    assert [row["version"] for row in load_results(killed / "artifacts/results.json")["rows"]] == ["student alone"]
    assert not (killed / "artifacts/pruned.pt").exists()
    other = run(killed, *WHOLE, "--target_sparsity", "0.5", "--resume")
    assert other.returncode == 1
    assert "another target" in complaint(other)
    done = run(killed, *WHOLE)
    assert done.returncode == 0, done.stderr
    assert "pruned: goes on after step 1/2 (--fresh begins anew)" in done.stderr
    assert "with the help of artifacts/student.pt" in done.stderr  # there is no teacher.pt
    assert "step 1/2:" not in done.stderr
    assert "step 2/2" in done.stderr
    size = (killed / "artifacts/quantized.onnx").stat().st_size  # it was said without labels and the like, 0.5 kB less
    assert f"shipped as artifacts/quantized.onnx ({size:,} bytes" in done.stderr
    again = run(killed, *WHOLE)
    assert again.returncode == 0
    assert "quantized.onnx is already made by this command" in again.stderr
    assert "step" not in again.stderr
    assert json.loads(again.stdout) == json.loads(done.stdout)
    return killed, json.loads(done.stdout)


@pytest.mark.slow(seconds=40)
def test_every_version_has_a_row(finished):
    folder, rows = finished
    by_name = {row["version"]: row for row in rows}
    recorded = load_results(folder / "artifacts/results.json")["rows"]
    assert recorded[0]["version"] == "student alone"  # what the stage before recorded stays
    assert recorded[1:] == rows
    techniques = ["fp16", "dynamic", "static_uint8", "static_int8", "qat", "int8_weights"]
    expected = {"student", "pruned", "one_shot", "structured_30", "structured_30_int8_weights"}
    assert set(by_name) == expected | {f"pruned_{technique}" for technique in techniques}
    assert by_name["pruned"]["note"] == "40.0% of the weights zero in 2 steps, 3 epochs"
    assert by_name["one_shot"]["note"] == "40.0% of the weights zero in one step, 3 epochs"
    assert "converts no convolution" in by_name["pruned_dynamic"]["note"]
    assert by_name["structured_30"]["multiply_adds"] < by_name["student"]["multiply_adds"]
    assert by_name["structured_30"]["parameters"] < by_name["student"]["parameters"]
    assert by_name["pruned"]["bytes_gzipped"] < by_name["student"]["bytes_gzipped"]
    assert by_name["pruned_int8_weights"]["bytes"] < by_name["pruned_fp16"]["bytes"] < by_name["pruned"]["bytes"]
    assert {"onnxruntime", "pytorch"} <= set(by_name["pruned_qat"]["latency"])
    assert by_name["pruned_qat"]["processor"] == processor()


@pytest.mark.slow
def test_the_files_hold_what_the_rows_say(finished):
    folder, rows = finished
    pruned = load_checkpoint(folder / "artifacts/pruned.pt", "spoken_digits")
    assert (pruned.stage, pruned.corpora) == ("pruned", ["fsdd", "hiss"])
    assert pruned.parent_sha256 == sha256_of(folder / "artifacts/student.pt")
    weights = [w for name, w in pruned.weights.items() if w.ndim == 4]
    zeros = sum(int((w == 0).sum()) for w in weights) / sum(w.numel() for w in weights)
    assert zeros == pytest.approx(0.4, abs=0.001)
    assert not any(name.endswith("_mask") for name in pruned.weights)
    narrow = load_checkpoint(folder / "artifacts/structured_30.pt")
    SpokenWords.rebuild(None, narrow.arguments).load_state_dict(narrow.weights)
    shipped = folder / "artifacts/quantized.onnx"
    metadata = metadata_of(read_onnx(shipped))
    assert metadata["parent_sha256"] == sha256_of(folder / "artifacts/pruned.pt")
    assert json.loads(metadata["labels"])[-1] == "reject"
    (row,) = [row for row in rows if row["file"] == "quantized.onnx"]
    assert row["sha256"] == sha256_of(shipped)
    assert "shipped: " in row["note"]
    by_name = {one["version"]: one for one in rows}
    for name, parent in (("structured_30_int8_weights", "structured_30"), ("pruned_int8_weights", "pruned")):
        files = [folder / "artifacts/versions" / f"{one}.onnx" for one in (parent, name)]
        fewer = zero_weights(read_onnx(files[1])) - zero_weights(read_onnx(files[0]))
        assert by_name[name]["nonzeros"] == by_name[parent]["nonzeros"] - fewer
        assert fewer >= 0
    assert list((folder / "artifacts/versions").glob(".*")) == []


@pytest.mark.slow
def test_what_an_earlier_run_left_is_trusted_only_while_it_is_whole(finished, tmp_path, monkeypatch):
    """A regression: without pruned.pt stage 3 asked for stage 2, which said that all was done."""
    folder = tmp_path / "artifacts"
    shutil.copytree(finished[0] / "artifacts", folder)
    monkeypatch.setattr(provenance, "command_line", lambda: finished[1][0]["command"])

    def made_before() -> list[dict]:
        return provenance.made_before(finished[1], folder, folder / "student.pt", ["pruned", "structured_30"])

    assert made_before() == finished[1]
    monkeypatch.setattr(provenance, "command_line", lambda: finished[1][0]["command"] + " --resume")
    assert made_before() == finished[1]
    for name in ("pruned.pt", "structured_30.pt", "quantized.onnx"):
        (folder / name).rename(folder / "away")
        assert made_before() == []
        (folder / name).write_bytes(b"damaged")
        assert made_before() == []
        (folder / "away").replace(folder / name)


@pytest.mark.slow
def test_a_pruned_checkpoint_is_not_pruned_again(finished):
    folder, _ = finished
    done = run(folder, *COMMAND, "--student", "artifacts/pruned.pt")
    assert done.returncode == 1
    assert "is pruned already" in complaint(done)


def test_a_checkpoint_of_another_task_is_refused(folder):
    content = load_checkpoint(folder / "artifacts/student.pt")
    other = folder / "other.pt"
    content.task = "own_words"
    content.save(other)
    done = run(folder, *COMMAND, "--student", other)
    assert done.returncode == 1
    assert "made for task 'own_words'" in complaint(done)


@pytest.mark.parametrize("sparsity", ["1.5", "-0.1", "none"])
def test_a_sparsity_outside_its_range_is_a_wrong_command(monkeypatch, capsys, sparsity):
    monkeypatch.setattr(sys, "argv", ["prune_and_quantize.py", f"--target_sparsity={sparsity}"])
    with pytest.raises(SystemExit) as ended:
        errors.run(prune_and_quantize.main)
    assert ended.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert "is not between 0 and 1" in line


@pytest.mark.slow
def test_silent_recordings_cannot_calibrate(folder, tmp_path):
    shutil.copytree(folder / "data", tmp_path / "data")
    for path in (tmp_path / "data/fsdd/recordings").iterdir():
        soundfile.write(path, np.zeros(3200), 8000)
    done = run(tmp_path, *COMMAND, "--student", folder / "artifacts/student.pt")
    assert done.returncode == 1
    assert "calibration set is silent" in complaint(done)
    assert not (tmp_path / "artifacts/pruned.pt").exists()


def test_a_damaged_state_is_named(folder, tmp_path):
    shutil.copytree(folder / "data", tmp_path / "data")
    (tmp_path / "artifacts/versions").mkdir(parents=True)
    os.link(folder / "artifacts/student.pt", tmp_path / "artifacts/student.pt")
    save_tensors(tmp_path / "artifacts/versions/.pruning-pruned-1.pt", {"format": "something else"})
    done = run(tmp_path, *COMMAND)
    assert done.returncode == 1
    assert "not a state of pruning: begin anew with --fresh" in complaint(done)


def test_only_the_teacher_that_taught_the_student_is_taken_unasked(tmp_path):
    """A regression: whatever teacher.pt another training had left beside the student helped to shrink it."""
    student = Checkpoint("spoken_digits", ["a"], "student", "distilled", {}, {}, 0)
    beside, own = tmp_path / "teacher.pt", tmp_path / "student.pt"
    unasked, asked = argparse.Namespace(alpha=0.7, teacher=None), argparse.Namespace(alpha=0.7, teacher=["other.pt"])
    assert prune_and_quantize.teachers_of(unasked, student, own) == [own]
    student.parent_sha256 = Checkpoint("spoken_digits", ["a"], "teacher", "trained", {}, {}, 0).save(beside)
    assert prune_and_quantize.teachers_of(unasked, student, own) == [beside]
    assert prune_and_quantize.teachers_of(asked, student, own) == [Path("other.pt")]
    Checkpoint("spoken_digits", ["a"], "teacher", "trained", {}, {}, seed=1).save(beside)
    assert prune_and_quantize.teachers_of(unasked, student, own) == [own]


def test_a_teacher_who_heard_the_voice_that_only_this_stage_holds_out_is_refused(folder, tmp_path):
    student = load_checkpoint(folder / "artifacts/student.pt")
    student.corpora = ["hiss"]  # of FSDD it heard nobody, so it holds nobody out
    student.save(tmp_path / "student.pt")
    theirs = ("--student", tmp_path / "student.pt", "--hold_out_speaker", "theo")
    done = run(folder, *COMMAND, *theirs, "--teacher", "artifacts/student.pt", "--output_dir", tmp_path)
    assert done.returncode == 2
    assert "has heard theo, who is held out" in complaint(done)


@pytest.mark.parametrize("script", ["train_distill.py", "prune_and_quantize.py", "export_models.py"])
def test_a_folder_with_results_of_another_task_is_refused_before_the_work(folder, tmp_path, script):
    """A regression: found out after the training, when the student of the other task was written over."""
    content = {"format": "dwindle-results-2", "task": "own_words", "rows": []}
    (tmp_path / "results.json").write_text(json.dumps(content))
    (tmp_path / "student.pt").write_bytes((folder / "artifacts/student.pt").read_bytes())
    flags = ("--data_dir", "data", "--corpora", "fsdd", "--output_dir", tmp_path)
    done = run_script(folder, script, *flags)
    assert done.returncode == 1
    assert "holds results of task 'own_words', not 'spoken_digits'" in complaint(done)
    assert sha256_of(tmp_path / "student.pt") == sha256_of(folder / "artifacts/student.pt")
    assert sorted(os.listdir(tmp_path)) == ["results.json", "student.pt"]
