"""A student in the form that carries its state from hop to hop, as an ONNX file for `StreamFrames`.

python -m bench.stream_form --model artifacts/student.pt --output stream.onnx
"""

import json
from pathlib import Path

import torch

from dwindle.checkpoint import load_checkpoint
from dwindle.cli import FlagParser, pathname
from dwindle.errors import run
from dwindle.export.formats import to_onnx
from dwindle.files import sha256_of
from dwindle.task import Axes, open_task, options_of
from dwindle.tasks.speech.front_end import FRAME_SAMPLES
from dwindle.tasks.speech.stream_network import StreamNet

STUDENT = Path(__file__).parents[1] / "artifacts" / "student.pt"


def export(checkpoint: Path, path: Path) -> None:
    """Write the checkpoint's network; the file says what its frames are and how late they come."""
    saved = load_checkpoint(checkpoint)
    network = StreamNet(open_task(saved.task, options_of(saved.task)).restored(saved, checkpoint))
    batch = {0: "batch"}
    inputs: Axes = {"audio": {0: "batch", 1: "samples"}, **dict.fromkeys(network.state, batch)}
    # the exporter does not see that an edge has the length that it had
    edges = {f"new_{name}": {0: "batch", 1: f"{name}_edge"} for name in network.state}
    outputs: Axes = {"frames": {0: "batch", 1: "time"}, **edges}
    example = {"audio": torch.zeros(2, 2 * FRAME_SAMPLES)}
    example |= {name: torch.zeros(2, *shape) for name, shape in network.state.items()}
    said = {"task": saved.task, "labels": json.dumps(saved.labels), "corpora": json.dumps(saved.corpora)}
    said |= {"frame_samples": str(FRAME_SAMPLES), "lag_frames": str(network.lag_frames)}
    to_onnx(network, example, path, inputs, outputs, said | {"parent_sha256": sha256_of(checkpoint)})


def main() -> None:
    parser = FlagParser(description=__doc__)
    parser.add_argument("--model", type=pathname, default=STUDENT, help="a checkpoint of a speech student")
    parser.add_argument("--output", type=pathname, required=True, help="the ONNX file to write")
    arguments = parser.parse_args()
    export(arguments.model, arguments.output)
    print(f"written: {arguments.output}")


if __name__ == "__main__":
    run(main)
