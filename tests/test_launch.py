"""Several processes that speak with one voice, and fail with one line."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from script_process import RunningScript
from tiny_corpus import environment

from dwindle import errors, launch

SCRIPT = """
import os, signal, sys, time
from dwindle.errors import UserError, run

rank = int(os.environ["RANK"])

def main():
    print(f"process {{rank}} of {{os.environ['WORLD_SIZE']}}, {{os.environ['OMP_NUM_THREADS']}} thread")
    {fate}

run(main)
"""


def start(folder: Path, fate: str, processes: int) -> subprocess.Popen:
    (folder / "script.py").write_text(SCRIPT.format(fate=fate))
    return subprocess.Popen(
        [sys.executable, "-m", "dwindle.launch", "--processes", str(processes), "script.py"],
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


@pytest.mark.parametrize(
    ("fate", "code", "said"),
    [
        ("pass", 0, ""),
        ("raise UserError('no flour: buy some')", 1, "script.py: no flour: buy some\n"),
        ("raise UserError('no salt') if rank == 1 else time.sleep(60)", 1, "script.py: no salt\n"),
        ("os.kill(os.getpid(), signal.SIGKILL) if rank == 1 else time.sleep(60)", 137, "killed by signal 9\n"),
    ],
)
def test_the_first_process_speaks_for_all(tmp_path, fate, code, said):
    (tmp_path / "script.py").write_text(SCRIPT.format(fate=fate))
    done = RunningScript(tmp_path, "dwindle/launch.py", "--processes", 2, "script.py").finished(timeout_s=50)
    assert done.returncode == code, done.stderr
    assert done.stderr.endswith(said)
    assert done.stderr.count("\n") == said.count("\n")
    assert done.stdout == "process 0 of 2, 1 thread\n"


def test_ctrl_c_ends_all_of_them(tmp_path):
    process = start(tmp_path, "open(f'started-{rank}', 'w').close() or time.sleep(60)", processes=3)
    give_up = time.monotonic() + 60
    while len(list(tmp_path.glob("started-*"))) < 3:
        assert time.monotonic() < give_up
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert stderr.strip() == "script.py: interrupted"


@pytest.mark.parametrize(("cores", "processes"), [(1, 1), (2, 2), (6, 4), (12, 8), (64, 8)])
def test_a_batch_is_shared_evenly_on_any_machine(monkeypatch, cores, processes):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(cores), raising=False)
    assert launch.as_many_as_help() == processes


def test_without_a_script_it_asks_for_one(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["dwindle.launch"])
    with pytest.raises(SystemExit) as ended:
        errors.run(launch.main)
    assert ended.value.code == 2
    [said] = capsys.readouterr().err.splitlines()
    wanted = "which script? python -m dwindle.launch train_distill.py --epochs 10"
    assert said.endswith(f"{wanted} (--help lists what there is)")
