"""Sentiment: is a review positive or negative? SST-2, a pretrained teacher, and students of a few megabytes."""

import argparse
import json
import zlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader

from dwindle.checkpoint import Checkpoint, load_checkpoint
from dwindle.cli import positive_int, whole_number
from dwindle.data import data_directory
from dwindle.data.source import SST2
from dwindle.engine import Engine, Tensors
from dwindle.errors import UserError
from dwindle.infer.text.review_tokenizer import numbered, packed, unpacked
from dwindle.metrics import Metric, accuracy
from dwindle.task import Batch, Budget, Distill, PlainTask
from dwindle.tasks.text import sentiment_students as students
from dwindle.tasks.text.sentiment_answers import Answers, answers_of
from dwindle.tasks.text.sentiment_batches import by_length, loader, padded
from dwindle.tasks.text.sentiment_calibration import calibrated
from dwindle.tasks.text.sentiment_data import LABELS, Reviews, SentimentData, load
from dwindle.tasks.text.sentiment_layers import freeze
from dwindle.tasks.text.sentiment_material import made_up
from dwindle.tasks.text.sentiment_network import Reader
from dwindle.tasks.text.sentiment_teacher import open_pretrained, with_vocabulary
from dwindle.tasks.text.sentiment_vocabulary import learnt, prepared, pruned, rows_of

DEFAULTS = {"epochs": 3, "lr": 1e-4, "batch_size": 32, "patience": 0, "table_bits": 4}
SCRATCH = "scratch"
HUB_DEFAULT = "distilbert-base-uncased"
STATE_WEIGHT = 1.0  # of the loss that draws a student's last state to its teacher's
NO_LABEL = -1  # of material that only a teacher can judge
READ_BATCH = 64
CALIBRATION_TEXTS = 256
TRIALS = 200  # sentences of all lengths, each padded to the longest


