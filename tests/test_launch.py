"""Under torchrun: several processes that speak with one voice, fail with one line, and shrink a network together."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from script_process import ROOT, run_script
from tiny_corpus import QUICK, SHRINK, environment, torchrun, train, write_fsdd

from dwindle.checkpoint import load_checkpoint
from dwindle.compress.prune import sparsity
from dwindle.results import load_results
from dwindle.task import open_task, options_of

SCRIPT = """
import os, signal, sys, time
from dwindle.errors import UserError, run

rank = int(os.environ["RANK"])

def main():
    {fate}

run(main)
"""


def complaints(stderr: str) -> list[str]:
    """The script's own lines; the launcher adds its report."""
    return [line for line in stderr.splitlines() if line.startswith("script.py: ")]


@pytest.mark.parametrize(
    ("fate", "said"),
    [
        ("raise UserError('no flour: buy some')", "script.py: no flour: buy some"),
        ("raise UserError('no salt') if rank == 1 else time.sleep(60)", "script.py: no salt"),
    ],
)
def test_what_fails_is_said_once(tmp_path, fate, said):
    (tmp_path / "script.py").write_text(SCRIPT.format(fate=fate))
    done = run_script(tmp_path, *torchrun(2), tmp_path / "script.py")
    assert done.returncode == 1
    assert complaints(done.stderr) == [said]


def test_ctrl_c_ends_all_of_them(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT.format(fate="open(f'{os.getpid()}.pid', 'w').close() or time.sleep(60)"))
    process = subprocess.Popen(
        [sys.executable, *map(str, torchrun(3)), "script.py"],
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    give_up = time.monotonic() + 60
    while len(list(tmp_path.glob("*.pid"))) < 3:
        assert time.monotonic() < give_up
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, stderr = process.communicate(timeout=40)
    assert process.returncode != 0
    assert "script.py: interrupted" in stderr
    for path in tmp_path.glob("*.pid"):
        with pytest.raises(ProcessLookupError):
            os.kill(int(path.stem), 0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A place with a student."""
    folder = tmp_path_factory.mktemp("stage")
    write_fsdd(folder / "data")
    assert train(folder, "--data_dir", "data", *QUICK, "--epochs", "2", "--alpha", "0").returncode == 0
    return folder


@pytest.mark.slow(seconds=40)
def test_two_processes_shrink_a_network_together(folder):
    flags = (*SHRINK, "--json", "--steps", "2", "--structured", "0.3")
    done = run_script(folder, *torchrun(2), ROOT / "prune_and_quantize.py", *flags)
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)  # that of one process
    for line in ("fine-tuning with the help of", "pruned: step 1/2", "pruned: step 2/2", "shipped as"):
        assert done.stderr.count(line) == 1, line
    recorded = load_results(folder / "artifacts/results.json")["rows"]
    assert [row for row in recorded if row["version"] != "student alone"] == rows
    assert {"pruned", "structured_30", "structured_30_int8_weights", "pruned_qat"} <= {row["version"] for row in rows}
    assert not list(folder.glob("artifacts/versions/.*"))

    path = folder / "artifacts/pruned.pt"
    task = open_task("spoken_digits", options_of("spoken_digits", data_dir=str(folder / "data"), corpora=["fsdd"]))
    assert sparsity(task.restored(load_checkpoint(path), path)) == pytest.approx(0.4, abs=0.001)

    again = run_script(folder, *torchrun(2), ROOT / "prune_and_quantize.py", *flags, "--resume")
    assert (again.returncode, json.loads(again.stdout)) == (0, rows), again.stderr
    assert again.stderr.count("is already made by this command") == 1


def test_a_wrong_flag_is_refused_once(folder):
    done = run_script(folder, *torchrun(2), ROOT / "prune_and_quantize.py", "--batch_size", "21")
    assert done.returncode != 0
    said = [line for line in done.stderr.splitlines() if line.startswith("prune_and_quantize.py: ")]
    assert said == [
        "prune_and_quantize.py: --batch_size 21 cannot be shared evenly by 2 processes: "
        "give one that can, or start another number of processes"
    ]
