"""Networks by name: how each is built, what it begins as, and how it is built again from a checkpoint."""

import argparse
from dataclasses import replace
from typing import Any

from torch import nn

from dwindle.checkpoint import Checkpoint
from dwindle.errors import UsageError, UserError
from dwindle.tasks.text.sentiment_layers import as_reader, begin_as, chosen_layers, factorised, narrower
from dwindle.tasks.text.sentiment_network import ConvolutionReader, Reader, TransformerReader
from dwindle.tasks.text.sentiment_teacher import PretrainedReader, with_vocabulary

OF_TEACHER = ("first", "middle", "last", "spread")  # which of its layers
KINDS = (*OF_TEACHER, "small", "convolution")
SMALL_WIDTH, SMALL_HEAD = 128, 64  # BERT-tiny's
CHANNELS, ROW = 128, 64  # of the convolutional student, and of its table of words
SCRATCH_VOCABULARY = 8_000


def scratch_teacher(vocabulary: int) -> dict[str, Any]:
    """The arguments of a teacher that learns from the training text alone."""
    shape = {"width": 256, "heads": [4] * 4, "units": [1024] * 4, "head_width": 64}
    return {"kind": "transformer", "vocabulary": vocabulary, **shape}


def begun(
    options: argparse.Namespace, vocabulary: int, width: int | None, teacher: Reader | None
) -> tuple[Reader, dict[str, Any]]:
    """The student that the options ask for, begun with what it can take over from its teacher."""
    if options.architecture in OF_TEACHER:
        return _of_layers(options, width, teacher)
    if options.architecture == "small":
        wide = width or SMALL_WIDTH
        count = options.layers
        shape = {
            "width": wide,
            "heads": [options.heads or max(1, wide // SMALL_HEAD)] * count,
            "units": [options.units or 4 * wide] * count,
            "head_width": SMALL_HEAD,
        }
        arguments = {"kind": "transformer", "vocabulary": vocabulary, **shape}
    else:
        shape = {"row": ROW, "channels": width or CHANNELS, "blocks": 4}
        arguments = {"kind": "convolution", "vocabulary": vocabulary, **shape}
    student = rebuilt(arguments)
    table = _table_of(teacher)
    if table is not None and table.embedding_dim >= student.words.table.embedding_dim:
        factorised(student.words, table)
    return student, arguments


def _of_layers(options: argparse.Namespace, width: int | None, teacher: Reader | None) -> tuple[Reader, dict[str, Any]]:
    if teacher is None:
        raise UsageError(f"--architecture {options.architecture} takes a teacher's layers, and none is given")
    if width is not None:
        raise UsageError(f"--architecture {options.architecture} is as wide as the teacher; narrow --heads and --units")
    whole = as_reader(teacher)
    numbers = chosen_layers(options.architecture, options.layers, len(whole.layers))
    arguments = {
        "kind": "transformer",
        "vocabulary": whole.words.table.num_embeddings,
        "width": whole.positions.shape[1],
        "heads": [min(options.heads or whole.layers[n].heads, whole.layers[n].heads) for n in numbers],
        "units": [
            min(options.units or whole.layers[n].wide.out_features, whole.layers[n].wide.out_features) for n in numbers
        ],
        "head_width": whole.layers[0].head_width,
        "frozen_words": not whole.words.table.weight.requires_grad,
    }
    student = rebuilt(arguments)
    begin_as(student, whole, numbers)
    return student, arguments


def rebuilt(arguments: dict[str, Any]) -> Reader:
    """The network of a checkpoint's arguments."""
    kinds = {"pretrained": PretrainedReader, "transformer": TransformerReader, "convolution": ConvolutionReader}
    return kinds[arguments["kind"]](**{key: value for key, value in arguments.items() if key != "kind"})


def narrowed(network: nn.Module, arguments: dict[str, Any], share: float) -> tuple[nn.Module, dict[str, Any]]:
    """A Transformer without that share of its heads and units."""
    if arguments["kind"] != "transformer":
        raise UserError(f"a {arguments['kind']} network has no heads to take away: --structured is for Transformers")
    smaller = {**arguments, **narrower(arguments, share)}
    student = rebuilt(smaller)
    begin_as(student, network, range(len(network.layers)))
    return student, smaller


def with_fewer_words(checkpoint: Checkpoint, rows: list[int]) -> Checkpoint:
    """The checkpoint of the same network with only these rows of its table."""
    arguments = dict(checkpoint.arguments)
    if arguments["kind"] == "pretrained":
        arguments["config"] = {**arguments["config"], "vocab_size": len(rows)}
    else:
        arguments["vocabulary"] = len(rows)
    return replace(checkpoint, arguments=arguments, weights=with_vocabulary(checkpoint.weights, rows))


def _table_of(teacher: Reader | None) -> nn.Embedding | None:
    if isinstance(teacher, PretrainedReader):
        return teacher.table
    return getattr(getattr(teacher, "words", None), "table", None)
