"""infer.py on many files: several processes that share them, and a progress bar."""

import os
import pty
import signal
import subprocess
import sys
import termios
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import soundfile
from infer_command import ROOT, infer, json_lines
from tone_model import spoken, write_tone_model


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A model, and as many recordings as bring a progress bar."""
    folder = tmp_path_factory.mktemp("place")
    write_tone_model(folder / "tones.onnx")
    (folder / "many" / "deeper").mkdir(parents=True)
    for number in range(25):
        deeper = "deeper/" if number % 2 else ""
        soundfile.write(folder / f"many/{deeper}{number:02}.wav", spoken(f"{number:02}"), 8_000)
    return folder


def options(place):
    return ["--model", place / "tones.onnx", "--vad", "energy"]


def test_a_folder_gives_the_same_with_any_number_of_workers(place):
    alone = json_lines(infer(*options(place), "--json", place / "many"))
    shared = json_lines(infer(*options(place), "--json", "--workers", "3", place / "many"))
    assert [row["text"] for row in sorted(alone, key=lambda row: row["file"][-6:])] == [f"{n:02}" for n in range(25)]
    for row in alone + shared:
        del row["latency_ms"]
    assert shared == alone


def all_gone(processes: list[int], within_s: float = 5) -> bool:
    """On a busy machine whoever was killed may be there for a moment yet."""
    until = time.monotonic() + within_s
    while any(Path(f"/proc/{process}").exists() for process in processes):
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def test_nobody_waits_for_workers_that_nobody_needs(place, tmp_path):
    """Ctrl-C, a reader that has seen enough, and a worker that something kills."""
    for number in range(16):
        soundfile.write(tmp_path / f"{number}.wav", np.tile(spoken("173"), 240), 8_000)
    line = [sys.executable, "-u", ROOT / "infer.py", *options(place), "--workers", "2", tmp_path]

    def start() -> subprocess.Popen:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(list(map(str, line)), **pipes, start_new_session=True)

    def workers_of(process: subprocess.Popen) -> list[int]:
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        return [int(child) for child in children if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()]

    process = start()
    while len(workers_of(process)) < 2:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)  # while they are still starting
    _, stderr = process.communicate(timeout=20)
    assert (process.returncode, stderr.strip()) == (130, "infer.py: interrupted")

    process = start()
    while len(workers_of(process)) < 2:
        time.sleep(0.02)
    os.kill(workers_of(process)[0], signal.SIGKILL)
    _, stderr = process.communicate(timeout=20)
    assert (process.returncode, stderr.count("\n")) == (1, 1)
    assert "a worker was stopped" in stderr

    process = start()
    while len(workers := workers_of(process)) < 2:
        time.sleep(0.02)
    process.stdout.readline()
    process.terminate()  # as `timeout` does
    _, stderr = process.communicate(timeout=20)
    assert (process.returncode, stderr.strip()) == (143, "infer.py: interrupted")
    assert all_gone(workers)

    process = start()
    while len(workers := workers_of(process)) < 2:
        time.sleep(0.02)
    process.kill()  # a regression: the workers stayed, and with them the reader of their output
    process.communicate(timeout=20)
    assert all_gone(workers, within_s=20)

    process, started = start(), time.monotonic()
    process.stdout.readline()
    first_s = time.monotonic() - started
    process.stdout.close()
    process.wait(timeout=60)
    assert time.monotonic() - started < 6 * first_s + 2  # of 16 files; the second comes from a worker that must start
    assert "Traceback" not in process.stderr.read()
    process.stderr.close()


def test_the_progress_bar_steps_aside_for_answers(place):
    """On a terminal both are seen at once."""
    master, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (24, 120))
    line = [sys.executable, ROOT / "infer.py", *options(place), place / "many"]
    with subprocess.Popen(list(map(str, line)), stdin=subprocess.DEVNULL, stdout=terminal, stderr=terminal) as process:
        os.close(terminal)
        shown = b""
        with suppress(OSError):  # the terminal goes with the last who holds it
            while part := os.read(master, 4096):
                shown += part
    os.close(master)
    assert process.returncode == 0
    assert b"/25" in shown
    lines = [line.rsplit("\r", 1)[-1] for line in shown.decode().replace("\r\n", "\n").split("\n")]
    assert sum(line.startswith(str(place)) for line in lines) == 25
