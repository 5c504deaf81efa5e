"""Stages killed at any moment: what lies there afterwards is whole, and the same command ends well."""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import soundfile

from dwindle.checkpoint import load_checkpoint
from dwindle.errors import UserError
from dwindle.export.onnx_file import read_onnx

ROOT = Path(__file__).parents[1]
RATE = 8_000
TONES_HZ = {"low": 300, "high": 1_500}
LONGEST_S = 600  # of one stage, on a busy machine
COMMON = ("--task", "own_words", "--words_dir", "words", "--data_dir", "none", "--output_dir", "out")
STAGES = (
    ("train_distill.py", *COMMON, "--epochs", "4", "--alpha", "0", "--width", "16", "--batch_size", "8"),
    (
        "prune_and_quantize.py",
        *COMMON,
        "--steps",
        "2",
        "--epochs_per_step",
        "1",
        "--qat_epochs",
        "1",
        "--rounds",
        "3",
        "--batch_size",
        "8",
    ),
    ("export_models.py", *COMMON),
)


def kill_stages(count: int, seed: int) -> Counter[str]:
    """Kill each stage so often, at drawn moments; then let it end."""
    outcomes: Counter[str] = Counter()
    draw = random.Random(f"{seed} kills")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_words(folder / "words")
        for number, command in enumerate(STAGES):
            kills = len(range(number, count, len(STAGES)))
            if not kills:
                break
            longest_s = 20.0  # until a kill has come too late
            for _ in range(kills):
                after_s = draw.uniform(0.1, longest_s)
                outcomes[killed(command, folder, after_s)] += 1
                outcomes.update(half_written(folder / "out"))
            code, said = ended(command, folder)
            if code:
                outcomes[f"FAILED: {command[0]} does not end after kills: {said[-300:]}"] += 1
            left = [path.name for path in (folder / "out").rglob(".*") if path.name.startswith(".")]
            if left:
                outcomes[f"FAILED: {command[0]} leaves {left}"] += 1
            outcomes.update(half_written(folder / "out"))
    return outcomes


def write_words(folder: Path) -> None:
    """Two words that are tones: enough to train on for seconds."""
    time_s = np.arange(RATE // 2) / RATE
    for word, frequency_hz in TONES_HZ.items():
        (folder / word).mkdir(parents=True)
        for take in range(20):
            soundfile.write(
                folder / word / f"{take}.wav", 0.3 * np.sin(2 * np.pi * (frequency_hz + 10 * take) * time_s), RATE
            )


def start(command: tuple[str, ...], folder: Path) -> subprocess.Popen:
    line = [sys.executable, str(ROOT / command[0]), *command[1:]]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(line, cwd=folder, env=environment, **quiet)


def killed(command: tuple[str, ...], folder: Path, after_s: float) -> str:
    """Kill it after so long, as no program can prevent."""
    process = start(command, folder)
    try:
        _, said = process.communicate(timeout=after_s)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return f"killed {command[0]}"
    return f"FAILED: {command[0]} exit {process.returncode}: {said[-300:]}" if process.returncode else "ended before"


def ended(command: tuple[str, ...], folder: Path) -> tuple[int, str]:
    """Its exit code and what it says, at last."""
    started = time.monotonic()
    process = start(command, folder)
    try:
        _, said = process.communicate(timeout=LONGEST_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return 1, f"hangs for {time.monotonic() - started:.0f} s"
    return process.returncode, said


def half_written(folder: Path) -> list[str]:
    """What lies there under its own name and cannot be read."""
    wrong = []
    for path in folder.rglob("*"):
        if path.name.startswith(".") or any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        try:
            if path.suffix == ".json":
                json.loads(path.read_text(encoding="utf-8"))
            elif path.suffix == ".onnx":
                read_onnx(path)
            elif path.suffix == ".pt" and path.name != "model_ts.pt":
                load_checkpoint(path)
        except (UserError, ValueError) as error:
            wrong.append(f"FAILED: half written: {path.name}: {error}")
    return wrong
