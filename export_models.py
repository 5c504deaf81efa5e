"""Stage 3: write the files that ship, and prove that each answers as PyTorch does.

    python export_models.py --output_dir artifacts --benchmark

Writes artifacts/model_ts.pt (TorchScript), model.onnx, model_int8.onnx (what prune_and_quantize.py quantised) and
export_results.json. Only when every file has passed its checks do they replace the ones that were there.
"""

import dwindle.errors  # noqa: F401 - first of all: Ctrl-C while torch is imported is one line

# isort: split
import argparse
import json
import os
import shutil
import sys
import warnings
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from tqdm import tqdm

from dwindle.checkpoint import command_line, load_checkpoint
from dwindle.cli import nonempty, positive_int
from dwindle.engine import Engine, executorch_engine, onnx_engine, state_of, torch_engine, with_empty_state
from dwindle.errors import UserError, describe_os_error, imported, run, signals_as_interruption
from dwindle.export.benchmark import memory_and_loading, time_engines
from dwindle.export.formats import (
    EXECUTORCH_REMEDY,
    load_torchscript,
    to_executorch,
    to_exported_program,
    to_onnx,
    to_torchscript,
)
from dwindle.export.measure import file_size, multiply_adds, nonzeros, parameters
from dwindle.export.onnx_file import check_onnx, read_onnx, write_onnx
from dwindle.export.onnx_graph import zero_weights
from dwindle.export.provenance import chosen_checkpoint, files_of_another, matching_quantised
from dwindle.export.verify import TRIALS, agreement, check_float, check_quantised
from dwindle.files import make_writable, scratch_folder, sha256_of, write_json
from dwindle.machine import processor, usable_cores
from dwindle.results import load_or_begin, record
from dwindle.stage import StageParser
from dwindle.task import Task, open_task

VERSIONS = {"model_ts.pt": "torchscript", "model.onnx": "onnx", "model_int8.onnx": "onnx_int8"}


def main() -> None:
    arguments = parse_arguments()
    imported("onnxruntime", "pip install -r requirements.txt")
    if arguments.executorch:
        imported("executorch.exir", EXECUTORCH_REMEDY)  # before the work, not after
    folder = Path(arguments.output_dir)
    load_or_begin(folder / "results.json", arguments.task)  # likewise
    checkpoint_path = chosen_checkpoint(arguments.checkpoint, folder)
    checkpoint = load_checkpoint(checkpoint_path, arguments.task)
    quantised = None if arguments.float_only else matching_quantised(arguments.quantized, checkpoint_path)
    task = open_task(arguments.task, arguments, checkpoint)
    model = task.restored(checkpoint, checkpoint_path).eval()
    origin = {"task": task.name, "parent_sha256": sha256_of(checkpoint_path)}
    # beside the files that it will replace, so that moving them there cannot fail halfway
    with signals_as_interruption(), scratch_folder(ready(folder), ".export-") as scratch:
        export = Export(task, model, scratch, origin, checkpoint.corpora, arguments.trials)
        export.torchscript()
        export.onnx()
        if quantised:
            export.int8(quantised)
        if arguments.pt2:
            export.exported_program()
        if arguments.executorch:
            export.executorch()
        report = {
            "format": "dwindle-export-1",
            "task": task.name,
            "command": command_line(),
            "checkpoint": {"file": checkpoint_path.name, "stage": checkpoint.stage, "sha256": origin["parent_sha256"]},
            "machine": {"processor": processor(), "cores": usable_cores(), "torch": torch.__version__},
            "files": export.files,
        }
        if arguments.benchmark:
            shipped = {VERSIONS[name]: export.folder / name for name in export.files if name in VERSIONS}
            report["latency"] = time_engines(task, model, shipped, task.trial_inputs(1)["real"])
            report["processes"] = memory_and_loading(model, shipped, export.example)
        write_json(export.folder / "export_results.json", report)
        if (folder / "results.json").is_file():
            shutil.copy(folder / "results.json", export.folder)
        rows = [result_row(name, report, model, task) for name in export.scored]
        record(export.folder / "results.json", task.name, rows)
        outdated = files_of_another(report["checkpoint"], folder / "export_results.json") - set(export.files)
        for name in [*export.files, "export_results.json", "results.json"]:
            os.replace(export.folder / name, folder / name)
        for name in outdated:
            (folder / name).unlink(missing_ok=True)
            print(f"{folder / name} was of an earlier checkpoint and is removed", file=sys.stderr)
    print(json.dumps(report, indent=1) if arguments.json else described(report, folder))
    if not quantised and not arguments.float_only:
        print("no quantized.onnx beside the checkpoint: prune_and_quantize.py makes model_int8.onnx", file=sys.stderr)


