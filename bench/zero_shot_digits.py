"""Digits that were never seen, known by a description alone: which of the seven segments of a display they light.

    python -m bench.zero_shot_digits --json artifacts/handwritten_digits/zero_shot.json

For all 45 ways to hold out two digits: a network learns from the other eight to say of an image which segments are lit.
An unseen digit is then found by its description. The mean and the 95% interval over the 45 ways are of: accuracy on
unseen digits among their two descriptions; on seen and unseen digits among all ten, where descriptions that were seen
are handicapped until a tenth of the seen digits (of validation images) would be lost to unseen ones, since a network
believes in nothing that it never saw (Chao et al. 2016); and, where no description of the unseen is given, how well
they are told apart from seen ones by how badly all eight descriptions fit (AUROC).

Trainings are short (250 steps of 64 on 8,000 images), 2,000 test images judge: some ten minutes on one core.
"""

import argparse
from itertools import combinations

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.few_shot_digits import mean_and_interval
from bench.short_training import answers, train_briefly
from dwindle.checkpoint import command_line
from dwindle.cli import FlagParser, nonempty, pathname, positive_int
from dwindle.errors import run
from dwindle.export.measure import parameters
from dwindle.files import write_json
from dwindle.metrics import area_under_curve
from dwindle.task import open_task, options_of
from dwindle.tasks.images.datasets import Digits
from dwindle.tasks.images.handwritten_digits import STUDENT
from dwindle.tasks.images.network import DigitNet
from dwindle.tasks.images.segments import SEGMENTS

STEPS, SEEN_IMAGES, JUDGED = 250, 8_000, 2_000
LOST = 0.1  # of the seen digits, at most, so that unseen ones are found


def main() -> None:
    arguments = parse_arguments()
    torch.set_num_threads(1)
    task = open_task("handwritten_digits", options_of("handwritten_digits", data_dir=arguments.data_dir))
    training = task.parts.training.only(torch.arange(SEEN_IMAGES))
    test = task.parts.test.only(torch.arange(JUDGED))
    validation = task.parts.validation.only(torch.arange(JUDGED))
    rows = []
    for held_out in list(combinations(range(10), 2))[: arguments.pairs]:
        network = described_by_segments(training, held_out)
        rows.append({"held_out": list(held_out), **judged(network, validation, test, held_out)})
        print(rows[-1], flush=True)
    names = [name for name in rows[0] if name != "held_out"]
    means = {name: mean_and_interval([row[name] for row in rows]) for name in names}
    report = {
        "command": command_line(),
        "parameters": parameters(network),
        "judged_on": JUDGED,
        "steps": STEPS,
        "means": means,
    }
    write_json(arguments.json, {**report, "rows": rows})
    print(
        "\n".join(
            f"{name:<20} {100 * row['mean']:.1f}% +- {100 * row['half_width']:.1f}" for name, row in means.items()
        )
    )


def described_by_segments(training: Digits, held_out: tuple[int, int]) -> nn.Module:
    """A network that says which segments are lit, and has never seen the digits held out."""
    seen = training.only((~torch.isin(training.targets, torch.tensor(held_out))).nonzero().flatten())
    torch.manual_seed(0)

    def loss(logits: Tensor, _images: Tensor, targets: Tensor) -> Tensor:
        return functional.binary_cross_entropy_with_logits(logits, SEGMENTS[targets])

    return train_briefly(DigitNet(SEGMENTS.shape[1], **STUDENT), seen, STEPS, loss)


def judged(network: nn.Module, validation: Digits, test: Digits, held_out: tuple[int, int]) -> dict[str, float]:
    """The numbers of one way to hold out two digits."""
    fits = log_likelihoods(answers(network, test.images))
    unseen = torch.isin(test.targets, torch.tensor(held_out))
    among_two = torch.tensor(held_out)[fits[unseen][:, list(held_out)].argmax(dim=1)]
    seen_digits = [digit for digit in range(10) if digit not in held_out]
    misfit = -fits[:, seen_digits].max(dim=1).values
    handicapped = fits.clone()
    handicapped[:, seen_digits] -= handicap(network, validation, held_out)
    row = {"unseen_among_two": share(among_two == test.targets[unseen])}
    for name, likelihoods in (("", handicapped), ("_no_handicap", fits)):
        right = likelihoods.argmax(dim=1) == test.targets
        row[f"unseen_among_ten{name}"], row[f"seen_among_ten{name}"] = share(right[unseen]), share(right[~unseen])
        row[f"all_among_ten{name}"] = share(right)
    return row | {"auroc": round(area_under_curve(misfit[unseen].tolist(), misfit[~unseen].tolist()).value, 5)}


def handicap(network: nn.Module, validation: Digits, held_out: tuple[int, int]) -> float:
    """How much a seen description must lead an unseen one by; set on images of seen digits alone."""
    seen = ~torch.isin(validation.targets, torch.tensor(held_out))
    fits = log_likelihoods(answers(network, validation.images[seen]))
    best_unseen = fits[:, list(held_out)].max(dim=1).values
    fits[:, list(held_out)] = -torch.inf
    return float((fits.max(dim=1).values - best_unseen).quantile(LOST))


def log_likelihoods(logits: Tensor) -> Tensor:
    """(images, 10): how probable each digit's segments are, taken as independent."""
    return functional.logsigmoid(logits) @ SEGMENTS.T + functional.logsigmoid(-logits) @ (1 - SEGMENTS).T


def share(right: Tensor) -> float:
    return round(float(right.float().mean()), 5)


def parse_arguments() -> argparse.Namespace:
    parser = FlagParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", type=nonempty, help="default: $DWINDLE_DATA, else data/")
    parser.add_argument("--pairs", type=positive_int, default=45, help="fewer, for a look")
    parser.add_argument("--json", type=pathname, required=True, metavar="FILE", help="where the table goes")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
