"""Dwindle makes neural networks small and proves what it cost."""

from importlib import import_module
from pathlib import Path
from typing import Any

__version__ = "0.2.0"
__all__ = ["__version__", "load"]


def load(model: str | Path = "spoken_digits", threads: int = 1) -> Any:
    """A released model by its task's name, or any exported ONNX file by its path.

    What comes back depends on what the file does: one that listens has `hear(path)`, one that looks `read(image)`,
    one that reads `classify(text)`, one that writes `generate(prompt, length)`.
    """
    from dwindle.infer.model_file import SENSES, released_model, sense_of

    path = Path(model) if str(model).endswith(".onnx") else released_model(str(model))
    return import_module(SENSES[sense_of(path)]).open_model(path, threads)
