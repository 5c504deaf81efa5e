"""The models: what the teacher and the student of a task cost before they have learnt anything.

    python model_student.py --width 80

Parameters, multiply-adds for one input, bytes of the weights, and milliseconds for one input on one thread.
"""

import dwindle.errors  # noqa: F401 - first of all: Ctrl-C while torch is imported is one line

# isort: split
import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from dwindle.cli import channels, whole_number
from dwindle.engine import state_of, with_empty_state
from dwindle.errors import run
from dwindle.export.benchmark import engines
from dwindle.export.formats import to_onnx, to_torchscript
from dwindle.export.measure import latencies, multiply_adds, parameters, weights_size
from dwindle.stage import StageParser
from dwindle.task import Task, open_task

ROUNDS = 50


def main() -> None:
    arguments = parse_arguments()
    task = open_task(arguments.task, arguments)
    rows = [cost("teacher", task, None), cost("student", task, arguments.width)]
    print(json.dumps(rows, indent=1) if arguments.json else table(rows))


def cost(role: str, task: Task, width: int | None) -> dict[str, Any]:
    """Build the model, export it to a scratch folder, and time all three forms in turns."""
    model = task.exported(task.build(role, width)[0]).eval()
    example = with_empty_state(task.example_inputs(), state_of(model))
    with tempfile.TemporaryDirectory() as folder:
        files = {"torchscript": Path(folder) / "model_ts.pt", "onnx": Path(folder) / "model.onnx"}
        to_torchscript(model, example, files["torchscript"], {})
        to_onnx(model, example, files["onnx"], task.inputs, task.outputs, {})
        running = engines(task, model, files, threads=1)
        calls = {name: lambda engine=engine: engine(example) for name, engine in running.items()}
        taken = latencies(calls, ROUNDS, warm_up=5)
    return {
        "model": role,
        "parameters": parameters(model),
        "multiply_adds": multiply_adds(model, example),
        "bytes": weights_size(model).bytes,
        **{f"{name}_ms": round(latency.median_ms, 3) for name, latency in taken.items()},
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Aligned, numbers to the right."""
    lines = [
        f"{'model':<9}{'parameters':>12}{'multiply-adds':>15}{'bytes':>12}{'eager':>11}{'TorchScript':>13}{'ONNX':>11}"
    ]
    for row in rows:
        lines.append(
            f"{row['model']:<9}{row['parameters']:>12,}{row['multiply_adds']:>15,}{row['bytes']:>12,}"
            f"{row['eager_ms']:>8.3f} ms{row['torchscript_ms']:>10.3f} ms{row['onnx_ms']:>8.3f} ms"
        )
    return "\n".join(lines)


def parse_arguments() -> argparse.Namespace:
    parser = StageParser(__doc__)
    parser.add_argument("--width", type=channels, help="channels of the student")
    parser.add_argument("--seed", type=whole_number, default=0)
    parser.add_argument("--json", action="store_true", help="the table for a program to read")
    return parser.parse()


if __name__ == "__main__":
    run(main)
