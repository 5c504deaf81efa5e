"""What a task must answer; everything that shrinks a model works through these answers alone."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from dwindle.checkpoint import Checkpoint
from dwindle.engine import Engine, Reader
from dwindle.errors import UserError
from dwindle.scores import Score

Batch = dict[str, Tensor]


class Judged(NamedTuple):
    """What a loss compares: logits (n, classes), targets (n), and a loss of the task's own, or None."""

    logits: Tensor
    targets: Tensor
    own_loss: Tensor | None


@dataclass(frozen=True)
class TaskOptions:
    """What a person may choose about a task's data."""

    data_dir: Path
    corpora: tuple[str, ...] | None = None  # None: all that the task knows
    hold_out_speaker: str | None = None
    words_dir: Path | None = None
    seed: int = 0


class Task(ABC):
    """A thing to learn: its data, its teacher and student, and how well a model does."""

    name: str
    labels: tuple[str, ...]
    corpora: tuple[str, ...]  # the names of what it trains on
    inputs: dict[str, dict[int, str]]  # of an exported model, by name, with the axes that may have any length
    outputs: dict[str, dict[int, str]]  # likewise; the first holds the logits

    @abstractmethod
    def training_batches(self, batch_size: int) -> DataLoader:
        """Shuffled batches of the training data, drawn anew each time they are walked through."""

    @abstractmethod
    def training_data(self) -> str:
        """A digest of all that training hears: for other recordings it is another."""

    @abstractmethod
    def augment(self, batch: Batch) -> Batch:
        """The batch as the world might change it."""

    @abstractmethod
    def judge(self, model: nn.Module, batch: Batch, own_loss: bool, parent: nn.Module | None = None) -> Judged:
        """Run the model; `own_loss` asks for the task's own loss as well, which may be to stay as its parent was."""

    @abstractmethod
    def build(self, role: str, width: int | None = None) -> tuple[nn.Module, dict[str, Any]]:
        """A new teacher or student, and the arguments that build it again."""

    @abstractmethod
    def rebuild(self, arguments: dict[str, Any]) -> nn.Module:
        """The network of a checkpoint's arguments."""

    def restored(self, checkpoint: Checkpoint, path: Path) -> nn.Module:
        """The network of a checkpoint of this task, with its weights."""
        if checkpoint.labels != list(self.labels):
            raise UserError(f"{path}: knows other labels than the task: name the data that it was trained with")
        try:
            network = self.rebuild(checkpoint.arguments)
            network.load_state_dict(checkpoint.weights)
        except (RuntimeError, TypeError, ValueError) as error:
            raise UserError(f"{path}: its weights do not fit the network that it names: train it again") from error
        return network

    @abstractmethod
    def validate(self, read: Reader) -> Score:
        """The score that choices are made by."""

    @abstractmethod
    def evaluate(self, read: Reader) -> dict[str, Score]:
        """The score on every data set that a result reports."""

    @abstractmethod
    def example_input(self) -> Tensor:
        """One input for tracing."""

    @abstractmethod
    def metadata(self, engine: Engine, corpora: Sequence[str]) -> dict[str, str]:
        """What the exported file of this model, which learnt from those corpora, must tell whoever runs it."""

    def trial_inputs(self, count: int) -> dict[str, Tensor]:
        """Real inputs and random ones of the same shape, on which an exported model must answer as this one."""
        real = torch.cat(list(self.calibration_inputs()))[:count]
        generator = torch.Generator().manual_seed(count)
        if real.is_floating_point():
            random = torch.randn(count, *real.shape[1:], generator=generator) * real.std()
        else:
            random = torch.randint(int(real.max()) + 1, (count, *real.shape[1:]), generator=generator)
        return {"real": real, "random": random}

    @abstractmethod
    def calibration_inputs(self) -> Iterator[Tensor]:
        """Batches of typical inputs, for quantising."""
