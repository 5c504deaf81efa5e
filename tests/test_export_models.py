"""The export script, on a small vocabulary of tones: what it writes, and that a failure leaves everything as it was."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
import soundfile
import torch
from script_process import ROOT, run_script

import export_models
from dwindle.checkpoint import Checkpoint, load_checkpoint
from dwindle.engine import open_session
from dwindle.export.formats import load_torchscript, to_onnx
from dwindle.export.onnx_file import metadata_of, read_onnx, write_onnx
from dwindle.files import sha256_of, write_json
from dwindle.infer.speech import SAMPLE_RATE
from dwindle.infer.speech.model import Recogniser
from dwindle.machine import processor
from dwindle.task import open_task, options_of

WRITTEN = ["export_results.json", "model.onnx", "model_int8.onnx", "model_ts.pt", "results.json"]


@pytest.fixture(scope="module")
def words(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("words")
    time_s = np.arange(SAMPLE_RATE // 2) / SAMPLE_RATE
    for word, frequency_hz in (("low", 300), ("high", 1500)):
        (folder / word).mkdir()
        for take in range(20):
            tone = 0.3 * np.sin(2 * np.pi * (frequency_hz + 10 * take) * time_s)
            soundfile.write(folder / word / f"{take}.wav", tone, SAMPLE_RATE)
    return folder


@pytest.fixture(scope="module")
def task(words, tmp_path_factory):
    return open_task("own_words", options_of("own_words", data_dir=tmp_path_factory.mktemp("no-data"), words_dir=words))


@pytest.fixture
def folder(task, tmp_path) -> Path:
    """A checkpoint and what stage 2 would have made of it."""
    torch.manual_seed(0)
    model, arguments = task.build("student", 16)
    checkpoint = Checkpoint(
        "own_words", list(task.labels), "student", "trained", arguments, model.state_dict(), seed=0, corpora=["words"]
    )
    digest = checkpoint.save(tmp_path / "student.pt")
    path = tmp_path / "quantized.onnx"
    to_onnx(model.eval(), task.example_inputs(), path, task.inputs, task.outputs, {"parent_sha256": digest})
    return tmp_path


def export(folder: Path, words: Path, *flags: str, trials: int = 40, **environment: str) -> subprocess.CompletedProcess:
    places = ("--words_dir", words, "--data_dir", words.parent, "--output_dir", folder, "--trials", trials)
    line = list(map(str, ("export_models.py", "--task", "own_words", *places, *flags)))
    if not environment:
        return run_script(ROOT, *line)
    environment = os.environ | environment
    return subprocess.run([sys.executable, *line], cwd=ROOT, env=environment, capture_output=True, text=True)


def failed_in_one_line(done: subprocess.CompletedProcess, message: str) -> bool:
    lines = done.stderr.strip().splitlines()
    return done.returncode != 0 and message in lines[-1] and "Traceback" not in done.stderr


@pytest.mark.slow(seconds=45)
def test_every_file_is_complete_and_said_to_agree(folder, words, task):
    done = export(folder, words, "--benchmark", trials=1000)
    assert done.returncode == 0, done.stderr
    assert set(WRITTEN) <= set(os.listdir(folder))
    assert not [name for name in os.listdir(folder) if name.startswith(".")]
    digest = sha256_of(folder / "student.pt")
    for name in ("model.onnx", "model_int8.onnx"):
        said = metadata_of(read_onnx(folder / name))
        assert said["parent_sha256"] == digest
        assert json.loads(said["labels"]) == list(task.labels)
        assert json.loads(said["corpora"]) == ["words"]
        assert {"sample_rate", "window_samples", "threshold", "licence", "task"} <= set(said)
        assert Recogniser(folder / name).words == ["high", "low"]
    assert load_torchscript(folder / "model_ts.pt", ["parent_sha256"])[1] == {"parent_sha256": digest}
    report = json.loads((folder / "export_results.json").read_text())
    for name, file in report["files"].items():
        assert file["sha256"] == sha256_of(folder / name)
        assert file["against_pytorch"]["random"]["inputs"] == 1000
        assert file["against_pytorch"]["random"]["batch_sizes"] == [1, 2, 64]
        assert max(trial["largest_difference"] for trial in file["against_pytorch"].values()) < 1e-3
    assert {row["engine"] for row in report["latency"]} == {"eager", "torchscript", "onnx", "onnx_int8"}
    assert {(row["threads"] == 1, row["batch_size"]) for row in report["latency"]} >= {(True, 1), (True, 64)}
    assert {row["engine"] for row in report["processes"]} == {"eager", "torchscript", "onnx", "onnx_int8"}
    rows = {row["version"]: row for row in json.loads((folder / "results.json").read_text())["rows"]}
    assert rows["onnx"]["parent_sha256"] == digest
    assert rows["onnx"]["processor"] == report["machine"]["processor"] == processor()


@pytest.mark.slow
def test_the_exported_program_is_checked_like_the_others(folder, words, monkeypatch):
    places = ["--words_dir", words, "--data_dir", words.parent, "--output_dir", folder]
    monkeypatch.setattr(
        sys, "argv", ["export_models.py", "--task", "own_words", *map(str, places), "--pt2", "--trials", "20"]
    )
    export_models.main()
    file = json.loads((folder / "export_results.json").read_text())["files"]["model.pt2"]
    assert file["sha256"] == sha256_of(folder / "model.pt2")
    assert set(file["against_pytorch"]) == {"random", "real"}
    assert file["against_pytorch"]["random"]["inputs"] == 20
    assert max(found["largest_difference"] for found in file["against_pytorch"].values()) < 1e-3


@pytest.mark.slow
def test_a_violated_bound_fails_and_leaves_the_old_files(folder, words):
    (folder / "model.onnx").write_text("old")
    model = read_onnx(folder / "quantized.onnx")
    usual = int(
        open_session(folder / "quantized.onnx").run(None, {"audio": np.zeros((1, 8000), np.float32)})[0].argmax()
    )
    bias = next(tensor for tensor in model.graph.initializer if list(tensor.dims) == [3])
    bias.CopyFrom(onnx.numpy_helper.from_array(99 * np.eye(3, dtype=np.float32)[usual - 1], bias.name))
    write_onnx(model, folder / "quantized.onnx", metadata_of(model))
    before = {name: (folder / name).read_bytes() for name in os.listdir(folder)}
    done = export(folder, words)
    assert failed_in_one_line(done, "top answer"), done.stderr
    assert {name: (folder / name).read_bytes() for name in os.listdir(folder)} == before


def test_a_quantised_file_of_another_checkpoint_is_refused(folder, words):
    write_onnx(read_onnx(folder / "quantized.onnx"), folder / "quantized.onnx", {"parent_sha256": "0" * 64})
    assert failed_in_one_line(export(folder, words), "was not made from")


@pytest.mark.slow
def test_what_an_earlier_checkpoint_left_is_removed_and_named(folder, words):
    """infer.py would go on with it."""
    (folder / "model_int8.onnx").write_text("old")
    before = {"checkpoint": {"sha256": "of an earlier one"}, "files": {"model.onnx": {}, "model_int8.onnx": {}}}
    write_json(folder / "export_results.json", before)
    done = export(folder, words, "--float_only")
    assert done.stderr.strip().endswith("model_int8.onnx was of an earlier checkpoint and is removed")
    assert not (folder / "model_int8.onnx").exists()
    assert (folder / "model.onnx").exists()


def test_a_checkpoint_of_another_task_is_refused(folder, words):
    replace(load_checkpoint(folder / "student.pt"), task="spoken_digits").save(folder / "student.pt")
    assert failed_in_one_line(export(folder, words), "made for task 'spoken_digits'")


@pytest.mark.slow
def test_weights_that_do_not_fit_are_refused(folder, words):
    checkpoint = load_checkpoint(folder / "student.pt")
    replace(checkpoint, arguments=checkpoint.arguments | {"channels": 24}).save(folder / "student.pt")
    assert failed_in_one_line(export(folder, words, "--float_only"), "do not fit")


def test_a_folder_that_cannot_be_written_is_refused(folder, words):
    (folder / "file").write_text("in the way")
    done = export(folder / "file" / "deeper", words, "--float_only", "--checkpoint", str(folder / "student.pt"))
    assert failed_in_one_line(done, "cannot write into")


@pytest.mark.slow
def test_a_disk_that_fills_midway_leaves_the_old_files_and_nothing_else(folder, words, small_disk):
    """It has room for the TorchScript file and not for the next one."""
    disk, complaint = small_disk
    for name in WRITTEN[:-1]:
        (disk / name).write_text("old")
    done = export(disk, words, "--checkpoint", str(folder / "student.pt"))
    assert done.returncode == 1
    assert failed_in_one_line(done, complaint), done.stderr
    assert {name: (disk / name).read_text() for name in os.listdir(disk)} == dict.fromkeys(WRITTEN[:-1], "old")


@pytest.mark.slow
def test_results_that_cannot_be_added_to_keep_every_old_file(folder, words):
    (folder / "model.onnx").write_text("old")
    write_json(folder / "results.json", {"format": "dwindle-results-2", "task": "spoken_digits", "rows": []})
    before = {name: (folder / name).read_bytes() for name in os.listdir(folder)}
    assert failed_in_one_line(export(folder, words, "--float_only"), "holds results of task 'spoken_digits'")
    assert {name: (folder / name).read_bytes() for name in os.listdir(folder)} == before


@pytest.mark.parametrize(
    ("package", "flags", "remedy"),
    [
        ("onnxruntime", (), "pip install -r requirements.txt"),
        ("executorch", ("--executorch", "--pt2"), "pip install executorch==1.2.0"),
    ],
)
def test_a_missing_package_is_one_line_before_the_work(folder, words, tmp_path_factory, package, flags, remedy):
    hiding = tmp_path_factory.mktemp("hiding")
    (hiding / f"{package}.py").write_text("raise ImportError('hidden')")
    before = set(os.listdir(folder))
    done = export(folder, words, *flags, PYTHONPATH=str(hiding))
    assert done.returncode == 1
    assert failed_in_one_line(done, "cannot be imported (hidden)")
    assert failed_in_one_line(done, remedy)
    assert set(os.listdir(folder)) == before


@pytest.mark.slow
def test_executorch_answers_as_pytorch_where_it_is_installed(folder, words):
    """Elsewhere the command ends in the line that the test above reads."""
    done = export(folder, words, "--float_only", "--executorch", "--pt2")
    if done.returncode:
        assert failed_in_one_line(done, "pip install executorch==1.2.0")
        return
    agreed = json.loads((folder / "export_results.json").read_text())["files"]["model.pte"]["against_pytorch"]
    assert set(agreed) == {"random", "real"}
    assert max(found["largest_difference"] for found in agreed.values()) < 1e-3
    assert (folder / "model.pte").stat().st_size > 10_000


def test_large_files_in_the_table_stay_apart():
    """A regression: "27,636,41019,909,031" were two columns."""
    file = {"bytes": 27_636_410, "bytes_gzipped": 19_909_031}
    file["against_pytorch"] = {"cpu": {"largest_difference": 1e-6, "same_answer": 1.0}}
    line = export_models.described({"files": {"model_ts.pt": file}}, Path("artifacts")).splitlines()[1]
    assert line.split() == ["model_ts.pt", "27,636,410", "19,909,031", "1e-06", "100.00%"]
