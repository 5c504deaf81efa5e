"""Training with rounding in place in two ways: torch.ao's graph mode, which stage 2 uses, and torchao's PT2E flow.

    pip install --no-deps torchao==0.18.0
    python -m bench.pt2e --steps 200 > logs/pt2e.json

Both start from the same handwritten-digits student, see the same batches and take the same steps; each then writes its
INT8 file. Told of each: accuracy in PyTorch and of the file, whether they agree, the file's size, its operators, how
many layers compute in INT8 in ONNX Runtime, and the time of a run, both in turns.
"""

import argparse
import copy
import io
import json
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
import onnxruntime
import torch
from torch import nn

from dwindle.checkpoint import load_checkpoint
from dwindle.cli import FlagParser, nonempty, positive_int
from dwindle.compress.qdq import store_trained_scales
from dwindle.compress.quantize_aware import QuantizedModel
from dwindle.engine import Engine, onnx_engine, torch_engine
from dwindle.errors import imported, run
from dwindle.export.formats import to_onnx
from dwindle.export.measure import file_size, latencies
from dwindle.export.onnx_file import lean, write_onnx
from dwindle.export.verify import agreement
from dwindle.task import Task, open_task, options_of
from dwindle.tasks.images.datasets import Digits
from dwindle.tasks.images.handwritten_digits import HandwrittenDigits

REMEDY = "pip install --no-deps torchao==0.18.0"
CHECKPOINT = Path("artifacts/handwritten_digits/student.pt")
BATCH, LEARNING_RATE = 128, 5e-4
EVALUATED = 2_500  # images at a time
PT2E_OPSET = 18  # the lowest that torch's newer exporter writes, the only one that knows PT2E's operators


def main() -> None:
    arguments = parse_arguments()
    imported("torchao.quantization.pt2e", REMEDY)
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    task = open_task("handwritten_digits", options_of("handwritten_digits", data_dir=arguments.data_dir))
    assert isinstance(task, HandwrittenDigits)
    checkpoint = load_checkpoint(CHECKPOINT, task.name)
    network = task.restored(checkpoint, CHECKPOINT).eval()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        to_onnx(network, task.example_inputs(), folder / "float.onnx", task.inputs, task.outputs, {})
        rows: dict[str, dict[str, Any]] = {
            "float": {"pytorch": share_right(torch_engine(network, task.inputs, task.outputs), task.parts.test)}
        }
        for name, flow in (("graph_mode", graph_mode), ("pt2e", pt2e)):
            started = time.process_time()
            rows[name] = flow(task, copy.deepcopy(network), arguments.steps, folder / f"{name}.onnx")
            rows[name]["cpu_s"] = round(time.process_time() - started, 1)
        for name, row in rows.items():
            row |= told_of(folder / f"{name}.onnx", task.parts.test)
        time_in_turns(rows, folder, task)
    print(json.dumps({"steps": arguments.steps, "rows": rows}, indent=1))


def graph_mode(task: HandwrittenDigits, network: nn.Module, steps: int, path: Path) -> dict[str, Any]:
    """As stage 2 does it."""
    model = QuantizedModel(network, task.calibration_inputs())
    train(task, model, steps)
    model.freeze(task.example_inputs())
    to_onnx(model, task.example_inputs(), path, task.inputs, task.outputs, {})
    store_trained_scales(path)
    return compared(torch_engine(model, task.inputs, task.outputs), path, task)


