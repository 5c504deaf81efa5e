"""A language model: what character comes next, in plays or in any other text file."""

import argparse
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from dwindle.checkpoint import Checkpoint
from dwindle.cli import nonempty
from dwindle.data import data_directory
from dwindle.engine import Engine, Tensors
from dwindle.errors import UsageError, UserError
from dwindle.infer.text.language_memory import BEFORE, Arrays, Memory, Run, nats_of
from dwindle.metrics import Metric, bits_per_character, perplexity
from dwindle.task import Budget, PlainTask
from dwindle.tasks.text.language_lstm import LanguageLSTM
from dwindle.tasks.text.language_narrowing import narrowed
from dwindle.tasks.text.language_network import LanguageTransformer
from dwindle.tasks.text.language_text import SHAKESPEARE, LanguageText, passage_batches, read_text

DEFAULTS = {"batch_size": 16, "temperature": 1.0, "alpha": 0.8, "steps": 2, "epochs_per_step": 1}
DEFAULTS |= {"structured_epochs": 1, "qat_epochs": 0, "int4": True, "lr": 5e-4}
DEFAULTS["train_distill"] = {"epochs": 16, "lr": 2e-2, "optimizer": "muon", "patience": 0}
WINDOW = 128  # characters that a character sees
PASSAGE = 256  # characters of a training example: half of them see a full window
BLOCKS = 4  # of every Transformer here
TEACHER = {
    "width": 128,
    "blocks": BLOCKS,
    "heads": 4,
    "hidden": 512,
    "rows": [4357, 8191, 16381, 16381],  # of pairs, triples, and groups of four and five characters
    "dropout": 0.1,
}
STUDENT = {"width": 96, "blocks": BLOCKS, "heads": 3, "hidden": 384, "rows": [1021, 2039, 2039]}
TRANSFORMERS = {"teacher": TEACHER, "student": STUDENT}
LSTMS = {
    "teacher": {"width": 256, "layers": 2, "rows": TEACHER["rows"], "dropout": 0.1},
    "student": {"width": 128, "layers": 2, "rows": STUDENT["rows"]},
}
TOKENS = {"tokens": {0: "batch", 1: "time"}, "before": {0: "batch"}}
LOGITS = {"logits": {0: "batch", 1: "time"}}
INPUTS = {  # by architecture
    "transformer": {**TOKENS, "start": {0: "batch"}, **{f"memory_{n}": {0: "batch"} for n in range(2 * BLOCKS)}},
    "lstm": {**TOKENS, "hidden": {0: "batch"}, "cell": {0: "batch"}},
}
OUTPUTS = {
    "transformer": {**LOGITS, "new_memory": {0: "batch", 3: "time"}},
    "lstm": {**LOGITS, "new_hidden": {0: "batch"}, "new_cell": {0: "batch"}},
}
TRIAL = 24  # characters of a trial of an exported file
STREAMS = 16  # into which a text is cut to be judged
INTERVAL_CHUNK = 512  # characters that are taken to be independent of the others
CALIBRATION_PASSAGES, CALIBRATION_BATCH = 64, 16


def add_options(group: argparse._ArgumentGroup) -> None:
    """Which text to learn."""
    group.add_argument("--architecture", choices=list(INPUTS), help="default: transformer, or as the checkpoint's")
    group.add_argument("--text", type=nonempty, metavar="FILE", help=f"default: {SHAKESPEARE} in --data_dir")
    more = "a text to learn from beside it, such as a teacher wrote; nothing is judged by it"
    group.add_argument("--more_text", type=nonempty, metavar="FILE", help=more)


def open_task(options: argparse.Namespace, made_from: Checkpoint | None = None) -> "LanguageModel":
    """The task on the chosen text."""
    path = Path(options.text) if options.text else data_directory(options.data_dir) / SHAKESPEARE
    made = made_from.arguments.get("architecture", "transformer") if made_from else None
    if made and options.architecture not in (None, made):
        raise UsageError(f"--architecture {options.architecture}: the checkpoint holds a network of kind {made}")
    more = Path(options.more_text) if options.more_text else None
    return LanguageModel(path, options.architecture or made or "transformer", more)


