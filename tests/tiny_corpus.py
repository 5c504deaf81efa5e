"""A corpus small enough to train on in a test: chords for digits, laid out as FSDD, and the command that trains."""

import importlib.util
import os
import subprocess
from pathlib import Path

import numpy as np
import soundfile
from script_process import ROOT, run_script

from dwindle.infer.speech import SAMPLE_RATE

SPEAKERS = {"george": 0.9, "theo": 1.0, "lucas": 1.1}  # with the pitch of each
TAKES = (0, 5, 10, 11, 12, 13)  # one to test, one to validate, four to train
QUICK = ("--corpora", "fsdd", "--batch_size", "12", "--width", "48", "--lr", "0.01")
SHRINK = ("--data_dir", "data", "--corpora", "fsdd", "--batch_size", "20", "--rounds", "3", "--trials", "100")
SHRINK += ("--epochs_per_step", "1", "--qat_epochs", "1")
ALONE = (*QUICK, "--alpha", "0", "--epochs", "5", "--patience", "0", "--output_dir", "out")


def chord(word: int, pitch: float, rng: np.random.Generator, sample_rate: int = SAMPLE_RATE) -> np.ndarray:
    """What stands for a word: two tones of its own, and a little noise."""
    time_s = np.arange(round(0.4 * sample_rate)) / sample_rate
    tones = sum(np.sin(2 * np.pi * hz * pitch * time_s) for hz in (250 + 130 * word, 2900 - 190 * word))
    return 0.2 * np.hanning(len(time_s)) * tones + 0.002 * rng.standard_normal(len(time_s))


def write_fsdd(data_dir: Path) -> Path:
    """Recordings named as FSDD's are; returns their folder."""
    folder = data_dir / "fsdd" / "recordings"
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for speaker, pitch in SPEAKERS.items():
        for take in TAKES:
            for digit in range(10):
                sound = chord(digit, pitch * rng.uniform(0.99, 1.01), rng)
                soundfile.write(folder / f"{digit}_{speaker}_{take}.wav", sound, SAMPLE_RATE)
    return folder


def environment(**more: str) -> dict[str, str]:
    """One thread, so that runs repeat each other to the bit."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT), **more}


def train(folder: Path, *arguments: object, processes: int = 1) -> subprocess.CompletedProcess:
    """Run it in a folder to its end."""
    return run_script(folder, *torchrun(processes), ROOT / "train_distill.py", *arguments)


def torchrun(processes: int) -> tuple[object, ...]:
    """What starts a script as so many processes; nothing for one."""
    launcher = importlib.util.find_spec("torch.distributed.run").origin
    return () if processes == 1 else (launcher, "--standalone", "--nproc_per_node", processes)
