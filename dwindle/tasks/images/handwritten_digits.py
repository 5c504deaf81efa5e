"""Handwritten digits: MNIST and digits drawn by a program, for a network that reads other people's too."""

import argparse
import json
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from dwindle.checkpoint import Checkpoint
from dwindle.data import data_directory
from dwindle.data.source import DATA_SETS
from dwindle.engine import Engine, Tensors, in_batches
from dwindle.infer.images import SIDE
from dwindle.infer.images.network import SENSE
from dwindle.metrics import Metric, accuracy
from dwindle.task import Batch, Budget, PlainTask
from dwindle.tasks.images.augment import ImageAugment, Strength
from dwindle.tasks.images.corruptions import CORRUPTIONS, corrupted, inverted, mixed, photographed, through_reader
from dwindle.tasks.images.datasets import DIGITS, DRAWN, Digits, Parts, drawn_digits, joined, load_mnist
from dwindle.tasks.images.network import BaselineCNN, DigitNet, NanoNet
from dwindle.tasks.images.segments import as_metadata, fitted_segments

TEACHER = {"stem_channels": 24, "channels": 48, "last_channels": 64, "blocks": 4}
# eight channels and multiples of eight: ONNX Runtime computes in blocks of them, and the second layer costs most
STUDENT = {"stem_channels": 8, "channels": 16, "last_channels": 20, "blocks": 1}
NETWORKS: dict[str, type[nn.Module]] = {"strided": DigitNet, "nano": NanoNet, "baseline": BaselineCNN}
# for the nano, which holds little beside plain digits; what this earns alone was not measured
GENTLE = Strength(8.0, 0.08, 0.2, 1.0, 0.6, 0.35, coarse_share=0.05, noise_share=0.05)
NARROW = 8  # channels; a student with fewer has no residual block
DRAWN_SEEDS = {"training": 1, "validation": 2, "test": 3}
DEFAULTS = {"epochs": 14, "teacher_epochs": 10, "patience": 0, "steps": 4, "epochs_per_step": 1, "last_epochs": 2}
DEFAULTS |= {"qat_epochs": 2, "structured_epochs": 5, "lr": 4e-3}
CORRUPTED_TEST, THROUGH_READER = 2_000, 500  # images of each corrupted test set; of those that the reader looks at
READ_BATCH = 500
TEMPERATURES = np.geomspace(0.25, 4.0, 49)


def add_options(group: argparse._ArgumentGroup) -> None:
    """Which kind of network."""
    group.add_argument("--network", choices=sorted(NETWORKS), default="strided", help="of a new teacher or student")


def open_task(options: argparse.Namespace, made_from: Checkpoint | None = None) -> "HandwrittenDigits":
    """MNIST in the data directory."""
    data_dir = data_directory(options.data_dir)
    return HandwrittenDigits(lambda: load_mnist(data_dir), options.network)