class Export:
    """Writes one file after the other into a folder, each checked before the next begins."""

    def __init__(
        self, task: Task, model: nn.Module, folder: Path, origin: dict[str, str], corpora: list[str], trials: int
    ) -> None:
        self.task, self.folder, self.origin, self.corpora = task, folder, origin, corpora
        self.model = task.exported(model).eval()
        self.state = state_of(self.model)
        self.example = with_empty_state(task.example_inputs(), self.state)
        self.trials = task.trial_inputs(trials)
        self.eager = torch_engine(self.model, task.inputs, task.outputs)
        self.metadata = task.metadata(self.eager, corpora) | origin
        self.files: dict[str, dict[str, Any]] = {}
        self.scored: list[str] = []

    def torchscript(self) -> None:
        path = self.folder / "model_ts.pt"
        to_torchscript(self.model, self.example, path, self.metadata)
        script, _ = load_torchscript(path, [])
        engine = torch_engine(script, self.task.inputs, self.task.outputs, state=self.state)
        self._accept(path, engine, check_float, {"extra_files": self.metadata})
        self._score(path, engine)

    def onnx(self) -> None:
        path = self.folder / "model.onnx"
        to_onnx(self.model, self.example, path, self.task.inputs, self.task.outputs, self.metadata)
        engine = onnx_engine(path)
        self._accept(path, engine, check_float, {"metadata": self.metadata})
        self._score(path, engine)

    def int8(self, quantised: Path) -> None:
        """What stage 2 quantised, with a threshold of its own."""
        path = self.folder / "model_int8.onnx"
        engine = onnx_engine(quantised)
        metadata = self.task.metadata(engine, self.corpora) | self.origin
        write_onnx(read_onnx(quantised), path, metadata)
        check_onnx(path, self.task.inputs, self.task.outputs, metadata)
        engine = onnx_engine(path)
        rounded = zero_weights(read_onnx(path)) - zero_weights(read_onnx(self.folder / "model.onnx"))
        least = partial(check_quantised, least=self.task.budget.same_answers)
        self._accept(path, engine, least, {"metadata": metadata, "rounded_to_zero": rounded})
        self._score(path, engine)

    def exported_program(self) -> None:
        path = self.folder / "model.pt2"
        to_exported_program(self.model, self.example, path, self.task.inputs, self.metadata)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch reads from bytes that cannot be written to, and says so
            program = torch.export.load(path).module()
        self._accept(
            path, torch_engine(program, self.task.inputs, self.task.outputs, state=self.state), check_float, {}
        )

    def executorch(self) -> None:
        path = self.folder / "model.pte"
        to_executorch(self.model, self.example, path, self.metadata)
        self._accept(
            path, executorch_engine(path, self.task.inputs, self.task.outputs), check_float, {}, batch_sizes=(1,)
        )

    def _accept(self, path: Path, engine: Engine, check: Any, says: dict[str, Any], **how: Any) -> None:
        """Compare with PyTorch, check the bounds, and note what was found."""
        size = file_size(path)
        if size.bytes > (limit := self.task.budget.bytes.get(path.name, size.bytes)):
            raise UserError(
                f"{path.name}: {size.bytes:,} bytes, more than {limit:,}: nothing was exported; train a smaller --width"
            )
        agreements = {}
        for trial, inputs in tqdm(self.trials.items(), desc=path.name, unit="trial", leave=False, disable=None):
            agreements[trial] = agreement(self.eager, engine, inputs, answers=self.task.budget.answers, **how)
            check(path.name, trial, agreements[trial])
        self.files[path.name] = {
            **vars(size),
            "sha256": sha256_of(path),
            "against_pytorch": {trial: found.as_row() for trial, found in agreements.items()},
            **says,
        }

    def _score(self, path: Path, engine: Engine) -> None:
        scores = self.task.evaluate(engine)
        self.files[path.name]["scores"] = {name: score.as_row() for name, score in scores.items()}
        self.scored.append(path.name)