class LanguageModel(PlainTask):
    """Next characters of one text."""

    name = "language_model"
    budget = Budget(bytes={"model_int8.onnx": 1_000_000}, loss=0.0144, same_answers=0.97, slowest=0.5)
    headline = ("test",)

    def __init__(self, path: Path, architecture: str = "transformer", more: Path | None = None) -> None:
        self.path, self.architecture, self.more = path, architecture, more
        self.inputs, self.outputs = INPUTS[architecture], OUTPUTS[architecture]

    @cached_property
    def text(self) -> LanguageText:
        return read_text(self.path, self.more)

    @property
    def labels(self) -> tuple[str, ...]:
        return self.text.vocabulary.labels

    @property
    def corpora(self) -> tuple[str, ...]:
        return (self.path.stem, *([self.more.stem] if self.more else []))

    def training_batches(self, batch_size: int) -> DataLoader:
        return passage_batches(self.text.train, PASSAGE, batch_size, self.text.vocabulary.unknown)

    def training_data(self) -> str:
        return f"{len(self.text.train)} characters {zlib.crc32(self.text.train.tobytes()):08x}"

    def provenance(self) -> dict[str, Any]:
        return {"text_sha256": self.text.digest}

    def may_learn_from(self, checkpoint: Checkpoint, path: str | Path) -> None:
        """A model of another text has other characters, or has read what this one is judged by."""
        if checkpoint.provenance.get("text_sha256") != self.text.digest:
            raise UserError(f"{path}: was trained on another text than {self.path}: name that one with --text")

    def loss(self, model, batch, distill, teacher=None, parent=None) -> Tensor:
        """Cross-entropy of every next character, mixed with what a teacher expects there."""
        logits, *_ = model(batch["tokens"], batch["before"])
        taught = None
        if teacher is not None:
            with torch.no_grad():
                taught = teacher(batch["tokens"], batch["before"])[0].float()
        return distill(logits.float(), taught, batch["target"])

    def build(self, role: str, width: int | None = None) -> tuple[nn.Module, dict[str, Any]]:
        shapes = LSTMS if self.architecture == "lstm" else TRANSFORMERS
        arguments = {"classes": len(self.labels), **shapes[role], **({"width": width} if width else {})}
        arguments |= {"architecture": "lstm"} if self.architecture == "lstm" else {}
        return self.rebuild(arguments), arguments

    def rebuild(self, arguments: dict[str, Any]) -> nn.Module:
        shape = {name: value for name, value in arguments.items() if name != "architecture"}
        return LanguageLSTM(**shape) if "architecture" in arguments else LanguageTransformer(**shape, window=WINDOW)

    def narrowed(self, network: nn.Module, arguments: dict[str, Any], share: float) -> tuple[nn.Module, dict[str, Any]]:
        """Heads and units of the blocks go, those with the smallest weights first."""
        return narrowed(network, arguments, share)

    def validate(self, engine: Engine) -> Metric:
        return bits_per_character(*self._judged(engine, self.text.validation, self.text.train[-BEFORE - 1 :]))

    def evaluate(self, engine: Engine) -> dict[str, Metric]:
        metrics = {}
        parts = {"validation": (self.text.validation, self.text.train), "test": (self.text.test, self.text.validation)}
        for name, (part, earlier) in parts.items():
            judged = self._judged(engine, part, earlier[-BEFORE - 1 :])
            metrics |= {name: bits_per_character(*judged), f"{name}_perplexity": perplexity(*judged)}
        return metrics

    def _judged(self, engine: Engine, text: np.ndarray, earlier: np.ndarray) -> tuple[list[float], list[int]]:
        """Nats and numbers of characters, chunk by chunk; the text is read as several streams side by side."""
        length = len(text) // STREAMS
        streams = text[: length * STREAMS].reshape(STREAMS, length)
        whole = np.concatenate([earlier, text])
        beginnings = np.stack([whole[first : first + BEFORE + 1] for first in range(0, length * STREAMS, length)])
        nats = nats_of(Memory(stepped(engine), beginnings, WINDOW), streams, WINDOW)
        starts = range(0, length, INTERVAL_CHUNK)
        chunks = [row[start : start + INTERVAL_CHUNK] for row in nats for start in starts]
        return [float(chunk.sum()) for chunk in chunks], [len(chunk) for chunk in chunks]

    def example_inputs(self) -> Tensors:
        """One character: what generation asks for again and again."""
        return self._feed(torch.zeros(1, BEFORE + 1, dtype=torch.int64))

    def calibration_inputs(self) -> Iterator[Tensors]:
        starts = np.linspace(0, len(self.text.train) - PASSAGE, CALIBRATION_PASSAGES).astype(int)
        passages = torch.stack([torch.from_numpy(self.text.train[start : start + PASSAGE]) for start in starts])
        for batch in passages.split(CALIBRATION_BATCH):
            yield self._feed(batch)

    def trial_inputs(self, count: int) -> dict[str, Tensors]:
        """Real ones from the validation text, which no quantiser was calibrated with."""
        starts = np.linspace(0, len(self.text.validation) - TRIAL, count).astype(int)
        passages = torch.stack([torch.from_numpy(self.text.validation[start : start + TRIAL]) for start in starts])
        noise = torch.randint(len(self.labels), passages.shape, generator=torch.Generator().manual_seed(count))
        return {"real": self._feed(passages), "random": self._feed(noise)}

    def _feed(self, passages: Tensor) -> Tensors:
        whole = {
            "tokens": passages[:, BEFORE:].contiguous(),
            "before": passages[:, :BEFORE].contiguous(),
            "start": torch.zeros(len(passages), dtype=torch.int64),
        }
        return {name: tensor for name, tensor in whole.items() if name in self.inputs}

    def metadata(self, engine: Engine, corpora: Sequence[str]) -> dict[str, str]:
        return {
            "sense": "write",
            "labels": json.dumps(self.labels),
            "window": str(WINDOW),
            "corpora": json.dumps(list(corpora)),
            "licence": "public domain" if self.path.name == Path(SHAKESPEARE).name else "of the text",
        }


def stepped(engine: Engine) -> Run:
    """A network as whoever keeps its memory runs it: numpy in, numpy out."""

    def run(feed: Mapping[str, np.ndarray]) -> Arrays:
        given = engine({name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in feed.items()})
        return {name: tensor.numpy() for name, tensor in given.items()}

    return run