def pt2e(task: HandwrittenDigits, network: nn.Module, steps: int, path: Path) -> dict[str, Any]:
    """As torchao's documentation has it, with the ranges of its quantiser for x86 processors."""
    flow = imported("torchao.quantization.pt2e.quantize_pt2e", REMEDY)
    x86 = imported("torchao.quantization.pt2e.quantizer.x86_inductor_quantizer", REMEDY)
    moving = imported("torchao.quantization.pt2e", REMEDY)
    two = (torch.zeros(2, *task.example_inputs()["image"].shape[1:]),)
    free = ({0: torch.export.Dim.AUTO},)
    # strict, or nodes do not say what module they come from, by which the quantiser finds convolutions: it finds none
    exported = torch.export.export(network.train(), two, dynamic_shapes=free, strict=True).module()
    quantizer = x86.X86InductorQuantizer()
    quantizer.set_global(x86.get_default_x86_inductor_quantization_config(is_qat=True))
    model = flow.prepare_qat_pt2e(exported, quantizer)
    moving.allow_exported_model_train_eval(model)
    model.eval()
    with torch.no_grad():
        for batch in task.calibration_inputs():
            model(*batch.values())
    train(task, model, steps)
    model.eval()
    converted = flow.convert_pt2e(model)
    written: Any = io.BytesIO()
    program = torch.onnx.export(
        converted,
        two,
        dynamo=True,
        opset_version=PT2E_OPSET,
        input_names=list(task.inputs),
        output_names=list(task.outputs),
        dynamic_shapes=({0: "batch"},),
        verbose=False,
    )
    assert program is not None
    program.save(written)
    write_onnx(lean(onnx.load_model_from_string(written.getvalue())), path, {})
    return compared(torch_engine(converted, task.inputs, task.outputs), path, task)


def train(task: HandwrittenDigits, model: nn.Module, steps: int) -> None:
    """So many steps on the same batches, at a rate that falls to nothing."""
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE)
    for step, batch in enumerate(batches(task, steps)):
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * (1 - step / steps)
        logits, _ = model(batch.images)
        nn.functional.cross_entropy(logits, batch.targets).backward()
        optimizer.step()
        optimizer.zero_grad()


def batches(task: HandwrittenDigits, steps: int) -> Iterator[Digits]:
    torch.manual_seed(0)
    training = task.parts.training
    for _ in range(steps):
        chosen = training.only(torch.randint(len(training), (BATCH,)))
        yield Digits(task.image_augment(chosen.images), chosen.targets)


def compared(engine: Engine, path: Path, task: Task) -> dict[str, Any]:
    """The rounding network in PyTorch, and whether the file answers as it does."""
    assert isinstance(task, HandwrittenDigits)
    found = agreement(engine, onnx_engine(path), task.trial_inputs(500)["real"], answers=["logits"], batch_sizes=(64,))
    right = share_right(engine, task.parts.test)
    return {"pytorch": right, "same_answer": found.same_answer, "largest_difference": found.largest_difference}


def share_right(engine: Engine, digits: Digits) -> float:
    right = [
        engine({"image": images})["logits"].argmax(1) == targets
        for images, targets in zip(digits.images.split(EVALUATED), digits.targets.split(EVALUATED), strict=True)
    ]
    return round(float(torch.cat(right).float().mean()), 4)


def told_of(path: Path, test: Digits) -> dict[str, Any]:
    """What a file does, weighs and holds, and what ONNX Runtime makes of it."""
    model = onnx.load(path)
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(path.with_suffix(".optimised"))
    options.log_severity_level = 3
    onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    fused = Counter(node.op_type for node in onnx.load(options.optimized_model_filepath).graph.node)
    return {
        "file": share_right(onnx_engine(path), test),
        "opset": model.opset_import[0].version,
        **vars(file_size(path)),
        "operators": dict(Counter(node.op_type for node in model.graph.node)),
        "in_runtime": dict(fused),
        "layers_in_int8": sum(count for kind, count in fused.items() if kind.startswith(("QLinear", "QGemm"))),
    }


def time_in_turns(rows: dict[str, dict[str, Any]], folder: Path, task: Task) -> None:
    engines = {name: onnx_engine(folder / f"{name}.onnx") for name in rows}
    example = task.example_inputs()
    taken = latencies({name: lambda e=engine: e(example) for name, engine in engines.items()}, rounds=300)
    for name, row in rows.items():
        row["times_faster_than_float"] = round(taken[name].speedup_over(taken["float"]), 2)


def parse_arguments() -> argparse.Namespace:
    parser = FlagParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data_dir", type=nonempty, help="default: $DWINDLE_DATA, else ./data")
    parser.add_argument("--steps", type=positive_int, default=200)
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
