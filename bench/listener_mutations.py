"""Whether the gate notices a gross change to the listener: each constant doubled, then halved, and the tests run.

python -m bench.listener_mutations                       all of them; some minutes
python -m bench.listener_mutations --only decoder edges  those of some modules

A module's own tests come first, so that most mutations fail within a second. Modules that carry sound and answers to
and fro (the server, the archive, the workers, the microphone) have limits and times, which no word depends on.
"""

import ast
import importlib
import multiprocessing
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from dwindle.cli import FlagParser
from dwindle.errors import UsageError, UserError, run

ROOT = Path(__file__).parents[1]
LISTENER = Path("dwindle/infer/speech")
HEARS = ("__init__", "decoder", "edges", "enrol", "file_listener", "hindsight", "hold_back", "listener", "model")
HEARS += ("padding", "processor", "sound_file", "sources", "spotter", "vad")
# work at once, a check of the file, marks of headers that state no size
UNHEARD = ("AT_A_TIME", "SPACED_FRAMES", "UNSTATED_FRAMES", "PIPED_BYTES")
OWN_TESTS = {"__init__": (), "file_listener": ("infer_files",), "processor": ("processor", "resampler")}
OWN_TESTS |= {"spotter": ("enrol",)}
GATE = ("listener_golden", "odd_sound", "hold_back", "decoder", "edges", "background", "vad", "padding", "processor")
GATE += ("resampler", "sources", "model", "listener")
CONSTANTS = "listener_constants"  # the quickest of all
NEEDED = (
    "dwindle",
    "tests",
    "bench",
    "samples",
    "artifacts",
    "infer.py",
    "pyproject.toml",
)  # by the gate, in its own copy
PRELOADED = ("hypothesis", "onnx", "onnxruntime", "pytest", "soundfile", "torch")  # once, and not by every run
TIMEOUT_S = 900  # on a busy machine
FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Mutation:
    """One constant with another value, in which lines of its module."""

    module: str
    name: str
    factor: float
    source: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name} x {self.factor:g}"


def mutations(modules: Sequence[str] = HEARS) -> Iterator[Mutation]:
    """Every number that these modules of the listener name in capitals, doubled and halved; whole ones stay whole."""
    for path in (ROOT / LISTENER / f"{name}.py" for name in modules):
        source = path.read_text(encoding="utf-8")
        for node in ast.parse(source).body:
            if not isinstance(node, ast.Assign) or len(node.targets) != 1 or not ast.unparse(node.targets[0]).isupper():
                continue
            if ast.unparse(node.targets[0]) in UNHEARD:
                continue
            for number in ast.walk(node.value):
                if isinstance(number, ast.Constant) and type(number.value) in (int, float) and number.value:
                    for factor in (2, 0.5):
                        changed = type(number.value)(number.value * factor)
                        lines = source.splitlines(keepends=True)
                        line = lines[number.lineno - 1]
                        new = f"{line[: number.col_offset]}{changed!r}{line[number.end_col_offset :]}"
                        lines[number.lineno - 1] = new
                        yield Mutation(path.stem, ast.unparse(node.targets[0]), factor, "".join(lines))


def gate_of(*modules: str) -> list[str]:
    """The tests that a change of these modules must pass, their own first."""
    own = [CONSTANTS, *(name for module in modules for name in OWN_TESTS.get(module, (module,)))]
    return [f"tests/test_{name}.py" for name in dict.fromkeys([*own, *GATE])]


def survives(mutation: Mutation, checkout: Path) -> bool:
    """Whether every test of the gate passes in spite of it."""
    path = checkout / LISTENER / f"{mutation.module}.py"
    kept = path.read_text(encoding="utf-8")
    path.write_text(mutation.source, encoding="utf-8")
    try:
        return passes(checkout, gate_of(mutation.module))
    finally:
        path.write_text(kept, encoding="utf-8")


def passes(checkout: Path, tests: list[str]) -> bool:
    """Whether all tests pass in that copy, in reasonable time."""
    gate = FORK.Process(target=_run_gate, args=(checkout, tests))
    gate.start()
    gate.join(TIMEOUT_S)
    if gate.is_alive():
        gate.kill()
        gate.join()
    return gate.exitcode == 0


def _run_gate(checkout: Path, tests: list[str]) -> None:
    """In a process of its own, which has imported all but this project."""
    os.chdir(checkout)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    for name in [name for name in sys.modules if name.split(".")[0] in ("bench", "dwindle", "infer")]:
        del sys.modules[name]
    sys.path[0], sys.dont_write_bytecode = str(checkout), True
    os.environ |= {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    sys.exit(importlib.import_module("pytest").main(["-q", "-x", "-p", "no:cacheprovider", *tests]))


def main() -> int:
    parser = FlagParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="+", choices=HEARS, default=HEARS, metavar="MODULE", help="of them")
    chosen = list(mutations(parser.parse_args().only))
    if not chosen:
        raise UsageError("--only: these modules name no numbers")
    os.environ["OMP_NUM_THREADS"] = "1"
    for name in PRELOADED:
        importlib.import_module(name)
    with tempfile.TemporaryDirectory() as folder:
        checkout = Path(folder) / "checkout"
        for name in NEEDED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / name, checkout)
        survivors = []
        if not passes(checkout, gate_of(*dict.fromkeys(mutation.module for mutation in chosen))):
            raise UserError("the gate fails without any mutation: mend that first")
        for mutation in tqdm(chosen, unit="mutation", disable=None):
            if survives(mutation, checkout):
                survivors.append(mutation)
                print(f"survived: {mutation}", flush=True)
    print(f"{len(survivors)} of {len(chosen)} mutations survive")
    return 1 if survivors else 0


if __name__ == "__main__":
    run(main)
