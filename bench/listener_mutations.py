"""Whether the gate notices a gross change to the listener: each constant doubled, then halved, and the tests run.

python -m bench.listener_mutations                 all of them; some minutes
python -m bench.listener_mutations --only decoder  those of one module
"""

import ast
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from dwindle.cli import FlagParser
from dwindle.errors import UsageError, UserError, run

ROOT = Path(__file__).parents[1]
LISTENER = Path("dwindle/infer/speech")
GATE = ("listener_golden", "odd_sound", "hold_back", "decoder", "edges", "background", "vad", "padding", "processor")
GATE += ("resampler", "sources", "model", "listener")
NEEDED = ("dwindle", "tests", "bench", "samples", "artifacts")  # by the gate, in its own copy
TIMEOUT_S = 300


@dataclass(frozen=True)
class Mutation:
    """One constant with another value, in which lines of its module."""

    module: str
    name: str
    factor: float
    source: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name} x {self.factor:g}"


def mutations(only: str | None = None) -> Iterator[Mutation]:
    """Every number that a module of the listener names in capitals, doubled and halved; whole ones stay whole."""
    for path in sorted((ROOT / LISTENER).glob("*.py")):
        if only not in (None, path.stem):
            continue
        source = path.read_text(encoding="utf-8")
        for node in ast.parse(source).body:
            if not isinstance(node, ast.Assign) or len(node.targets) != 1 or not ast.unparse(node.targets[0]).isupper():
                continue
            for number in ast.walk(node.value):
                if isinstance(number, ast.Constant) and type(number.value) in (int, float):
                    for factor in (2, 0.5):
                        changed = type(number.value)(number.value * factor)
                        lines = source.splitlines(keepends=True)
                        line = lines[number.lineno - 1]
                        new = f"{line[: number.col_offset]}{changed!r}{line[number.end_col_offset :]}"
                        lines[number.lineno - 1] = new
                        yield Mutation(path.stem, ast.unparse(node.targets[0]), factor, "".join(lines))


def unchanged(module: str) -> Mutation:
    """None at all: what the gate must let pass."""
    return Mutation(module, "", 1, (ROOT / LISTENER / f"{module}.py").read_text(encoding="utf-8"))


def survives(mutation: Mutation, checkout: Path) -> bool:
    """Whether every test of the gate passes in spite of it."""
    path = checkout / LISTENER / f"{mutation.module}.py"
    kept = path.read_text(encoding="utf-8")
    path.write_text(mutation.source, encoding="utf-8")
    tests = [f"tests/test_{name}.py" for name in GATE]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    try:
        done = subprocess.run(
            command, cwd=checkout, capture_output=True, timeout=TIMEOUT_S, env=os.environ | {"OMP_NUM_THREADS": "1"}
        )
        return done.returncode == 0
    except subprocess.TimeoutExpired:
        return False
    finally:
        path.write_text(kept, encoding="utf-8")


def main() -> int:
    parser = FlagParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", metavar="MODULE", help="of dwindle/infer/speech")
    only = parser.parse_args().only
    chosen = list(mutations(only))
    if not chosen:
        raise UsageError(f"--only {only}: no module of the listener that names numbers")
    with tempfile.TemporaryDirectory() as folder:
        checkout = Path(folder) / "checkout"
        for name in NEEDED:
            shutil.copytree(ROOT / name, checkout / name)
        shutil.copy(ROOT / "pyproject.toml", checkout)
        survivors = []
        if not survives(unchanged(chosen[0].module), checkout):
            raise UserError("the gate fails without any mutation: mend that first")
        for mutation in tqdm(chosen, unit="mutation", disable=None):
            if survives(mutation, checkout):
                survivors.append(mutation)
                print(f"survived: {mutation}", flush=True)
    print(f"{len(survivors)} of {len(chosen)} mutations survive")
    return 1 if survivors else 0


if __name__ == "__main__":
    run(main)
