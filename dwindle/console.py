"""The commands of an installed dwindle: the scripts of the five stages under names of their own."""

import runpy
from pathlib import Path

PACKAGED = Path(__file__).parent / "scripts"  # in a wheel
CHECKOUT = Path(__file__).parents[1]  # beside dwindle/, in a clone


def model() -> None:
    """dwindle-model: what the networks cost."""
    _run("model_student")


def train() -> None:
    """dwindle-train: stage 1."""
    _run("train_distill")


def prune() -> None:
    """dwindle-prune: stage 2."""
    _run("prune_and_quantize")


def export() -> None:
    """dwindle-export: stage 3."""
    _run("export_models")


def infer() -> None:
    """dwindle-infer: stage 4."""
    _run("infer")


def _run(script: str) -> None:
    folder = PACKAGED if PACKAGED.is_dir() else CHECKOUT
    runpy.run_path(str(folder / f"{script}.py"), run_name="__main__")
