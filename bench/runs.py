"""Training runs for comparisons: each one a real `train_distill.py`, one process per core, kept for the next time."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from dwindle.checkpoint import load_checkpoint
from dwindle.engine import torch_engine
from dwindle.errors import UserError
from dwindle.machine import usable_cores
from dwindle.task import open_task, options_of

ROOT = Path(__file__).parents[1]


def train(folder: Path, flags: list[str]) -> dict[str, Any]:
    """The scores of the student that these flags train; where the same run is finished, training does not repeat it."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes())]
    command += ["train_distill.py", "--output_dir", str(folder.resolve()), "--log_dir", str(folder.resolve())]
    command += ["--resume", *flags]
    print(f"$ {' '.join(['train_distill.py', *flags])}", file=sys.stderr, flush=True)
    done = subprocess.run(command, cwd=ROOT, stdout=sys.stderr, env={**os.environ, "OMP_NUM_THREADS": "1"})
    if done.returncode != 0:
        raise UserError(f"the run in {folder} failed; its messages stand above")
    return judged(folder / "student.pt")


def processes() -> int:
    """One for each core, of which the usual batch of 128 is shared evenly: 1, 2, 4 or 8."""
    return 1 << (min(usable_cores(), 8).bit_length() - 1)


def judged(path: Path) -> dict[str, Any]:
    """A student's scores as they are counted today, which may not be how they were when it was trained."""
    student = load_checkpoint(path)
    task = open_task(student.task, options_of(student.task), student)
    scores = task.evaluate(torch_engine(task.restored(student, path).eval(), task.inputs, task.outputs))
    return {name: score.as_row() for name, score in scores.items()}
