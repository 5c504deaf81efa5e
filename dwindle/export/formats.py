"""From PyTorch to the forms that ship: TorchScript, ONNX, an exported program (.pt2), ExecuTorch (.pte).

Every function takes the model, one example input and what the file must say of itself, and writes one file, whole.
"""

import copy
import inspect
import io
import json
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import onnx
import torch
from torch import nn

from dwindle.engine import Tensors, repeated
from dwindle.errors import UserError, imported
from dwindle.export.kept_spectra import let_spectra_be_kept
from dwindle.export.onnx_file import OPSET, check_onnx, lean, write_onnx
from dwindle.files import written_whole
from dwindle.task import Axes

EXECUTORCH_REMEDY = "pip install executorch==1.2.0, best in an environment of its own: it brings an older pytest"


def to_onnx(
    model: nn.Module, example: Tensors, path: str | Path, inputs: Axes, outputs: Axes, metadata: dict[str, str]
) -> None:
    """ONNX with the free axes that `inputs` and `outputs` name, read back and checked."""
    written: Any = io.BytesIO()  # torch takes one, though its types say a path
    with _ready_for_tracing(model):
        torch.onnx.export(
            model,
            tuple(example.values()),
            written,
            opset_version=OPSET,
            dynamo=False,  # the newer exporter silently gives opset 18
            do_constant_folding=False,  # it would store the front end's matrices, twice the network's size
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_axes={**inputs, **outputs},
        )
    graph = lean(onnx.load_model_from_string(written.getvalue()))
    if kept := getattr(model, "kept_spectra", None):
        let_spectra_be_kept(graph, *kept)
    write_onnx(graph, path, metadata)
    check_onnx(path, inputs, outputs, metadata)


def to_torchscript(model: nn.Module, example: Tensors, path: str | Path, metadata: dict[str, str]) -> None:
    """TorchScript, frozen, with one extra file for each piece of metadata, read back and checked."""
    written = io.BytesIO()  # torch's own writer hides a full disk behind an error of its own
    with _ready_for_tracing(model):
        frozen = torch.jit.freeze(torch.jit.trace(model, tuple(example.values()), check_trace=False))
        torch.jit.save(frozen, written, _extra_files={key: value.encode() for key, value in metadata.items()})
    with written_whole(path) as temporary:
        temporary.write_bytes(written.getbuffer())
    if load_torchscript(path, list(metadata))[1] != metadata:
        raise UserError(f"{Path(path).name}: its extra files do not hold the metadata that was written: not exported")


def load_torchscript(path: str | Path, keys: list[str]) -> tuple[torch.jit.ScriptModule, dict[str, str]]:
    """The model and the extra files of these names."""
    extra = dict.fromkeys(keys, "")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch.jit announces its end; it works in the release that is pinned
        model = torch.jit.load(str(path), map_location="cpu", _extra_files=extra)
    return model, {key: text.decode() if isinstance(text, bytes) else text for key, text in extra.items()}


def to_exported_program(
    model: nn.Module, example: Tensors, path: str | Path, inputs: Axes, metadata: dict[str, str]
) -> None:
    """A torch.export program; an axis that the model's arithmetic ties to a length keeps the example's."""
    automatic: list[Any] = [dict.fromkeys(inputs[name], torch.export.Dim.AUTO) for name in example]
    parameters = inspect.signature(model.forward).parameters.values()
    if any(one.kind is one.VAR_POSITIONAL for one in parameters):  # a state: torch.export takes it as one argument
        named = len(parameters) - 1
        automatic[named:] = [tuple(automatic[named:])]
    # two of everything: a batch of one would be taken for a constant
    two = tuple(repeated(example, inputs, 2).values())
    written = io.BytesIO()
    with _ready_for_tracing(model):
        program = torch.export.export(model, two, dynamic_shapes=tuple(automatic))
        torch.export.save(program, written, extra_files=metadata)
    with written_whole(path) as temporary:
        temporary.write_bytes(written.getbuffer())


def to_executorch(model: nn.Module, example: Tensors, path: str | Path, metadata: dict[str, str]) -> None:
    """A program for ExecuTorch's small runtime, lowered to XNNPACK; it takes inputs of the example's shape."""
    exir = imported("executorch.exir", EXECUTORCH_REMEDY)
    compiler = Path(sys.executable).with_name("flatc")  # installed there, found only where the environment is active
    if compiler.is_file():
        os.environ.setdefault("FLATC_EXECUTABLE", str(compiler))
    xnnpack = imported("executorch.backends.xnnpack.partition.xnnpack_partitioner", EXECUTORCH_REMEDY)
    kinds = imported("executorch.backends.xnnpack.partition.config", EXECUTORCH_REMEDY).ALL_PARTITIONER_CONFIGS
    # behind a convolution XNNPACK's softmax runs over the wrong axis; the portable one does not
    lowered_kinds = [kind for kind in kinds if kind.__name__ != "SoftmaxConfig"]
    plain: Any = copy.deepcopy(model)
    plain = plain.to(memory_format=torch.contiguous_format)  # portable operators want one order of axes
    with _ready_for_tracing(plain):
        lowered = exir.to_edge_transform_and_lower(
            torch.export.export(plain, tuple(example.values())),
            partitioner=[xnnpack.XnnpackPartitioner(configs=lowered_kinds)],
            constant_methods={"metadata": json.dumps(metadata)},
        )
        content = lowered.to_executorch().buffer
    with written_whole(path) as temporary:
        temporary.write_bytes(content)


@contextmanager
def _ready_for_tracing(model: nn.Module) -> Iterator[None]:
    """Evaluation mode, no gradients, and none of the exporters' remarks on lengths that are traced as such."""
    was_training = model.training
    model.eval()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
    model.train(was_training)