def ready(folder: Path) -> Path:
    """The folder, which can be written into."""
    try:
        make_writable(folder)
    except OSError as error:
        raise UserError(f"cannot write into {folder}: {describe_os_error(error)}") from error
    return folder


def result_row(name: str, report: dict[str, Any], model: nn.Module, task: Task) -> dict[str, Any]:
    """A file's row in results.json."""
    file = report["files"][name]
    fastest = [row for row in report.get("latency", []) if row["engine"] == VERSIONS[name] and row["batch_size"] == 1]
    said = file.get("metadata") or file["extra_files"]
    return {
        "version": VERSIONS[name],
        "stage": "exported",
        "file": name,
        "sha256": file["sha256"],
        "parent_sha256": report["checkpoint"]["sha256"],
        "command": report["command"],
        "parameters": parameters(model),
        "nonzeros": nonzeros(model) - file.get("rounded_to_zero", 0),
        "multiply_adds": multiply_adds(model, task.example_inputs()),
        "bytes": file["bytes"],
        "bytes_gzipped": file["bytes_gzipped"],
        **({"threshold": float(said["threshold"])} if "threshold" in said else {}),
        "scores": file["scores"],
        "latency": {f"{row['threads']}_threads": {k: row[k] for k in ("median_ms", "p95_ms")} for row in fastest},
        "processor": report["machine"]["processor"],
    }


def described(report: dict[str, Any], folder: Path) -> str:
    """The report as a person reads it."""
    lines = [f"{'file':<18}{'bytes':>12}{'gzipped':>12}{'largest difference':>20}{'same answer':>13}"]
    for name, file in report["files"].items():
        found = file["against_pytorch"].values()
        largest, same = max(f["largest_difference"] for f in found), min(f["same_answer"] for f in found)
        lines.append(f"{name:<18}{file['bytes']:>12,}{file['bytes_gzipped']:>12,}{largest:>20.2g}{100 * same:>12.2f}%")
    if "latency" in report:
        lines.append(f"\n{'engine':<13}{'threads':>8}{'batch':>7}{'median ms':>11}{'p95 ms':>9}{'times faster':>14}")
        lines += [
            f"{row['engine']:<13}{row['threads']:>8}{row['batch_size']:>7}{row['median_ms']:>11.3f}{row['p95_ms']:>9.3f}"
            f"{row['times_faster_than_eager']:>14.1f}"
            for row in report["latency"]
        ]
        lines.append(f"\n{'engine':<13}{'import ms':>11}{'load ms':>9}{'first run ms':>14}{'peak MB':>9}")
        lines += [
            f"{row['engine']:<13}{row['import_ms']:>11.0f}{row['load_ms']:>9.1f}{row['first_run_ms']:>14.1f}"
            f"{row['peak_mb']:>9.0f}"
            for row in report["processes"]
        ]
    return "\n".join([*lines, f"\nwritten to {folder}: {', '.join([*report['files'], 'export_results.json'])}"])


def parse_arguments() -> argparse.Namespace:
    parser = StageParser(__doc__)
    what = parser.add_argument_group("which model")
    what.add_argument(
        "--checkpoint", type=nonempty, metavar="FILE", help="default: pruned.pt of the folder, else student.pt"
    )
    what.add_argument("--quantized", type=nonempty, metavar="FILE", help="default: quantized.onnx beside it")
    what.add_argument("--float_only", action="store_true", help="no model_int8.onnx")
    what.add_argument("--pt2", action="store_true", help="also a torch.export program, model.pt2")
    what.add_argument("--executorch", action="store_true", help="also model.pte, run by ExecuTorch through XNNPACK")
    how = parser.add_argument_group("where, and what to tell")
    how.add_argument("--output_dir", type=nonempty, help="default: artifacts, or artifacts/TASK for other tasks")
    how.add_argument("--benchmark", action="store_true", help="latency, load time and memory of every file")
    how.add_argument(
        "--trials", type=positive_int, default=TRIALS, help="real inputs, and as many random ones, to compare on (1000)"
    )
    how.add_argument("--json", action="store_true", help="print export_results.json instead of tables")
    return parser.parse()


if __name__ == "__main__":
    run(main)