class Sentiment(PlainTask):
    """One contract for every network that reads a text."""

    name = "sentiment"
    labels = LABELS
    corpora = ("sst2",)
    inputs: ClassVar = {"tokens": {0: "batch", 1: "length"}}
    outputs: ClassVar = {"logits": {0: "batch"}}
    budget = Budget(bytes={"model_int8.onnx": 5_000_000}, loss=0.015, same_answers=0.95, slowest=1.3)
    headline = ("dev", "test", "other_reviews")

    def __init__(self, options: argparse.Namespace, made_from: Checkpoint | None) -> None:
        self.options, self.made_from = options, made_from
        self.teacher: Reader | None = None  # whose layers and words a student begins with
        self.is_for_teacher = False
        self._answers: tuple[nn.Module, Answers] | None = None

    @cached_property
    def data(self) -> SentimentData:
        return load(data_directory(self.options.data_dir), self.options.subset)

    @cached_property
    def tokenizer(self) -> Tokenizer:
        """A later stage's is that of its checkpoint; else the teacher's, or the pretrained model's, pruned."""
        if self.made_from is not None:
            return stored_tokenizer(self.made_from)
        files = [path for path in getattr(self.options, "teacher", None) or [] if Path(path).is_file()]
        texts = self.data.training.texts
        if files:
            whole = stored_tokenizer(load_checkpoint(files[0], self.name))
        elif self.options.pretrained == SCRATCH:
            return learnt(texts, self.options.vocabulary or students.SCRATCH_VOCABULARY)
        else:
            whole = self.pretrained[2]
        size = self.options.vocabulary
        return pruned(whole, [*texts, *made_up(texts)], size) if size else whole

    @cached_property
    def pretrained(self) -> tuple[Reader, dict[str, Any], Tokenizer]:
        network, config, tokenizer = open_pretrained(self.options.pretrained)
        return network, config, prepared(tokenizer)

    @cached_property
    def material(self) -> Reviews:
        """The labelled phrases, and then what only a teacher can judge."""
        training = self.data.training
        extra = [] if self.is_for_teacher else made_up(training.texts)[: self.options.made_up]
        return Reviews([*training.texts, *extra], [*training.labels, *[NO_LABEL] * len(extra)])

    def numbered(self, texts: Sequence[str]) -> list[list[int]]:
        return [numbered(self.tokenizer, text) for text in texts]

    @cached_property
    def tokens(self) -> list[list[int]]:
        return self.numbered(self.material.texts)

    def training_batches(self, batch_size: int) -> DataLoader:
        return loader(self.tokens, torch.tensor(self.material.labels), batch_size)

    def training_data(self) -> str:
        vocabulary = zlib.crc32(self.tokenizer.to_str().encode())
        frozen = (
            f", {self.options.frozen_layers} layers frozen"
            if self.is_for_teacher and self.options.frozen_layers
            else ""
        )
        return f"{len(self.material)} texts {self.material.digest:08x} in pieces {vocabulary:08x}{frozen}"

    def loss(
        self,
        model: nn.Module,
        batch: Batch,
        distill: Distill,
        teacher: nn.Module | None = None,
        parent: nn.Module | None = None,
    ) -> Tensor:
        """Right answers, a teacher's softened answers, and the direction of its last state."""
        logits, state = (
            model.features(batch["tokens"]) if hasattr(model, "features") else (model(batch["tokens"]), None)
        )
        targets = batch["target"]
        if teacher is None:
            labelled = targets != NO_LABEL
            if not labelled.any():
                return 0 * logits.sum()
            return distill(logits[labelled], None, targets[labelled])
        answers, rows = self.answers(teacher), batch["row"].cpu()
        taught = answers.logits[rows].to(logits.device)
        targets = torch.where(targets == NO_LABEL, taught.argmax(dim=-1), targets)
        loss = distill(logits.float(), taught, targets)
        wanted = answers.states[rows].to(logits.device, torch.float32)
        if state is not None and self.is_kin(state, wanted):
            loss = loss + STATE_WEIGHT * (1 - functional.cosine_similarity(state.float(), wanted)).mean()
        return loss

    @staticmethod
    def is_kin(state: Tensor, wanted: Tensor) -> bool:
        """Whether two states mean the same directions: those of a student made of its teacher's layers do."""
        return state.shape == wanted.shape

    def answers(self, teacher: nn.Module) -> Answers:
        """Of this teacher, asked once."""
        if self._answers is None or self._answers[0] is not teacher:
            folder = getattr(self.options, "output_dir", None)
            of = f"{zlib.crc32(self.training_data().encode()):08x}"
            self._answers = teacher, answers_of(teacher, self.tokens, of, Path(folder) if folder else None)
        return self._answers[1]

    def build(self, role: str, width: int | None = None) -> tuple[nn.Module, dict[str, Any]]:
        for known in ("material", "tokens"):  # what a student learns from besides, its teacher does not
            self.__dict__.pop(known, None)
        self.is_for_teacher = role == "teacher"
        size = self.tokenizer.get_vocab_size()
        if self.is_for_teacher and self.options.pretrained != SCRATCH:
            whole, config, _ = self.pretrained
            arguments = {"kind": "pretrained", "config": {**config, "vocab_size": size}}
            network = self.rebuild(arguments)
            network.load_state_dict(with_vocabulary(whole.state_dict(), rows_of(self.tokenizer, self.pretrained[2])))
            if self.options.frozen_layers:
                freeze(network, self.options.frozen_layers)
            return network, arguments
        if self.is_for_teacher:
            arguments = students.scratch_teacher(size)
            return self.rebuild(arguments), arguments
        return students.begun(self.options, size, width, self.teacher)

    def rebuild(self, arguments: dict[str, Any]) -> nn.Module:
        return students.rebuilt(arguments)

    def restored(self, checkpoint: Checkpoint, path: Path) -> nn.Module:
        """The network; one that knows more words than this task gives up those that it will not meet."""
        rows = self.rows_within(checkpoint, path)
        if rows is not None:
            checkpoint = students.with_fewer_words(checkpoint, rows)
        network = super().restored(checkpoint, path)
        if checkpoint.role == "teacher":
            self.teacher = network
        return network

    def rows_within(self, checkpoint: Checkpoint, path: Path) -> list[int] | None:
        theirs = stored_tokenizer(checkpoint)
        if theirs.get_vocab() == self.tokenizer.get_vocab():
            return None
        try:
            return rows_of(self.tokenizer, theirs)
        except KeyError as error:
            raise UserError(f"{path}: does not know the piece {error.args[0]!r}: it has another vocabulary") from error

    def narrowed(self, network: nn.Module, arguments: dict[str, Any], share: float) -> tuple[nn.Module, dict[str, Any]]:
        """A Transformer with that share of its heads and feed-forward units gone, the weakest of each layer."""
        return students.narrowed(network, arguments, share)

    def provenance(self) -> dict[str, Any]:
        return {"tokenizer": packed(self.tokenizer), "subset": self.options.subset}

    def validate(self, engine: Engine) -> Metric:
        return self.score(engine, self.data.held_out)

    def evaluate(self, engine: Engine) -> dict[str, Metric]:
        sets = {"held_out": self.data.held_out, **self.data.tests, "other_reviews": self.data.other}
        return {name: self.score(engine, reviews) for name, reviews in sets.items()}

    def score(self, engine: Engine, reviews: Reviews) -> Metric:
        right = self.logits(engine, reviews).argmax(dim=-1) == torch.tensor(reviews.labels)
        return accuracy(int(right.sum()), len(reviews))

    def logits(self, engine: Engine, reviews: Reviews) -> Tensor:
        """Of texts of any length, in batches of about one length."""
        found = torch.zeros(len(reviews), len(self.labels))
        for rows, batch in by_length(self.numbered(reviews.texts), READ_BATCH):
            found[rows] = engine({"tokens": batch})["logits"]
        return found

    def example_inputs(self) -> Tensors:
        """A sentence of middle length, for tracing and counting."""
        return {"tokens": self.trial_inputs(1)["real"]["tokens"][:1]}

    def calibration_inputs(self) -> Iterator[Tensors]:
        """Whole sentences of the training text, as a user's are."""
        texts = sorted(self.data.training.texts, key=lambda text: zlib.crc32(text.encode()))
        long = [text for text in texts if len(text.split()) >= 8][:CALIBRATION_TEXTS] or texts[:CALIBRATION_TEXTS]
        for _, batch in by_length(self.numbered(long), 32):
            yield {"tokens": batch}

    def trial_inputs(self, count: int) -> dict[str, Tensors]:
        """Held-out sentences, the one of middle length first, and random tokens."""
        tokens = sorted(self.numbered(self.data.held_out.texts), key=len)
        step = -(-len(tokens) // min(count, TRIALS))
        real = padded([tokens[len(tokens) // 2], *tokens[::step]][:count])
        random = torch.Generator().manual_seed(count)
        size = (len(real), real.shape[1])
        drawn = torch.randint(1, self.tokenizer.get_vocab_size(), size, generator=random)
        return {"real": {"tokens": real}, "random": {"tokens": drawn}}

    def metadata(self, engine: Engine, corpora: Sequence[str]) -> dict[str, str]:
        held_out = self.data.held_out
        calibration = calibrated(self.logits(engine, held_out), torch.tensor(held_out.labels))
        return {
            "sense": "read",
            "labels": json.dumps(self.labels),
            "temperature": f"{calibration.temperature:.4f}",
            "threshold": f"{calibration.threshold:.6f}",
            "tokenizer": packed(self.tokenizer),
            "corpora": json.dumps(list(corpora)),
            "licence": f"sst2: {SST2.licence}",
        }


def stored_tokenizer(checkpoint: Checkpoint) -> Tokenizer:
    """The one that a checkpoint was trained with."""
    text = checkpoint.provenance.get("tokenizer")
    if not isinstance(text, str):
        raise UserError("this checkpoint holds no tokenizer: train it again")
    return unpacked(text)


def add_options(group: argparse._ArgumentGroup) -> None:
    """What this task alone asks for."""
    group.add_argument(
        "--pretrained",
        default=HUB_DEFAULT,
        metavar="NAME_OR_FOLDER",
        help="what a teacher begins as: a model of the Hugging Face hub, a folder in its format, or scratch",
    )
    group.add_argument(
        "--vocabulary", type=whole_number, default=12_000, metavar="PIECES", help="pieces of words to keep; 0: all"
    )
    group.add_argument(
        "--frozen_layers", type=whole_number, default=0, metavar="LAYERS", help="of a pretrained teacher: the first"
    )
    group.add_argument("--architecture", choices=students.KINDS, default="first", help="of the student (first)")
    group.add_argument("--layers", type=positive_int, default=2, help="of the teacher's, for the student (2)")
    group.add_argument("--heads", type=positive_int, help="of each of the student's layers (as the teacher's)")
    group.add_argument("--units", type=positive_int, help="in its feed-forward parts (as the teacher's)")
    group.add_argument("--subset", type=positive_int, metavar="PHRASES", help="train on so many")
    group.add_argument(
        "--made_up", type=whole_number, default=20_000, metavar="TEXTS", help="made of training text, for a teacher"
    )


def open_task(options: argparse.Namespace, made_from: Checkpoint | None = None) -> Sentiment:
    """The task with its options; a later stage goes on with the tokenizer of its checkpoint."""
    return Sentiment(options, made_from)
