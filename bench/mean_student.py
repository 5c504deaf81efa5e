"""The mean of students that began alike: a student that is often better than each (Wortsman et al. 2022, model soups).

    python -m bench.mean_student runs/a/student.pt runs/b/student.pt --output_dir artifacts

It is judged and written like one that was trained, as student.pt in the folder.
"""

import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # the stage beside this folder

import torch

from dwindle.checkpoint import Checkpoint, command_line, load_checkpoint
from dwindle.cli import FlagParser, pathname
from dwindle.engine import torch_engine
from dwindle.errors import UserError, run
from dwindle.files import make_writable, sha256_of
from dwindle.task import open_task, options_of
from train_distill import keep


def mean_of(paths: list[Path]) -> Checkpoint:
    """One checkpoint whose weights are the means of theirs."""
    first, *others = checkpoints = [load_checkpoint(path) for path in paths]
    for path, other in zip(paths[1:], others, strict=True):
        if (other.task, other.labels, other.arguments) != (first.task, first.labels, first.arguments):
            raise UserError(f"{path}: of another network than {paths[0]}: a mean is of networks of one shape")
    stacks = {name: torch.stack([one.weights[name] for one in checkpoints]) for name in first.weights}
    means = {name: stack.double().mean(dim=0).to(stack.dtype) for name, stack in stacks.items()}
    corpora = sorted({corpus for one in checkpoints for corpus in one.corpora})
    parents = "+".join(map(sha256_of, paths))
    made = {"stage": "trained", "corpora": corpora, "parent_sha256": parents, "command": command_line(), "metrics": {}}
    return replace(first, weights=means, **made)


def main() -> None:
    parser = FlagParser(description=__doc__.split("\n")[0])
    parser.add_argument("students", type=pathname, nargs="+", metavar="FILE")
    parser.add_argument("--output_dir", type=pathname, required=True)
    arguments = parser.parse_args()
    mean = mean_of(arguments.students)
    make_writable(arguments.output_dir)
    task = open_task(mean.task, options_of(mean.task), mean)
    network = task.restored(mean, arguments.students[0]).eval()
    keep(mean, network, task, torch_engine(network, task.inputs, task.outputs), arguments.output_dir)


if __name__ == "__main__":
    run(main)
