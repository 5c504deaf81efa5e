"""What techniques work with: a task's data, a teacher that helps, and a folder for the files that are made."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from torch import nn

from dwindle.compress.compare import Version
from dwindle.engine import state_of, with_empty_state
from dwindle.export import measure
from dwindle.export.formats import to_onnx
from dwindle.task import Task
from dwindle.train.distillation import KnowledgeDistillationLoss
from dwindle.train.recipe import Recipe
from dwindle.train.trainer import Trainer, fingerprint

WEIGHT_AVERAGING = 0.98  # fine-tuning is short: a longer memory would hold on to where it started


@dataclass(frozen=True)
class Workshop:
    """One task's data, teacher and tools; every technique gets it beside the model."""

    task: Task
    folder: Path
    loss: KnowledgeDistillationLoss
    teacher: nn.Module | None
    parent: nn.Module | None  # as it was before anything was taken from it; every version is to answer like it
    accelerator: Accelerator
    batch_size: int
    learning_rate: float
    seed: int
    resume: bool  # a state that does not fit is then an error, and not passed over
    table_bits: int | None = None  # of a number in a table of words, in quantised files; None: as other weights

    @property
    def is_main_process(self) -> bool:
        """Whether this process writes and tells; others only help to train."""
        return self.accelerator.is_main_process

    @property
    def conditions(self) -> dict[str, Any]:
        """How it fine-tunes; a state that was reached otherwise is not gone on from."""
        return {
            "training data": self.task.training_data(),
            "learning rate": self.learning_rate,
            "batch size": self.batch_size,
            "seed": self.seed,
            "teacher": fingerprint(self.teacher) if self.teacher else None,
            "parent": fingerprint(self.parent) if self.parent else None,
            "temperature": self.loss.temperature,
            "alpha": self.loss.alpha,
        }

    def write_onnx(self, network: nn.Module, path: Path) -> None:
        """The network as a file, which says what task it is of; written by the main process alone."""
        if not self.is_main_process:
            return
        exported = self.task.exported(network)
        example = with_empty_state(self.task.example_inputs(), state_of(exported))
        to_onnx(exported, example, path, self.task.inputs, self.task.outputs, {"task": self.task.name})

    def fine_tune(self, network: nn.Module, name: str, epochs: int, rate_share: float = 1.0) -> None:
        """Train the network a little more; its weights are then the best of these epochs. A kill costs one epoch."""
        state_path = self.folder / f".training-{name}.pt"
        recipe = Recipe(
            epochs=epochs,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate * rate_share,
            averaging=WEIGHT_AVERAGING,
            seed=self.seed,
        )
        trainer = Trainer(
            self.task,
            network,
            recipe,
            self.loss,
            self.accelerator,
            self.teacher,
            self.parent,
            name=name,
            state_path=state_path,
        )
        trainer.go_on(must_fit=self.resume)
        trainer.train()
        self.accelerator.free_memory()
        network.to("cpu")

    def forget(self, name: str) -> None:
        """Remove the state of a fine-tuning whose outcome is kept elsewhere."""
        if self.is_main_process:
            (self.folder / f".training-{name}.pt").unlink(missing_ok=True)

    def forget_everything(self) -> None:
        """Remove every state that could be gone on from."""
        for pattern in (".training-*.pt", ".pruning-*.pt"):
            for path in self.folder.glob(pattern):
                path.unlink()

    def finished(self, name: str, stage: str, network: nn.Module, note: str, timed: bool = True) -> Version:
        """A version of a network in PyTorch: exported and counted."""
        network.eval()
        path = self.folder / f"{name}.onnx"
        self.write_onnx(network, path)
        return Version(
            name,
            stage,
            path,
            network,
            measure.parameters(network),
            measure.nonzeros(network),
            measure.multiply_adds(network, self.task.example_inputs()),
            timed,
            note,
        )
