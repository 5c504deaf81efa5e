"""Clips a second of a training epoch, where the time goes, and the memory it takes, against a plain loop.

    python -m bench.training_speed --clips 4000

Dwindle's own Trainer and the plain loop of bench/plain_loop.py take turns, each turn in a process of its own (or two,
as torchrun starts them), on the same clips. A share is of the wall time of the epoch without its validation.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from bench.plain_loop import plain_epoch
from dwindle import errors
from dwindle.cli import FlagParser, nonempty
from dwindle.errors import UserError
from dwindle.task import Batch, Distill, open_task, options_of
from dwindle.tasks.speech.words import SpokenWords
from dwindle.train.accelerator import start_accelerator
from dwindle.train.distillation import KnowledgeDistillationLoss
from dwindle.train.recipe import Recipe
from dwindle.train.trainer import Trainer

CONTENDERS = {  # name: processes, threads of each
    "plain loop": (1, 2),
    "dwindle, two threads": (1, 2),
    "dwindle, two processes": (2, 1),
    "the same, words alone": (2, 1),  # as the plain loop: no running speech to spell
}
PARTS = ("data", "augmentation", "front end", "forward", "backward", "optimiser", "rest")


def main() -> None:
    arguments = parse_arguments()
    if arguments.contender:
        print(json.dumps(measure(arguments)))
        return
    turns = defaultdict(list)
    for _ in range(arguments.rounds):
        for contender in CONTENDERS:
            turns[contender].append(one_turn(contender, arguments))
    rows = {contender: middle(results) for contender, results in turns.items()}
    plain = rows["plain loop"]["clips_per_second"]
    for row in rows.values():
        row["ratio"] = round(row["clips_per_second"] / plain, 2)
    print(json.dumps(rows, indent=1) if arguments.json else table(rows))


def one_turn(contender: str, arguments: argparse.Namespace) -> dict:
    """A turn in its own process; the numbers of several are put together."""
    processes, threads = CONTENDERS[contender]
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc_per_node={processes}"] if processes > 1 else []
    flags = ["--contender", contender, "--clips", arguments.clips, "--batch_size", arguments.batch_size]
    flags += ["--data_dir", arguments.data_dir] if arguments.data_dir else []
    command = [sys.executable, *launcher, "-m", "bench.training_speed", *map(str, flags)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"{contender}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}")
    results = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"clips')]
    return {
        "clips_per_second": sum(result["clips_per_second"] for result in results),
        "shares": {part: statistics.mean(result["shares"][part] for result in results) for part in PARTS},
        "peak_mb": sum(result["peak_mb"] for result in results),
    }


def middle(results: list[dict]) -> dict:
    """The turn of median speed."""
    return sorted(results, key=lambda result: result["clips_per_second"])[len(results) // 2]


class Stopwatch:
    """Adds up the seconds spent in named calls; a call inside another one counts for the inner name alone."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self.inner = 0.0

    def timed(self, name: str, call: Callable) -> Callable:
        def wrapped(*args: object, **kwargs: object) -> object:
            outer, self.inner, started = self.inner, 0.0, time.perf_counter()
            try:
                return call(*args, **kwargs)
            finally:
                taken = time.perf_counter() - started
                self.seconds[name] += taken - self.inner
                self.inner = outer + taken

        return wrapped


def measure(arguments: argparse.Namespace) -> dict:
    """One epoch of one contender in this process."""
    options = options_of("spoken_digits", data_dir=arguments.data_dir, corpora=["fsdd", "speech_commands"])
    task = open_task("spoken_digits", options)
    order = np.random.default_rng(0).permutation(len(task.data.training))
    whole = task.data
    some = whole.training.subset(order[: arguments.clips])
    task = SpokenWords(task.name, task.labels, lambda: replace(whole, training=some))
    watch = Stopwatch()
    if arguments.contender == "plain loop":
        noises = task.data.noises or some
        started = time.perf_counter()
        clips = plain_epoch(some, noises, task.targets, len(task.labels), arguments.batch_size, watch.timed)
        wall_s = time.perf_counter() - started
    else:
        if arguments.contender == "the same, words alone":
            leave_out_strings(task)
        clips, wall_s = dwindle_epoch(task, arguments.batch_size, watch)
    shares = {part: watch.seconds[part] / wall_s for part in PARTS}
    shares["rest"] = 1 - sum(shares.values())
    return {
        "clips_per_second": round(clips / wall_s),
        "shares": {part: round(share, 3) for part, share in shares.items()},
        "peak_mb": peak_mb(),
    }


def leave_out_strings(task: SpokenWords) -> None:
    """The frames then learn nothing; their zero loss keeps every parameter in what processes share."""
    draw = task.strings.draw

    def loss(
        model: nn.Module,
        batch: Batch,
        distill: Distill,
        teacher: nn.Module | None = None,
        parent: nn.Module | None = None,
    ) -> Tensor:
        logits, frames, *_ = model(batch["audio"])
        return distill(logits.float(), None, batch["target"]) + 0 * frames.sum()

    task.strings.draw = lambda count, rng: draw(0, rng)
    task.augment = lambda batch: {**batch, "audio": task.wave_augment(batch["audio"])}
    task.loss = loss


def dwindle_epoch(task: SpokenWords, batch_size: int, watch: Stopwatch) -> tuple[int, float]:
    """An epoch of the real Trainer, its parts under the stopwatch; returns the clips of this process and the time."""
    accelerator = start_accelerator("cpu", batch_size)
    model, _ = task.build("student")
    task._batch = watch.timed("data", task._batch)
    task.augment = watch.timed("augmentation", task.augment)
    task.loss = watch.timed("forward", task.loss)
    task.validate = watch.timed("validation", task.validate)
    trainer = Trainer(task, model, Recipe(epochs=1, batch_size=batch_size), KnowledgeDistillationLoss(), accelerator)
    trainer.plain.front_end.forward = watch.timed("front end", trainer.plain.front_end.forward)
    accelerator.backward = watch.timed("backward", accelerator.backward)
    trainer.optimizer.step = watch.timed("optimiser", trainer.optimizer.step)
    trainer.average.update_parameters = watch.timed("optimiser", trainer.average.update_parameters)
    started = time.perf_counter()
    trainer._until_next_evaluation()  # the epoch's end
    wall_s = time.perf_counter() - started - watch.seconds["validation"]
    return len(trainer.batches) * batch_size // accelerator.num_processes, wall_s


def peak_mb() -> int:
    """The most memory that this process has held, from the kernel."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def table(rows: dict[str, dict]) -> str:
    lines = [f"{'':<24} {'clips/s':>8} {'ratio':>6}  " + " ".join(f"{part:>12}" for part in PARTS) + f" {'peak MB':>8}"]
    for name, row in rows.items():
        shares = " ".join(f"{100 * row['shares'][part]:>11.0f}%" for part in PARTS)
        lines.append(f"{name:<24} {row['clips_per_second']:>8} {row['ratio']:>6.2f}  {shares} {row['peak_mb']:>8}")
    return "\n".join(lines)


def parse_arguments() -> argparse.Namespace:
    parser = FlagParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clips", type=int, default=4_000, help="of the training clips, drawn once")
    parser.add_argument("--batch_size", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data_dir", type=nonempty)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    torch.manual_seed(0)
    errors.run(main)
