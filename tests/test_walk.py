"""The adversary's walk, a short part of it; `python -m bench.walk` goes the whole way."""

import json
import subprocess
import sys

import pytest
from script_process import ROOT
from tiny_corpus import environment

from bench.kills import half_written


@pytest.mark.slow(seconds=40)
def test_a_short_walk_fails_nowhere():
    few = ["--sounds", "300", "--files", "100", "--commands", "60", "--kills", "0", "--seed", "1"]
    command = [sys.executable, "-m", "bench.walk", *few]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["failed"] == 0
    assert report["sounds"]["heard"] + report["sounds"]["refused"] == 300
    assert min(report["sounds"]["heard"], report["sounds"]["refused"], report["files"]["refused"]) > 20
    assert report["commands"]["exit 1"] + report["commands"]["exit 2"] == 60


def test_a_half_written_file_is_found(tmp_path):
    (tmp_path / "results.json").write_text("{}")
    (tmp_path / ".state.pt").write_text("half")  # a state is gone on from or refused
    assert half_written(tmp_path) == []
    for name in ("results.json", "model.onnx", "student.pt"):
        (tmp_path / name).write_bytes(b"\xff{")
    assert len(half_written(tmp_path)) == 3
