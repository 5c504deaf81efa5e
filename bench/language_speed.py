"""Characters a second: training beside nanoGPT's network in turns, and writing 10 to 2,000 characters.

    python -m bench.language_speed --rounds 12

Each round trains every network for one step on the same characters, in an order of its own; a ratio is the median over
rounds, so that what slows the machine slows all. nanoGPT stands there twice: with blocks as wide and as many as the
teacher's, and with as many parameters (most of the teacher's are rows of tables, which cost nothing to multiply).
"""

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from bench.nanogpt import NanoGPT
from dwindle import errors
from dwindle.cli import FlagParser, nonempty, pathname, positive_int
from dwindle.export.measure import latencies, parameters
from dwindle.infer.text.language_generator import TextGenerator
from dwindle.machine import processor
from dwindle.task import open_task, options_of
from dwindle.tasks.text.language_model import PASSAGE, TEACHER
from dwindle.train.optimizers import optimizer_of
from dwindle.train.recipe import Recipe

BATCH = 16
LENGTHS = (10, 30, 100, 300, 1000, 2000)
MODEL = Path(__file__).parents[1] / "artifacts" / "language_model" / "model_int8.onnx"


def main() -> None:
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    report = {
        "processor": processor(),
        "threads_in_training": arguments.threads,
        "training": training(arguments),
        "writing_on_one_thread": writing(TextGenerator(arguments.model), arguments.rounds),
    }
    print(json.dumps(report, indent=1))


def training(arguments: argparse.Namespace) -> dict[str, dict[str, float]]:
    """One step of each network per round."""
    task = open_task("language_model", options_of("language_model", text=arguments.text))
    batch, classes = next(iter(task.training_batches(BATCH))), len(task.labels)
    teacher, _ = task.build("teacher")
    as_large = round(((parameters(teacher) / (12 * TEACHER["blocks"])) ** 0.5) / 32) * 32
    networks = {
        "dwindle": teacher,
        "nanogpt_same_blocks": NanoGPT(classes, TEACHER["width"], TEACHER["blocks"], TEACHER["heads"], PASSAGE),
        "nanogpt_same_parameters": NanoGPT(classes, as_large, TEACHER["blocks"], as_large // 32, PASSAGE),
    }
    steps = {name: step_of(network, task, batch, name == "dwindle") for name, network in networks.items()}
    taken = latencies(steps, arguments.rounds, warm_up=1)
    return {
        name: {
            "parameters": parameters(networks[name]),
            "characters_per_second": round(BATCH * PASSAGE / latency.median_ms * 1000),
            "times_as_fast_as_dwindle": round(latency.speedup_over(taken["dwindle"]), 3),
        }
        for name, latency in taken.items()
    }


def step_of(network: nn.Module, task, batch: dict, is_ours: bool) -> Callable[[], None]:
    """One step of training: ours with Muon, nanoGPT with AdamW, as each is trained."""
    optimizer = optimizer_of(network.train(), Recipe(1, optimizer="muon" if is_ours else "adamw"))

    def distill(logits, _taught, target):
        return functional.cross_entropy(logits.flatten(0, 1), target.flatten())

    def step() -> None:
        loss = (
            task.loss(network, batch, distill) if is_ours else distill(network(batch["tokens"]), None, batch["target"])
        )
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def writing(model: TextGenerator, rounds: int) -> dict[int, dict[str, float]]:
    """Texts of each length, in turns; the prompt is read before the clock starts."""
    times: dict[int, list[float]] = {length: [] for length in LENGTHS}
    order, shuffle = list(LENGTHS), random.Random(0).shuffle
    for turn in range(rounds):
        shuffle(order)
        for length in order:
            text = model.generate("ROMEO:", length + 1, seed=turn)
            next(text)
            started = time.perf_counter()
            for _ in text:
                pass
            times[length].append((time.perf_counter() - started) / length)
    return {
        length: {
            "microseconds_per_character": round(1e6 * statistics.median(taken), 1),
            "fastest": round(1e6 * min(taken), 1),
            "characters_per_second": round(1 / statistics.median(taken)),
        }
        for length, taken in times.items()
    }


def parse_arguments() -> argparse.Namespace:
    parser = FlagParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=pathname, default=MODEL, help="what writes")
    parser.add_argument("--text", type=nonempty, metavar="FILE", help="what is trained on")
    parser.add_argument("--rounds", type=positive_int, default=12)
    parser.add_argument("--threads", type=positive_int, default=2, help="in training")
    return parser.parse_args()


if __name__ == "__main__":
    errors.run(main)
