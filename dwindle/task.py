"""What a task must answer. Everything that trains, shrinks and exports a model works through these answers alone."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from dwindle.checkpoint import Checkpoint
from dwindle.engine import Engine, Tensors
from dwindle.errors import UserError
from dwindle.metrics import Metric

Batch = dict[str, Tensor]
Axes = dict[str, dict[int, str]]  # by name of an input or output, its axes that may have any length

# A new task is one folder and one line here. Only the chosen task's module is imported.
TASKS = {
    "spoken_digits": "dwindle.tasks.speech.digits",
    "own_words": "dwindle.tasks.speech.own_words",
    "handwritten_digits": "dwindle.tasks.images.handwritten_digits",
    "language_model": "dwindle.tasks.text.language_model",
    "sentiment": "dwindle.tasks.text.sentiment",
}
DEFAULT_TASK = "spoken_digits"


@dataclass(frozen=True)
class Budget:
    """What a version may cost; stage 2 chooses what ships by it, and stage 3 refuses what breaks it."""

    bytes: Mapping[str, int] = field(default_factory=dict)  # of exported files, by name
    loss: float = 0.003  # of the primary metric, against the model that was quantised, in the metric's own unit
    same_answers: float = 0.995  # least share of a quantised file's top answers that are the float model's
    slowest: float = 0.92  # times as fast as the float file
    answers: tuple[str, ...] = ()  # outputs whose last axis stands for classes; none named: the first


class Distill(Protocol):
    """The loss of answers, beside a teacher's or without one; alpha is the teacher's share."""

    alpha: float

    def __call__(self, student_logits: Tensor, teacher_logits: Tensor | None, targets: Tensor) -> Tensor: ...


class Task(Protocol):
    """A thing to learn: its data, its networks, its loss, and how well a model does.

    A task's module has two functions: `add_options(group)`, which adds its own flags to an argparse group, and
    `open_task(options, made_from)`, which gives the task; `made_from` is the checkpoint that a later stage goes on
    from, or None. It may have a dict DEFAULTS with other defaults for the stages' flags, e.g. {"epochs": 20}.
    """

    name: str
    labels: tuple[str, ...]  # what the answers are called
    corpora: tuple[str, ...]  # the names of the data that it trains on
    inputs: Axes  # of an exported model
    outputs: Axes  # likewise; the first holds the logits
    budget: Budget
    headline: tuple[str, ...]  # the sets that reports name first, by their key in evaluate()

    def training_batches(self, batch_size: int) -> DataLoader:
        """Shuffled batches of the training data, drawn anew each time they are walked through."""
        ...

    def training_data(self) -> str:
        """A digest of all that training sees: for other data it is another."""
        ...

    def augment(self, batch: Batch) -> Batch:
        """The batch as the world might change it."""
        ...

    def loss(
        self,
        model: nn.Module,
        batch: Batch,
        distill: Distill,
        teacher: nn.Module | None = None,
        parent: nn.Module | None = None,
    ) -> Tensor:
        """What training makes small: right answers, a teacher's answers, and a parent that is to be stayed close to."""
        ...

    def build(self, role: str, width: int | None = None) -> tuple[nn.Module, dict[str, Any]]:
        """A new teacher or student, and the arguments that build it again."""
        ...

    def rebuild(self, arguments: dict[str, Any]) -> nn.Module:
        """The network of a checkpoint's arguments."""
        ...

    def restored(self, checkpoint: Checkpoint, path: Path) -> nn.Module:
        """The network of a checkpoint of this task, with its weights."""
        ...

    def exported(self, network: nn.Module) -> nn.Module:
        """The network as files hold it: the same one, or one around it, e.g. with an explicit cache."""
        ...

    def may_learn_from(self, checkpoint: Checkpoint, path: str | Path) -> None:
        """Raise where a model made from this checkpoint would know what it is judged by."""
        ...

    def provenance(self) -> dict[str, Any]:
        """What a checkpoint must remember of this task's options, beside the corpora."""
        ...

    def validate(self, engine: Engine) -> Metric:
        """The primary metric, by which choices are made, on development data."""
        ...

    def evaluate(self, engine: Engine) -> dict[str, Metric]:
        """Every set that a result reports; one unit may stand beside another."""
        ...

    def example_inputs(self) -> Tensors:
        """One example of each input, in the order of `inputs`, for tracing and timing."""
        ...

    def calibration_inputs(self) -> Iterator[Tensors]:
        """Batches of typical inputs, for quantising; training data."""
        ...

    def trial_inputs(self, count: int) -> dict[str, Tensors]:
        """Named sets of inputs ("real", "random") on which an exported file must answer as PyTorch does."""
        ...

    def metadata(self, engine: Engine, corpora: Sequence[str]) -> dict[str, str]:
        """What the exported file must tell whoever runs it: labels, thresholds, corpora, licence, its sense."""
        ...


