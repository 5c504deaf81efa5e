"""An engine: whatever runs a model, PyTorch or a runtime of shipped files, seen from outside."""

from collections.abc import Callable, Sequence

from torch import Tensor

Engine = Callable[[Tensor], Sequence[Tensor]]  # inputs to all outputs; the first holds the logits
Reader = Callable[[Tensor], Tensor]  # inputs to logits


def first_output(engine: Engine) -> Reader:
    """The logits alone."""
    return lambda inputs: engine(inputs)[0]
