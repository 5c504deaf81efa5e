"""Shipped files side by side: latency in alternating runs, and what a fresh process needs to load and run each."""

import tempfile
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from dwindle.engine import Engine, Tensors, onnx_engine, repeated, state_of, torch_engine
from dwindle.export.formats import load_torchscript
from dwindle.export.measure import fresh_process, latencies
from dwindle.machine import usable_cores
from dwindle.task import Task

BASELINE = "eager"  # every ratio is against it
ROUNDS = {1: 120, 64: 10}  # by batch size


def engines(task: Task, model: nn.Module, files: Mapping[str, Path], threads: int) -> dict[str, Engine]:
    """Eager PyTorch first, then each file in its own runtime, all on so many threads."""
    torch.set_num_threads(threads)
    found = {BASELINE: torch_engine(model.eval(), task.inputs, task.outputs)}
    for name, path in files.items():
        if path.suffix == ".onnx":
            found[name] = onnx_engine(path, threads)
        else:
            found[name] = torch_engine(load_torchscript(path, [])[0], task.inputs, task.outputs, state=state_of(model))
    return found


def time_engines(task: Task, model: nn.Module, files: Mapping[str, Path], example: Tensors) -> list[dict[str, Any]]:
    """A row for every engine, number of threads and batch size."""
    rows = []
    threads_before = torch.get_num_threads()
    for threads in sorted({1, usable_cores()}):
        running = engines(task, model, files, threads)
        for batch_size, rounds in ROUNDS.items():
            batch = repeated(example, task.inputs, batch_size)
            calls: dict[str, Callable[[], object]] = {name: lambda e=e, b=batch: e(b) for name, e in running.items()}
            taken = latencies(calls, rounds, warm_up=max(3, rounds // 20))
            rows += [
                {
                    "engine": name,
                    "threads": threads,
                    "batch_size": batch_size,
                    **latency.as_row(),
                    "times_faster_than_eager": round(latency.speedup_over(taken[BASELINE]), 2),
                }
                for name, latency in taken.items()
            ]
    torch.set_num_threads(threads_before)
    return rows


def memory_and_loading(model: nn.Module, files: Mapping[str, Path], example: Tensors) -> list[dict[str, Any]]:
    """Import, load, first run and peak memory, each in a process of its own on one thread."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        arrays: dict[str, Any] = {name: tensor.numpy() for name, tensor in example.items()}
        np.savez(Path(folder) / "example.npz", **arrays)
        whole = BytesIO()
        torch.save(model, whole)  # to a file it raises what says nothing of a full disk
        (Path(folder) / "eager.pt").write_bytes(whole.getvalue())
        for name, path in {BASELINE: Path(folder) / "eager.pt", **files}.items():
            source = _PROCESSES["onnx" if path.suffix == ".onnx" else BASELINE if name == BASELINE else "torchscript"]
            process = fresh_process(**source, arguments=[str(path), str(Path(folder) / "example.npz")])
            rows.append({"engine": name, **vars(process)})
    return rows


_PROCESSES = {
    BASELINE: {
        "imports": "import numpy, torch; torch.set_num_threads(1)",
        "load": "model = torch.load(sys.argv[1], weights_only=False)",  # the whole network, written a moment ago
        "run": "with torch.inference_mode(): model(*map(torch.from_numpy, numpy.load(sys.argv[2]).values()))",
    },
    "torchscript": {
        "imports": "import warnings; warnings.simplefilter('ignore'); import numpy, torch; torch.set_num_threads(1)",
        "load": "model = torch.jit.load(sys.argv[1])",
        "run": "with torch.inference_mode(): model(*map(torch.from_numpy, numpy.load(sys.argv[2]).values()))",
    },
    "onnx": {
        "imports": "import numpy, onnxruntime",
        "load": "options = onnxruntime.SessionOptions(); options.intra_op_num_threads = 1\n"
        "model = onnxruntime.InferenceSession(sys.argv[1], options, providers=['CPUExecutionProvider'])",
        "run": "model.run(None, dict(numpy.load(sys.argv[2])))",
    },
}