class PlainTask:
    """Defaults that serve a classifier with one output of logits and batches of {input names…, "target"}."""

    name: str
    labels: tuple[str, ...]
    inputs: Axes
    outputs: Axes
    budget = Budget()
    headline: tuple[str, ...] = ()

    def augment(self, batch: Batch) -> Batch:
        return batch

    def loss(
        self,
        model: nn.Module,
        batch: Batch,
        distill: Distill,
        teacher: nn.Module | None = None,
        parent: nn.Module | None = None,
    ) -> Tensor:
        """Cross-entropy, mixed with a teacher's softened answers where there is one."""
        inputs = [batch[name] for name in self.inputs]
        taught = None
        if teacher is not None:
            with torch.no_grad():
                taught = first_output(teacher(*inputs)).float()
        return distill(first_output(model(*inputs)).float(), taught, batch["target"])

    def restored(self, checkpoint: Checkpoint, path: Path) -> nn.Module:
        if checkpoint.labels != list(self.labels):
            raise UserError(f"{path}: knows other labels than the task: name the data that it was trained with")
        try:
            network = self.rebuild(checkpoint.arguments)
            network.load_state_dict(checkpoint.weights)
        except (RuntimeError, TypeError, ValueError, AttributeError) as error:
            raise UserError(f"{path}: its weights do not fit the network that it names: train it again") from error
        return network

    def exported(self, network: nn.Module) -> nn.Module:
        return network

    def rebuild(self, arguments: dict[str, Any]) -> nn.Module:
        raise TypeError(f"{type(self).__name__} must say how its networks are built")

    def may_learn_from(self, checkpoint: Checkpoint, path: str | Path) -> None:
        """Any earlier model may teach."""

    def provenance(self) -> dict[str, Any]:
        return {}

    def calibration_inputs(self) -> Iterator[Tensors]:
        raise TypeError(f"{type(self).__name__} must give typical inputs")

    def trial_inputs(self, count: int) -> dict[str, Tensors]:
        """Real inputs and random ones of the same shape."""
        batches = list(self.calibration_inputs())
        real = {name: torch.cat([batch[name] for batch in batches])[:count] for name in self.inputs}
        generator = torch.Generator().manual_seed(count)
        return {"real": real, "random": {name: _random_like(tensor, count, generator) for name, tensor in real.items()}}


def first_output(outputs: Tensor | Sequence[Tensor]) -> Tensor:
    """The logits of a network that may give more."""
    return outputs if isinstance(outputs, Tensor) else outputs[0]


def open_task(name: str, options: argparse.Namespace, made_from: Checkpoint | None = None) -> Task:
    """The task of that name, with its options and, in a later stage, the checkpoint that it goes on from."""
    return task_module(name).open_task(options, made_from)


def options_of(name: str, **given: Any) -> argparse.Namespace:
    """A task's options as its flags would give them, for whoever opens it from Python: seed 0, the usual data."""
    parser = argparse.ArgumentParser()
    task_module(name).add_options(parser.add_argument_group())
    return argparse.Namespace(**{"data_dir": None, "seed": 0, **vars(parser.parse_args([])), **given})


def task_module(name: str) -> Any:
    """The module of a task; imported only when it is asked for."""
    return import_module(TASKS[name])


def artifacts_of(name: str) -> str:
    """The folder where a task's stages meet: the default task keeps artifacts/ itself."""
    return "artifacts" if name == DEFAULT_TASK else f"artifacts/{name}"


def _random_like(real: Tensor, count: int, generator: torch.Generator) -> Tensor:
    shape = (count, *real.shape[1:])
    if real.is_floating_point():
        return torch.randn(shape, generator=generator) * real.std()
    return torch.randint(int(real.max()) + 1, shape, generator=generator, dtype=real.dtype)
