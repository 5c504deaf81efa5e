"""Milliseconds that ONNX Runtime takes for one image on one thread, files in turns.

    python -m bench.image_latency artifacts/handwritten_digits/model_int8.onnx

A turn is many runs of one file after another, as in a program that reads image after image; `export_models.py
--benchmark` changes the engine after each run, so its figure holds what a cold cache costs. "bound": the arrays are
bound to the session once, so that a run checks no names and makes no arrays. "nothing": a network of one rectifier.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

from dwindle import errors
from dwindle.cli import FlagParser, pathname, positive_int
from dwindle.infer.model_file import open_session
from dwindle.machine import processor

RELEASED = Path(__file__).parents[1] / "artifacts" / "handwritten_digits" / "model_int8.onnx"
RUNS = 30  # in a turn
SHAPE = (1, 1, 28, 28)


def main() -> None:
    parser = FlagParser(prog="python -m bench.image_latency", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "files", nargs="*", type=pathname, default=[RELEASED], help="default: the released digit reader"
    )
    parser.add_argument("--rounds", type=positive_int, default=400)
    arguments = parser.parse_args()
    image = np.random.default_rng(0).random(SHAPE, dtype=np.float32)
    calls = called(onnxruntime.InferenceSession(nothing(), providers=["CPUExecutionProvider"]), "nothing", image)
    for path in arguments.files:
        calls |= called(open_session(path, 1), str(path), image)
    taken = in_turns(calls, arguments.rounds)
    print(f"{processor()}, {arguments.rounds} turns of {RUNS} runs, milliseconds a run\n")
    wide = max(map(len, taken))
    print(f"{'':<{wide}}{'least':>9}{'quarter':>9}{'median':>9}")
    for name, times in taken.items():
        quarter, median, _ = statistics.quantiles(times, n=4)
        print(f"{name:<{wide}}{min(times):>9.4f}{quarter:>9.4f}{median:>9.4f}")


def called(session: onnxruntime.InferenceSession, name: str, image: np.ndarray) -> dict[str, Callable[[], object]]:
    """Two ways to run a network on one image; only its first output is asked for."""
    (given,), wanted = session.get_inputs(), [session.get_outputs()[0].name]
    binding = session.io_binding()
    binding.bind_cpu_input(given.name, image)
    binding.bind_output(wanted[0])
    return {
        name: lambda: session.run(wanted, {given.name: image}),
        f"{name}, bound": lambda: session.run_with_iobinding(binding),
    }


def nothing() -> bytes:
    """A network that only rectifies: what a run costs beside the network."""
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, SHAPE) for name in ("image", "rectified")]
    node = helper.make_node("Relu", ["image"], ["rectified"])
    graph = helper.make_graph([node], "nothing", ends[:1], ends[1:])
    opsets = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=onnx.IR_VERSION_2023_5_5).SerializeToString()


def in_turns(calls: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            began = time.perf_counter()
            for _ in range(RUNS):
                call()
            taken[name].append((time.perf_counter() - began) / RUNS * 1e3)
    return taken


if __name__ == "__main__":
    errors.run(main)
