"""A version of a model: what every technique takes and gives back, with the record of how it was made."""

from dataclasses import dataclass
from pathlib import Path

from torch import nn


@dataclass(frozen=True)
class Version:
    """A model and its record."""

    name: str
    stage: str  # as results.json knows it
    onnx_path: Path
    network: nn.Module | None = None  # the same model in PyTorch, where it runs there
    parameters: int = 0
    nonzeros: int = 0
    multiply_adds: int = 0
    timed: bool = True  # False where another version takes exactly as long
    note: str = ""  # what was converted, and what was not
