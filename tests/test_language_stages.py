"""The scripts with --task language_model, from a text file to a text that goes on: a Transformer, and an LSTM."""

from pathlib import Path

import pytest
from script_process import run_script

from dwindle.files import sha256_of
from dwindle.infer.text.language_generator import TextGenerator
from dwindle.results import load_results

pytestmark = [pytest.mark.slow(seconds=90), pytest.mark.timeout(900)]  # on a busy machine; two minutes on a quiet one
TASK = ("--task", "language_model", "--text", "verse.txt")
TRIALS = ("--trials", "100")
TRAINING = ("--epochs", "1", "--teacher_epochs", "1", "--batch_size", "8")
SHRINKING = (*TASK, *TRIALS, "--steps", "1", "--rounds", "2", "--batch_size", "8", "--target_sparsity", "0.1")
MADE = "artifacts/language_model"


@pytest.fixture
def folder(tmp_path):
    lines = [f"{number} bottles of {word} on the wall,\n" for number in range(300) for word in ("beer", "wine", "ink")]
    (tmp_path / "verse.txt").write_text("".join(lines), encoding="utf-8")
    return tmp_path


def done(folder, *line):
    finished = run_script(folder, *line)
    assert finished.returncode == 0, finished.stderr[-3000:]
    return finished


def rows_of(folder):
    return {row["version"]: row for row in load_results(folder / MADE / "results.json")["rows"]}


def quantised(folder: Path) -> dict[str, str]:
    """The checksums of what was quantised of the pruned network; which of it ships, speed has a say in, too."""
    rows = rows_of(folder).items()
    return {name: row["sha256"] for name, row in rows if row["stage"] == "quantised" and name.startswith("pruned")}


def test_a_transformer_loses_weights_heads_and_bits_and_is_quantised_anew_without_training(folder):
    done(folder, "train_distill.py", *TASK, *TRAINING)
    done(folder, "prune_and_quantize.py", *SHRINKING, "--structured", "0.3")
    rows = rows_of(folder)
    assert {"teacher", "distilled student", "pruned", "structured_30", "pruned_int4_weights"} <= set(rows)
    assert rows["structured_30"]["parameters"] < rows["student"]["parameters"]
    done(folder, "export_models.py", *TASK, *TRIALS)
    pruned, before = sha256_of(folder / MADE / "pruned.pt"), quantised(folder)
    assert {"pruned_int8_weights", "pruned_int4_weights"} <= set(before)
    (folder / MADE / "quantized.onnx").unlink()
    done(folder, "prune_and_quantize.py", *SHRINKING, "--keep_pruned")
    assert sha256_of(folder / MADE / "pruned.pt") == pruned
    assert quantised(folder) == before
    (ships,) = [row for row in rows_of(folder).values() if row["file"] == "quantized.onnx"]
    assert ships["sha256"] == sha256_of(folder / MADE / "quantized.onnx")
    other = run_script(folder, "prune_and_quantize.py", *SHRINKING, "--keep_pruned", "--student", f"{MADE}/teacher.pt")
    assert other.returncode == 1 and "was not pruned of" in other.stderr.strip().splitlines()[-1]
    assert len("".join(TextGenerator(folder / MADE / "model_int8.onnx").generate("7 b", 150, seed=1))) == 150


def test_an_lstm_goes_the_same_way(folder):
    done(folder, "train_distill.py", *TASK, *TRAINING, "--architecture", "lstm")
    done(folder, "prune_and_quantize.py", *SHRINKING)
    assert {"teacher", "distilled student", "pruned", "pruned_int4_weights"} <= set(rows_of(folder))
    done(folder, "export_models.py", *TASK, *TRIALS)
    assert len("".join(TextGenerator(folder / MADE / "model_int8.onnx").generate("7 b", 30, seed=1))) == 30
