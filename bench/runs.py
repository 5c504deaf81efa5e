"""Training runs for comparisons: each one a real `train_distill.py`, one process per core, kept for the next time."""

from dwindle.errors import UserError

import subprocess
import sys
from pathlib import Path
from typing import Any

from dwindle.checkpoint import load_checkpoint
from dwindle.data import data_directory
from dwindle.tasks import TaskOptions, open_task
from dwindle.train.trainer import reader

ROOT = Path(__file__).parents[1]


def train(folder: Path, flags: list[str]) -> dict[str, Any]:
    """The scores of the student that these flags train; where the same run is finished, training does not repeat it."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "dwindle.launch"]
    command += ["train_distill.py", "--output_dir", str(folder.resolve()), "--log_dir", str(folder.resolve())]
    command += ["--resume", *flags]
    print(f"$ {' '.join(['train_distill.py', *flags])}", file=sys.stderr, flush=True)
    done = subprocess.run(command, cwd=ROOT, stdout=sys.stderr)
    if done.returncode != 0:
        raise UserError(f"the run in {folder} failed; its messages stand above")
    return judged(folder / "student.pt")


def judged(path: Path) -> dict[str, Any]:
    """A student's scores as they are counted today, which may not be how they were when it was trained."""
    student = load_checkpoint(path)
    task = open_task(student.task, TaskOptions(data_directory(None), hold_out_speaker=student.held_out_speaker))
    scores = task.evaluate(reader(task.restored(student, path)))
    return {name: score.as_row() for name, score in scores.items()}
