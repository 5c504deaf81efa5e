"""What a model costs: parameters, operations, bytes, milliseconds and memory."""

import gzip
import json
import os
import random
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from dwindle.engine import Tensors, state_of, with_empty_state
from dwindle.errors import UserError

FRESH_PROCESS_LIMIT_S = 120


def parameters(model: nn.Module) -> int:
    """Trainable numbers; buffers (running statistics, the front end's tables) are not counted."""
    return sum(parameter.numel() for parameter in model.parameters())


def nonzeros(model: nn.Module) -> int:
    """How many of the parameters are not zero."""
    return sum(int(parameter.count_nonzero()) for parameter in model.parameters())


def multiply_adds(model: nn.Module, example: Tensors) -> int:
    """Multiply-adds of all convolutions and matrix products when the model reads `example`; zeros count in full."""
    return _counted(model, example).get_total_flops() // 2


def learnt_multiply_adds(model: nn.Module, example: Tensors) -> int:
    """Those of layers that learn: a front end made of constants is left out, for pruning cannot make it smaller."""
    by_module = _counted(model, example).get_flop_counts()
    learning = [name for name, module in model.named_modules() if any(True for _ in module.parameters(recurse=False))]
    names = [".".join(filter(None, (type(model).__name__, name))) for name in learning]
    return sum(sum(by_module[name].values()) for name in names if name in by_module) // 2


def _counted(model: nn.Module, example: Tensors) -> FlopCounterMode:
    was_training = model.training
    model.eval()
    with torch.no_grad(), _without_onednn(), FlopCounterMode(display=False) as counter:
        model(*with_empty_state(example, state_of(model)).values())
    model.train(was_training)
    return counter


@contextmanager
def _without_onednn() -> Iterator[None]:
    """A recurrent layer then shows its matrix products, which are otherwise one operation that nobody counts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns of a setting for Intel GPUs, which is not touched
        with torch.backends.mkldnn.flags(enabled=False):
            yield


@dataclass(frozen=True)
class Size:
    """Bytes as they lie on the disk, and after gzip."""

    bytes: int
    bytes_gzipped: int


def file_size(path: str | Path) -> Size:
    """Of one file."""
    return _size(Path(path).read_bytes())


def weights_size(model: nn.Module) -> Size:
    """Of the file that torch writes for the model's weights."""
    file = BytesIO()
    torch.save(model.state_dict(), file)
    return _size(file.getvalue())


def _size(content: bytes) -> Size:
    return Size(len(content), len(gzip.compress(content, compresslevel=9, mtime=0)))


Name = TypeVar("Name")  # of what is timed: anything that tells one from another


@dataclass(frozen=True)
class Latency:
    """One callable's times, in the order in which they were taken."""

    times_ms: tuple[float, ...]

    @property
    def median_ms(self) -> float:
        return statistics.median(self.times_ms)

    @property
    def p95_ms(self) -> float:
        if len(self.times_ms) == 1:
            return self.times_ms[0]
        return statistics.quantiles(self.times_ms, n=20, method="inclusive")[-1]

    def speedup_over(self, other: "Latency") -> float:
        """How many times faster than `other`, as the median over neighbouring pairs: what slows both cancels out."""
        return statistics.median(theirs / ours for ours, theirs in zip(self.times_ms, other.times_ms, strict=True))

    def as_row(self) -> dict[str, float]:
        """As results.json holds it."""
        return {"median_ms": round(self.median_ms, 4), "p95_ms": round(self.p95_ms, 4)}


def latencies(
    callables: Mapping[Name, Callable[[], object]], rounds: int = 200, warm_up: int = 20
) -> dict[Name, Latency]:
    """Time the callables in turns, round after round, so that a busy moment of the machine hits all alike.

    Each round has an order of its own, and each call is made once untimed before: whoever comes after a large one finds
    the caches cold, and would seem slower than its twin that does not.
    """
    times_ms: dict[Name, list[float]] = {name: [] for name in callables}
    order, shuffle = list(callables.items()), random.Random(0).shuffle
    for turn in range(-warm_up, rounds):
        shuffle(order)
        for name, call in order:
            call()
            started = time.perf_counter()
            call()
            taken_ms = (time.perf_counter() - started) * 1000
            if turn >= 0:
                times_ms[name].append(taken_ms)
    return {name: Latency(tuple(times)) for name, times in times_ms.items()}


@dataclass(frozen=True)
class FreshProcess:
    """What a new Python process needs to load a model and run it once."""

    import_ms: float
    load_ms: float
    first_run_ms: float
    peak_mb: float


# VmHWM and not ru_maxrss: a child inherits the latter from the process that started it
_FRESH_PROCESS = """
import json, re, resource, sys, time
from pathlib import Path
marks = [time.perf_counter()]
{imports}
marks.append(time.perf_counter())
{load}
marks.append(time.perf_counter())
{run}
marks.append(time.perf_counter())
status = Path("/proc/self/status")
if status.is_file():
    peak_kb = int(re.search(r"VmHWM:\\s+(\\d+)", status.read_text())[1])
else:
    peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "darwin" else 1)
print(json.dumps([1000 * (b - a) for a, b in zip(marks, marks[1:])] + [peak_kb / 1024]))
"""


def fresh_process(imports: str, load: str, run: str, arguments: list[str]) -> FreshProcess:
    """Run three pieces of Python in a new process, which finds `arguments` in sys.argv[1:]."""
    source = _FRESH_PROCESS.format(imports=imports, load=load, run=run)
    done = subprocess.run(
        [sys.executable, "-c", source, *arguments],
        capture_output=True,
        text=True,
        timeout=FRESH_PROCESS_LIMIT_S,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise UserError(f"a process that should load the model ended with code {done.returncode}: {reason}")
    return FreshProcess(*(round(number, 2) for number in json.loads(done.stdout)))
