"""The notebooks run from what is released: no training data, no checkpoint that is not there."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run_notebook(name: str, *flags: str) -> subprocess.CompletedProcess:
    command = [sys.executable, ROOT / "notebooks" / f"{name}.py", *flags]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240)


@pytest.mark.parametrize(
    ("name", "flags", "said"),
    [
        ("quantization", ("--task", "language_model"), "| model_int8.onnx (ONNX, what ships) |"),
        ("knowledge_distillation", ("--released",), "times smaller than its teacher"),
    ],
)
def test_a_notebook_shows_what_the_release_measured(name, flags, said):
    done = run_notebook(name, *flags)
    assert said in done.stdout + done.stderr, done.stderr
    assert "Traceback" not in done.stderr


def test_a_baseline_without_its_checkpoint_shows_what_was_measured(tmp_path):
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    (tmp_path / "artifacts").mkdir()
    for folder in ("dwindle", "report"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    command = [sys.executable, "notebooks/baseline_measurement.py", "--task", "sentiment"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=240)
    assert "is not there" in done.stdout
    assert "| teacher |" in done.stdout