class HandwrittenDigits(PlainTask):
    """Images of digits, already cut out and centred, and which of the ten they are."""

    name = "handwritten_digits"
    labels = tuple(DIGITS)
    corpora = ("mnist", "drawn_digits")
    inputs: ClassVar = {"image": {0: "batch"}}
    outputs: ClassVar = {"logits": {0: "batch"}, "embedding": {0: "batch"}}
    budget = Budget(bytes={"model_int8.onnx": 20_000}, loss=0.0015, answers=("logits",))
    headline = ("test", "corrupted_validation", "photographed", "inverted", "drawn")

    def __init__(self, load: Callable[[], Parts], network: str = "strided") -> None:
        self.load, self.network = load, network
        self.image_augment = ImageAugment(GENTLE if network == "nano" else None)

    @cached_property
    def parts(self) -> Parts:
        """Loaded when first asked for: who only builds a network needs no images."""
        return self.load()

    @cached_property
    def training(self) -> Digits:
        drawn = drawn_digits(DRAWN, DRAWN_SEEDS["training"])
        return joined(self.parts.training, drawn, drawn)

    def training_batches(self, batch_size: int) -> DataLoader:
        indices = range(len(self.training))
        return DataLoader(indices, batch_size, shuffle=True, collate_fn=self._batch, drop_last=True)

    def training_data(self) -> str:
        digest = zlib.crc32(self.training.images.numpy().tobytes())
        return f"{len(self.training)} images {zlib.crc32(self.training.targets.numpy().tobytes(), digest):08x}"

    def _batch(self, indices: list[int]) -> Batch:
        chosen = self.training.only(torch.tensor(indices))
        return {"image": chosen.images, "target": chosen.targets}

    def augment(self, batch: Batch) -> Batch:
        return {**batch, "image": self.image_augment(batch["image"])}

    def build(self, role: str, width: int | None = None) -> tuple[nn.Module, dict[str, Any]]:
        arguments: dict[str, Any] = {"network": self.network, "classes": len(self.labels)}
        if self.network == "strided":
            arguments |= TEACHER if role == "teacher" else STUDENT if width is None else shape_of(width)
        elif width is not None:
            arguments["channels"] = width
            if self.network == "baseline":
                arguments["stem_channels"] = max(1, width // 2)
        return self.rebuild(arguments), arguments

    def rebuild(self, arguments: dict[str, Any]) -> nn.Module:
        arguments = dict(arguments)
        return NETWORKS[arguments.pop("network")](**arguments).to(memory_format=torch.channels_last)

    @cached_property
    def validation(self) -> dict[str, Digits]:
        """What choices are made by: as written, and as the world leaves it."""
        held_out = self.parts.validation
        return {
            "validation": held_out,
            "corrupted_validation": mixed(held_out),
            "drawn_validation": drawn_digits(500, DRAWN_SEEDS["validation"]),
        }

    @cached_property
    def tests(self) -> dict[str, Digits]:
        """Reported, never chosen by."""
        test = self.parts.test
        first, fewer = (test.only(torch.arange(min(count, len(test)))) for count in (CORRUPTED_TEST, THROUGH_READER))
        return {
            "test": test,
            **{name: corrupted(first, name) for name in CORRUPTIONS},
            "inverted": through_reader(fewer, inverted),
            "photographed": through_reader(fewer, photographed),
            "drawn": drawn_digits(500, DRAWN_SEEDS["test"]),
        }

    def validate(self, engine: Engine) -> Metric:
        scores = _scores(engine, self.validation).values()
        return accuracy(sum(score.correct for score in scores), sum(score.count for score in scores))

    def evaluate(self, engine: Engine) -> dict[str, Metric]:
        return _scores(engine, {**self.validation, **self.tests})

    def example_inputs(self) -> Tensors:
        return {"image": torch.zeros(1, 1, SIDE, SIDE)}

    def calibration_inputs(self) -> Iterator[Tensors]:
        generator = torch.Generator().manual_seed(0)
        for indices in torch.randperm(len(self.training), generator=generator)[:1_024].split(64):
            yield {"image": self.training.only(indices).images}

    def trial_inputs(self, count: int) -> dict[str, Tensors]:
        """Real ones that no quantiser was calibrated with, and two digits laid over one another in random strength."""
        images = self.parts.validation.images
        spread = torch.linspace(0, len(images) - 1, min(count, len(images))).long()
        generator = torch.Generator().manual_seed(count)
        first, second = (images[torch.randint(len(images), (count,), generator=generator)] for _ in range(2))
        share = torch.rand(count, 1, 1, 1, generator=generator)
        return {"real": {"image": images[spread]}, "random": {"image": share * first + (1 - share) * second}}

    def metadata(self, engine: Engine, corpora: Sequence[str]) -> dict[str, str]:
        known = {name: data_set.licence for name, data_set in DATA_SETS.items()} | {"drawn_digits": "Apache-2.0"}
        corrupted = self.validation["corrupted_validation"]
        answers = in_batches(engine, {"image": corrupted.images}, READ_BATCH)
        temperature = fitted_temperature(answers["logits"].numpy(), corrupted.targets.numpy())
        return {
            "sense": SENSE,
            "labels": json.dumps(self.labels),
            "temperature": f"{temperature:.4f}",
            "segments": as_metadata(fitted_segments(answers["embedding"], corrupted.targets)),
            "corpora": json.dumps(list(corpora)),
            "licence": "; ".join(f"{name}: {known[name]}" for name in corpora if name in known),
        }


def shape_of(width: int) -> dict[str, int]:
    """A student whose middle layer has so many channels, in the proportions of the usual one."""
    return {
        "stem_channels": max(1, width // 2),
        "channels": width,
        "last_channels": round(1.25 * width),
        "blocks": 1 if width >= NARROW else 0,
    }


def fitted_temperature(logits: np.ndarray, targets: np.ndarray) -> float:
    """What to divide logits by so that confidence is as high as accuracy (Guo et al. 2017)."""

    def surprise(temperature: float) -> float:
        scaled = logits / temperature
        highest = scaled.max(axis=1, keepdims=True)
        total = np.log(np.exp(scaled - highest).sum(axis=1)) + highest[:, 0]
        return float((total - scaled[np.arange(len(targets)), targets]).mean())

    return float(min(TEMPERATURES, key=surprise))


def _scores(engine: Engine, sets: dict[str, Digits]) -> dict[str, Metric]:
    return {name: _accuracy(engine, digits) for name, digits in sets.items()}


def _accuracy(engine: Engine, digits: Digits) -> Metric:
    right = _logits(engine, digits.images).argmax(dim=1) == digits.targets
    return accuracy(int(right.sum()), len(digits))


def _logits(engine: Engine, images: Tensor) -> Tensor:
    return in_batches(engine, {"image": images}, READ_BATCH)["logits"]
