"""How many examples a digit needs: 1, 5, 10 and 50 a class, several draws of each, four ways to learn from them.

    python -m bench.few_shot_digits --json artifacts/handwritten_digits/few_shot.json

scratch      the student's shape, from random weights
fine-tuned   the same, from weights that have only seen digits drawn by a program, never a person's
distilled    from random weights, beside the released teacher's answers to the augmented examples
class means  the nearest mean of a class in the embedding of the released teacher (who has seen all of MNIST), or of
             the network that has only seen drawn digits

Trainings are short (120 steps of 64), and 2,000 test images judge: a table in some ten minutes on one core.
"""

import argparse
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.short_training import answers, train_briefly
from dwindle.checkpoint import command_line, load_checkpoint
from dwindle.cli import FlagParser, nonempty, pathname, positive_int
from dwindle.errors import run
from dwindle.export.measure import parameters
from dwindle.files import write_json
from dwindle.task import Task, first_output, open_task, options_of
from dwindle.tasks.images.datasets import Digits, drawn_digits
from dwindle.train.distillation import KnowledgeDistillationLoss

SHOTS = (1, 5, 10, 50)
STEPS, DRAWN_STEPS = 120, 600
JUDGED = 2_000
T_95 = {2: 12.71, 3: 4.303, 5: 2.776, 10: 2.262}  # two-sided, by the number of draws


def main() -> None:
    arguments = parse_arguments()
    torch.set_num_threads(1)
    task = open_task("handwritten_digits", options_of("handwritten_digits", data_dir=arguments.data_dir))
    teacher = task.restored(load_checkpoint(arguments.teacher, task.name), arguments.teacher).eval()
    test = task.parts.test.only(torch.arange(JUDGED))
    drawn = train_briefly(student_of(task, 0), drawn_digits(3_000, 11), DRAWN_STEPS, plain_loss)
    before = {name: tensor.clone() for name, tensor in drawn.state_dict().items()}
    rows = []
    for shots in SHOTS:
        shares: dict[str, list[float]] = {}
        for draw in range(arguments.draws):
            few = examples(task.parts.training, shots, draw)
            for name, share in learnt(task, few, teacher, drawn, before, test, draw).items():
                shares.setdefault(name, []).append(share)
        rows += [{"shots": shots, "way": name, **mean_and_interval(values)} for name, values in shares.items()]
        for row in rows[-len(shares) :]:
            print(
                f"{shots:>3} a class  {row['way']:<28} {100 * row['mean']:.1f}% +- {100 * row['half_width']:.1f}",
                flush=True,
            )
    nothing_learnt = accuracy_of(drawn, test)
    report = {"command": command_line(), "parameters": parameters(drawn), "judged_on": JUDGED, "steps": STEPS}
    write_json(arguments.json, {**report, "drawn_digits_alone": nothing_learnt, "rows": rows})


def learnt(
    task: Task, few: Digits, teacher: nn.Module, drawn: nn.Module, before: dict[str, Tensor], test: Digits, draw: int
) -> dict[str, float]:
    """The accuracy of each way to learn from these few."""
    distill = KnowledgeDistillationLoss()

    def distilled_loss(logits: Tensor, images: Tensor, targets: Tensor) -> Tensor:
        with torch.no_grad():
            taught = first_output(teacher(images))
        return distill(logits, taught, targets)

    scratch = train_briefly(student_of(task, draw), few, STEPS, plain_loss, seed=draw)
    tuned = student_of(task, draw)
    tuned.load_state_dict(before)
    tuned = train_briefly(tuned, few, STEPS, plain_loss, rate=1e-3, seed=draw)
    distilled = train_briefly(student_of(task, draw), few, STEPS, distilled_loss, seed=draw)
    return {
        "scratch": accuracy_of(scratch, test),
        "fine-tuned from drawn digits": accuracy_of(tuned, test),
        "distilled": accuracy_of(distilled, test),
        "class means, teacher": accuracy_of(nearest_mean(teacher.embedding, few), test),
        "class means, drawn digits": accuracy_of(nearest_mean(drawn.embedding, few), test),
    }


def nearest_mean(embedding: Callable[[Tensor], Tensor], few: Digits) -> Callable[[Tensor], Tensor]:
    """A classifier without training: how near an image's embedding lies to the mean of each class."""
    with torch.no_grad():
        seen = functional.normalize(embedding(few.images))
    means = functional.normalize(torch.stack([seen[few.targets == digit].mean(dim=0) for digit in range(10)]))
    return lambda images: functional.normalize(embedding(images)) @ means.T


def examples(training: Digits, shots: int, draw: int) -> Digits:
    """So many of each digit."""
    generator = torch.Generator().manual_seed(draw)
    order = torch.randperm(len(training), generator=generator)
    targets = training.targets[order]
    return training.only(torch.cat([order[targets == digit][:shots] for digit in range(10)]))


def student_of(task: Task, seed: int) -> nn.Module:
    """A new student with weights of its own."""
    torch.manual_seed(seed)
    return task.build("student")[0]


def plain_loss(logits: Tensor, _images: Tensor, targets: Tensor) -> Tensor:
    return functional.cross_entropy(logits, targets)


def accuracy_of(network: Callable[[Tensor], Tensor], digits: Digits) -> float:
    return float((answers(network, digits.images).argmax(dim=1) == digits.targets).float().mean())


def mean_and_interval(values: list[float]) -> dict[str, Any]:
    """Over draws, with the half width of the 95% interval by Student's t."""
    spread = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
    half = T_95.get(len(values), 1.96) * spread
    return {"mean": round(statistics.mean(values), 5), "half_width": round(half, 5), "draws": len(values)}


def parse_arguments() -> argparse.Namespace:
    parser = FlagParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", type=nonempty, help="default: $DWINDLE_DATA, else data/")
    parser.add_argument("--teacher", type=pathname, default=Path("artifacts/handwritten_digits/teacher.pt"))
    parser.add_argument("--draws", type=positive_int, default=10)
    parser.add_argument("--json", type=pathname, required=True, metavar="FILE", help="where the table goes")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
