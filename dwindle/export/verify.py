"""Does a shipped file answer as PyTorch does? Every output is compared, in small and large batches."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from dwindle.engine import Engine, Tensors, in_batches
from dwindle.errors import UserError

TRIALS = 1_000  # real inputs, and as many random ones, unless --trials says otherwise
BATCH_SIZES = (1, 2, 64)
LARGEST_DIFFERENCE = 1e-3  # of any output of a float file
TIE = 0.05  # two logits so close are equally right: noise makes an untrained network choose between such


@dataclass(frozen=True)
class Agreement:
    """How closely two engines answer the same inputs."""

    inputs: int
    batch_sizes: tuple[int, ...]
    largest_difference: float  # over every output and every batch size
    largest_logit_difference: float  # of the first output
    same_answer: float  # of top answers that are equal or a tie: the smallest share over outputs and batch sizes

    def as_row(self) -> dict[str, Any]:
        """As export_results.json holds it."""
        return {**vars(self), "batch_sizes": list(self.batch_sizes)}


def agreement(
    reference: Engine,
    candidate: Engine,
    inputs: Tensors,
    batch_sizes: tuple[int, ...] = BATCH_SIZES,
    answers: Sequence[str] = (),
) -> Agreement:
    """Compare on every input, once for each batch size; `answers` are outputs over classes (else the first alone)."""
    wanted = in_batches(reference, inputs, max(batch_sizes))
    logits = next(iter(wanted))
    largest, largest_logit, same = 0.0, 0.0, 1.0
    for size in batch_sizes:
        given = in_batches(candidate, inputs, size)
        shapes = [{name: tuple(tensor.shape) for name, tensor in tensors.items()} for tensors in (given, wanted)]
        if shapes[0] != shapes[1]:
            raise UserError(f"outputs of shape {shapes[0]} where PyTorch gives {shapes[1]}")
        differences = {name: float((given[name].float() - wanted[name].float()).abs().max()) for name in wanted}
        # a difference that is not a number must not pass for a small one
        largest = max([largest, *differences.values()], key=lambda value: (value != value, value))
        largest_logit = max([largest_logit, differences[logits]], key=lambda value: (value != value, value))
        same = min(same, *(_same_answer(wanted[name], given[name]) for name in answers or [logits]))
    return Agreement(len(next(iter(inputs.values()))), batch_sizes, largest, largest_logit, same)


def _same_answer(wanted: Tensor, given: Tensor) -> float:
    """Of an output whose last axis stands for classes."""
    chosen = wanted.gather(-1, given.argmax(-1, keepdim=True)).squeeze(-1)
    return float((chosen >= wanted.amax(-1) - TIE).float().mean())


def check_float(name: str, trial: str, found: Agreement) -> None:
    """Fail the export of a float file that answers differently."""
    if not found.largest_difference <= LARGEST_DIFFERENCE:
        raise UserError(
            f"{name}: differs from PyTorch by {found.largest_difference:.2g} on {found.inputs} {trial} inputs, "
            f"more than {LARGEST_DIFFERENCE:g}: nothing was exported"
        )


def check_quantised(name: str, trial: str, found: Agreement, least: float) -> None:
    """Fail the export of a quantised file that answers differently too often."""
    if not math.isfinite(found.largest_difference):
        raise UserError(f"{name}: answers {found.inputs} {trial} inputs with what is no number: nothing was exported")
    if not found.same_answer >= least:
        raise UserError(
            f"{name}: gives PyTorch's top answer on {100 * found.same_answer:.2f}% of {found.inputs} {trial} inputs, "
            f"less than {100 * least:g}%: nothing was exported; quantise again, or export with --float_only"
        )
