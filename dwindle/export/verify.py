"""Does a shipped file answer as PyTorch does? Every output is compared, in small and large batches."""

from dwindle.errors import UserError, imported

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from dwindle.engine import Engine

if TYPE_CHECKING:
    import onnxruntime

BATCH_SIZES = (1, 2, 64)
LARGEST_DIFFERENCE = 1e-3  # of any output of a float file
SAME_ANSWER = 0.995  # the least share of a quantised file's top answers
TIE = 0.05  # two logits so close are equally right: noise makes an untrained network choose between such


@dataclass(frozen=True)
class Agreement:
    """How closely two engines answer the same inputs."""

    inputs: int
    batch_sizes: tuple[int, ...]
    largest_difference: float  # over every output and every batch size
    largest_logit_difference: float  # of the first output
    same_answer: float  # the smallest share, over outputs and batch sizes, of top answers that are equal or a tie

    def as_row(self) -> dict[str, Any]:
        """As export_results.json holds it."""
        return {**vars(self), "batch_sizes": list(self.batch_sizes)}


def agreement(
    reference: Engine, candidate: Engine, inputs: Tensor, batch_sizes: tuple[int, ...] = BATCH_SIZES
) -> Agreement:
    """Compare on every input, once for each batch size."""
    wanted = _all_outputs(reference, inputs, max(batch_sizes))
    largest, largest_logit, same = 0.0, 0.0, 1.0
    for size in batch_sizes:
        given = _all_outputs(candidate, inputs, size)
        if [tensor.shape for tensor in given] != [tensor.shape for tensor in wanted]:
            shapes = [[tuple(tensor.shape) for tensor in tensors] for tensors in (given, wanted)]
            raise UserError(f"outputs of shape {shapes[0]} where PyTorch gives {shapes[1]}")
        differences = [float((a - b).abs().max()) for a, b in zip(given, wanted, strict=True)]
        # a difference that is not a number must not pass for a small one
        largest = max([largest, *differences], key=lambda value: (value != value, value))
        largest_logit = max([largest_logit, differences[0]], key=lambda value: (value != value, value))
        same = min(same, *(_same_answer(*pair) for pair in zip(wanted, given, strict=True)))
    return Agreement(len(inputs), batch_sizes, largest, largest_logit, same)


def _same_answer(wanted: Tensor, given: Tensor) -> float:
    """Of an output whose last axis stands for classes."""
    chosen = wanted.gather(-1, given.argmax(-1, keepdim=True)).squeeze(-1)
    return float((chosen >= wanted.amax(-1) - TIE).float().mean())


def _all_outputs(engine: Engine, inputs: Tensor, batch_size: int) -> list[Tensor]:
    answers = [engine(part) for part in inputs.split(batch_size)]
    return [torch.cat(parts).float() for parts in zip(*answers, strict=True)]


def check_float(name: str, trial: str, found: Agreement) -> None:
    """Fail the export of a float file that answers differently."""
    if not found.largest_difference <= LARGEST_DIFFERENCE:
        raise UserError(
            f"{name}: differs from PyTorch by {found.largest_difference:.2g} on {found.inputs} {trial} inputs, "
            f"more than {LARGEST_DIFFERENCE:g}: nothing was exported"
        )


def check_quantised(name: str, trial: str, found: Agreement) -> None:
    """Fail the export of a quantised file that answers differently too often."""
    if not math.isfinite(found.largest_difference):
        raise UserError(f"{name}: answers {found.inputs} {trial} inputs with what is no number: nothing was exported")
    if not found.same_answer >= SAME_ANSWER:
        raise UserError(
            f"{name}: gives PyTorch's top answer on {100 * found.same_answer:.2f}% of {found.inputs} {trial} inputs, "
            f"less than {100 * SAME_ANSWER:g}%: nothing was exported; quantise again, or export with --float_only"
        )


def torch_engine(model: nn.Module) -> Engine:
    """Any torch module, TorchScript included."""

    def run(inputs: Tensor) -> Sequence[Tensor]:
        with torch.inference_mode():
            outputs = model(inputs)
        return outputs if isinstance(outputs, tuple | list) else [outputs]

    return run


def onnx_engine(session: "onnxruntime.InferenceSession") -> Engine:
    """An ONNX Runtime session."""
    name = session.get_inputs()[0].name

    def run(inputs: Tensor) -> Sequence[Tensor]:
        return [torch.from_numpy(output) for output in session.run(None, {name: inputs.numpy()})]

    return run


def executorch_engine(path: str | Path) -> Engine:
    """A .pte file in ExecuTorch's own runtime."""
    runtime = imported("executorch.runtime", "pip install executorch==1.2.0").Runtime.get()
    method = runtime.load_program(str(path)).load_method("forward")

    def run(inputs: Tensor) -> Sequence[Tensor]:
        return [output.clone() for output in method.execute([inputs.contiguous()])]

    return run
