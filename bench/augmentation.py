"""How much of the time augmentation takes: each kind alone, all of them as training uses them, and a training step.

    python -m bench.augmentation --threads 2

The sounds are made up, since the work does not depend on what is heard: nothing has to be downloaded.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import fields

import numpy as np
import torch
from torch.nn import functional

from dwindle import errors
from dwindle.cli import FlagParser
from dwindle.infer.speech import SAMPLE_RATE, WINDOW_SAMPLES
from dwindle.tasks.speech.augment import Strength, WaveAugment
from dwindle.tasks.speech.network import SpeechNet
from dwindle.tasks.speech.words import CLIPS_PER_STRING, STRING_SAMPLES, STUDENT

CLASSES = 11
KINDS = [field.name for field in fields(Strength) if not field.name.endswith("_db")]


def main() -> None:
    arguments = parse_arguments()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    clips = 0.1 * torch.randn(arguments.batch_size, WINDOW_SAMPLES)
    strings = 0.1 * torch.randn(arguments.batch_size // CLIPS_PER_STRING, STRING_SAMPLES)
    noises = [np.random.default_rng(0).integers(-3000, 3000, 60 * SAMPLE_RATE).astype(np.int16)]
    nothing = dict.fromkeys(KINDS, 0.0)
    timed = {
        f"{kind}, {100 * getattr(Strength(), kind):.0f}% of clips": augmenting(
            WaveAugment(noises, Strength(**{**nothing, kind: getattr(Strength(), kind)})), clips
        )
        for kind in KINDS
    }
    together = WaveAugment(noises)
    timed["augmentation, clips and strings"] = lambda: (together(clips), together(strings))
    timed["training step without it"] = training_step(clips, strings)
    ms = median_ms(timed, arguments.rounds)
    augmentation, training = list(ms.values())[-2:]
    result = {
        "threads": arguments.threads,
        "batch_size": arguments.batch_size,
        "us_per_clip": {name: round(1000 * value / arguments.batch_size, 1) for name, value in ms.items()},
        "augmentation_share": round(augmentation / (augmentation + training), 3),
    }
    print(json.dumps(result) if arguments.json else table(result))


def augmenting(augment: WaveAugment, clips: torch.Tensor) -> Callable[[], torch.Tensor]:
    return lambda: augment(clips)


def training_step(clips: torch.Tensor, strings: torch.Tensor) -> Callable[[], None]:
    """Both readings of the student, forward, backward and the optimiser, as a training step without a teacher has."""
    model = SpeechNet(CLASSES, **STUDENT).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(model.parameters())
    targets = torch.arange(len(clips)) % CLASSES
    spelling = torch.randint(CLASSES, (len(strings), 4))

    def step() -> None:
        logits = model(clips)[0]
        frames = model(strings)[1]
        by_time = frames.log_softmax(dim=-1).transpose(0, 1)
        counts, lengths = torch.full((len(strings),), len(by_time)), torch.full((len(strings),), 4)
        spelled = functional.ctc_loss(by_time, spelling, counts, lengths, blank=CLASSES)
        (functional.cross_entropy(logits, targets) + spelled).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def median_ms(timed: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The contenders take turns, so that a busy machine slows them all alike."""
    taken: dict[str, list[float]] = {name: [] for name in timed}
    for turn in range(rounds + 1):  # the first turn warms up
        for name, call in timed.items():
            started = time.perf_counter()
            call()
            if turn:
                taken[name].append(1000 * (time.perf_counter() - started))
    return {name: statistics.median(values) for name, values in taken.items()}


def table(result: dict) -> str:
    lines = [f"  {name:<36} {value:>8.1f} us a clip" for name, value in result["us_per_clip"].items()]
    head = f"batches of {result['batch_size']}, {result['threads']} threads"
    share = f"augmentation takes {100 * result['augmentation_share']:.0f}% of the time of both"
    return "\n".join([head, *lines, share])


def parse_arguments() -> argparse.Namespace:
    parser = FlagParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--batch_size", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    errors.run(main)
