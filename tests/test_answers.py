"""bench/answers.py: every answer of a model, clip by clip, on whatever corpora there are."""

import base64
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from script_process import ROOT
from tiny_corpus import environment, write_fsdd

from bench.answers import BRIGHTEST_DB, DARKEST_DB, coded

RELEASED = ROOT / "artifacts" / "model_int8.onnx"


def test_a_picture_keeps_each_band_in_eight_bits():
    picture = torch.linspace(-9, 4, 40 * 61).reshape(40, 61)
    levels = np.frombuffer(base64.b64decode(coded(picture)), np.uint8).reshape(40, 61)
    restored_db = DARKEST_DB + levels / 255 * (BRIGHTEST_DB - DARKEST_DB)
    assert np.abs(restored_db - picture.numpy() * 10 / np.log(10)).max() < 0.15


def test_it_asks_only_for_corpora_that_are_there(tmp_path):
    """Nobody can fetch the negatives."""
    if not RELEASED.is_file():
        pytest.skip(f"needs the released model: {RELEASED.relative_to(ROOT)}")
    write_fsdd(tmp_path)
    command = [sys.executable, ROOT / "bench" / "answers.py", "--models", RELEASED]
    command += ["--data_dir", tmp_path, "--output", tmp_path / "answers.json"]
    done = subprocess.run(list(map(str, command)), env=environment(), capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / "answers.json").read_text(encoding="utf-8"))
    assert {name: len(clips["said"]) for name, clips in written["clips"].items()} == {
        "fsdd_validation": 30,
        "fsdd_test": 30,
    }
    assert len(written["models"][0]["sets"]["fsdd_test"]["heard"]) == 30
