"""Stage 2: prune a student and quantise it, and show what each technique gains and costs.

    python prune_and_quantize.py --target_sparsity 0.4

Takes artifacts/student.pt; writes artifacts/pruned.pt, artifacts/quantized.onnx (the version that should ship), every
other version under artifacts/versions/, and a row for each in artifacts/results.json. Stopped at any moment, the same
command goes on. Under `torchrun` or `accelerate launch` several processes share the fine-tuning, and the first does all
the rest.
"""

import dwindle.errors  # noqa: F401 - first of all: Ctrl-C while torch is imported is one line

# isort: split
import argparse
import contextlib
import copy
import json
import sys
from functools import partial
from pathlib import Path

from accelerate import Accelerator
from torch import nn

from dwindle.checkpoint import Checkpoint, command_line, load_checkpoint
from dwindle.cli import nonempty, partial_share, positive_float, positive_int, share, whole_number
from dwindle.compress.compare import Measured, Version, chosen, largest_loss, measured, same_answers, table
from dwindle.compress.prune import MagnitudePruner, prune_in_steps
from dwindle.compress.prune_channels import narrowed, prune_channels
from dwindle.compress.quantize_aware import QuantizedModel, folded, quantized_aware
from dwindle.compress.quantize_dynamic import quantized_dynamic
from dwindle.compress.quantize_embeddings import BITS, with_small_tables
from dwindle.compress.quantize_groups import with_int4_weights
from dwindle.compress.quantize_static import checked_calibration, static_versions
from dwindle.compress.quantize_weights import with_float16_weights, with_int8_weights
from dwindle.compress.workshop import Workshop
from dwindle.engine import onnx_engine
from dwindle.errors import UserError, run
from dwindle.export.measure import file_size
from dwindle.export.onnx_file import read_onnx, write_onnx
from dwindle.export.provenance import made_before
from dwindle.export.verify import TRIALS
from dwindle.files import make_writable, sha256_of
from dwindle.results import load_or_begin, record
from dwindle.stage import StageParser, add_beginnings
from dwindle.task import Task, open_task
from dwindle.train.accelerator import start_accelerator
from dwindle.train.distillation import Ensemble, KnowledgeDistillationLoss

__all__ = ["MagnitudePruner", "QuantizedModel", "main"]


def main() -> None:
    arguments = parse_arguments()
    with contextlib.redirect_stdout(sys.stderr) if arguments.json else contextlib.nullcontext():
        rows = shrink(arguments)
    if arguments.json and rows:
        print(json.dumps(rows, indent=1))


def shrink(arguments: argparse.Namespace) -> list[dict]:
    """The whole stage; returns the rows that it recorded, of which only the main process has any."""
    accelerator = start_accelerator(arguments.device, arguments.batch_size)
    folder = Path(arguments.output_dir)
    student_path = Path(arguments.student or folder / "student.pt")
    student = unpruned(load_checkpoint(student_path, arguments.task), student_path)
    rows = load_or_begin(folder / "results.json", arguments.task)["rows"]  # before the work, not after
    if not (arguments.fresh or arguments.keep_pruned) and (
        done := made_before(rows, folder, student_path, ["pruned", *map(structured_name, arguments.structured)])
    ):
        accelerator.print(f"{folder / 'quantized.onnx'} is already made by this command (--fresh makes it anew)")
        return done if accelerator.is_main_process else []
    teachers = teachers_of(arguments, student, student_path)
    task = open_task(arguments.task, arguments, student)
    for path in teachers:
        task.may_learn_from(load_checkpoint(path, student.task), path)
    network = task.restored(student, student_path)
    for removed in arguments.structured if not hasattr(task, "narrowed") else ():
        task.rebuild(narrowed(student.arguments, removed))  # raises now, not after the pruning
    if arguments.qat_epochs:
        folded(network)  # likewise
    make_writable(folder)
    checked_calibration(task.calibration_inputs())
    workshop = open_workshop(arguments, accelerator, task, network, folder, student.seed, teachers)
    stage = "distilled" if student.stage == "distilled" else "student"
    floating = workshop.finished("student", stage, network, "float")
    versions = [floating]
    taught = [load_checkpoint(path).corpora for path in teachers]
    corpora = sorted({*student.corpora, *task.corpora}.union(*taught))  # its training, and what it is tuned on here

    def save(version: Version, file: str, build_arguments: dict) -> None:
        if not workshop.is_main_process:
            return
        Checkpoint(
            task=task.name,
            labels=student.labels,
            role="student",
            stage=version.stage,
            arguments=build_arguments,
            weights=version.in_pytorch.state_dict(),
            seed=student.seed,
            metrics={"note": version.note},
            corpora=corpora,
            parent_sha256=sha256_of(student_path),
            provenance=task.provenance(),
        ).save(folder / file)

    sparsity, gradually = arguments.target_sparsity, arguments.epochs_after_steps
    if arguments.keep_pruned:
        pruned = kept(folder / "pruned.pt", student_path, workshop)
    else:
        pruned = prune_in_steps(network, workshop, "pruned", sparsity, gradually)
        save(pruned, "pruned.pt", student.arguments)
    versions.append(pruned)
    if arguments.one_shot:
        versions.append(prune_in_steps(network, workshop, "one_shot", sparsity, [sum(gradually)], timed=False))
    if arguments.sweep:
        nine_times = [arguments.epochs_per_step] * 9
        prune_in_steps(network, workshop, "sweep", 0.9, nine_times, at_each_step=versions.append, timed=False)
    for removed in arguments.structured:
        name = structured_name(removed)
        cut, smaller = prune_channels(network, student.arguments, removed, workshop, name, arguments.structured_epochs)
        save(cut, f"{name}.pt", smaller)
        versions.append(cut)
    rounded = [quantized_aware(pruned, workshop, arguments.qat_epochs)] if arguments.qat_epochs else []
    if not workshop.is_main_process:  # training is over
        return []

    cuts = [version for version in versions if version.stage == "structured"]
    for cut in cuts:
        versions.insert(versions.index(cut) + 1, with_int8_weights(with_small_tables(cut, workshop), workshop))
    small = with_small_tables(pruned, workshop)
    quantised = [
        *static_versions(small, workshop),
        *rounded,
        with_int8_weights(small, workshop),
    ]
    if arguments.int4:
        quantised.append(with_int4_weights(small, workshop))
    dynamic = quantized_dynamic(small, workshop)
    converts = file_size(dynamic.onnx_path).bytes < file_size(small.onnx_path).bytes
    (quantised if converts else versions).append(dynamic)
    versions += [with_float16_weights(pruned, workshop), *([small] if small is not pruned else []), *quantised]
    return report(versions, quantised, pruned, task, folder, student_path, arguments, workshop)


def report(
    versions: list[Version],
    quantised: list[Version],
    parent: Version,
    task: Task,
    folder: Path,
    student_path: Path,
    arguments: argparse.Namespace,
    workshop: Workshop,
) -> list[dict]:
    """Measure all, choose what ships, and write it down."""
    found, rows = measured(versions, task, arguments.rounds, folder)
    by_name = {one.name: one for one in found}
    float_parent = by_name[parent.name]
    agrees = partial(same_answers, parent=parent, task=task, trials=arguments.trials)
    best, reason = chosen([by_name[version.name] for version in quantised], float_parent, task.budget, agrees)
    ship(best, task, folder)
    shipped, size = folder / "quantized.onnx", file_size(folder / "quantized.onnx")
    for one in by_name.values():
        row = one.as_row(parent_sha256=sha256_of(student_path), command=command_line(), seed=workshop.seed)
        if one is best:
            row |= {"note": f"{row['note']}; shipped: {reason}", "file": shipped.name}
            row |= {"sha256": sha256_of(shipped), **vars(size)}
        rows.append(row)
    record(folder / "results.json", task.name, rows)
    workshop.forget_everything()
    print(f"\n{table(list(by_name.values()))}\n")
    for version in quantised:
        loss, where = largest_loss(by_name[version.name], float_parent)
        print(f"{version.name}: at worst {loss} lost against {parent.name}, on {where}")
    print(f"\nshipped as {shipped} ({size.bytes:,} bytes with what it says of itself): {reason}")
    return rows


def structured_name(removed: float) -> str:
    return f"structured_{round(100 * removed)}"


def ship(best: Measured, task: Task, folder: Path) -> None:
    """The chosen version, with all that its file must say of itself."""
    corpora = load_checkpoint(folder / "pruned.pt").corpora
    metadata = task.metadata(onnx_engine(best.version.onnx_path), corpora)
    origin = {"task": task.name, "parent_sha256": sha256_of(folder / "pruned.pt")}
    write_onnx(read_onnx(best.version.onnx_path), folder / "quantized.onnx", metadata | origin)


def unpruned(checkpoint: Checkpoint, path: Path) -> Checkpoint:
    """A checkpoint that this stage can begin with."""
    if checkpoint.stage in ("pruned", "structured"):
        raise UserError(f"{path}: is pruned already: give the checkpoint that it was made from as --student")
    return checkpoint


def kept(path: Path, student_path: Path, workshop: Workshop) -> Version:
    """What an earlier run pruned of this very student."""
    checkpoint = load_checkpoint(path, workshop.task.name)
    if checkpoint.stage != "pruned" or checkpoint.parent_sha256 != sha256_of(student_path):
        raise UserError(f"{path}: was not pruned of {student_path}: leave out --keep_pruned")
    return workshop.finished("pruned", "pruned", workshop.task.restored(checkpoint, path), checkpoint.metrics["note"])


def teachers_of(arguments: argparse.Namespace, student: Checkpoint, student_path: Path) -> list[Path]:
    """Those named, else the one beside the student that taught it, else the student as it was."""
    if arguments.alpha == 0:
        return []
    if arguments.teacher:
        return [Path(path) for path in arguments.teacher]
    beside = student_path.parent / "teacher.pt"
    return [beside if beside.is_file() and sha256_of(beside) == student.parent_sha256 else student_path]


def open_workshop(
    arguments: argparse.Namespace,
    accelerator: Accelerator,
    task: Task,
    student: nn.Module,
    folder: Path,
    seed: int,
    teachers: list[Path],
) -> Workshop:
    """The task's data, its teachers, and a folder for all versions."""
    networks = [task.restored(load_checkpoint(path, task.name), path) for path in teachers]
    helped = f"with the help of {', '.join(map(str, teachers))}" if teachers else "without a teacher"
    accelerator.print(f"fine-tuning {helped}", flush=True)
    workshop = Workshop(
        task=task,
        folder=folder / "versions",
        loss=KnowledgeDistillationLoss(arguments.temperature, arguments.alpha),
        teacher=Ensemble(networks) if networks else None,
        parent=copy.deepcopy(student) if networks else None,
        accelerator=accelerator,
        batch_size=arguments.batch_size,
        learning_rate=arguments.lr,
        seed=seed,
        resume=arguments.resume,
        table_bits=arguments.table_bits,
    )
    workshop.folder.mkdir(parents=True, exist_ok=True)
    if arguments.fresh and workshop.is_main_process:
        workshop.forget_everything()
    accelerator.wait_for_everyone()  # before anybody looks for what there is to go on from
    return workshop


def parse_arguments() -> argparse.Namespace:
    parser = StageParser(__doc__)
    data = parser.add_argument_group("which model")
    data.add_argument("--student", type=nonempty, metavar="FILE", help="default: student.pt in --output_dir")
    data.add_argument(
        "--teacher",
        type=nonempty,
        nargs="+",
        metavar="FILE",
        help="default: teacher.pt beside the student where it taught it, else the student",
    )
    how = parser.add_argument_group("how to shrink it")
    how.add_argument("--target_sparsity", type=partial_share, default=0.4, metavar="SHARE", help="of zeros (0.4)")
    how.add_argument("--steps", type=positive_int, default=8, help="pruning steps, each followed by fine-tuning")
    how.add_argument("--epochs_per_step", type=positive_int, default=2)
    how.add_argument(
        "--last_epochs", type=positive_int, help="after the last step, whose zeros stay (as many as after the others)"
    )
    how.add_argument("--keep_pruned", action="store_true", help="quantise the pruned.pt that is there, prune nothing")
    how.add_argument("--one_shot", action="store_true", help="also prune in one step, with as many epochs in all")
    how.add_argument("--sweep", action="store_true", help="also prune on, 10%% at a time, to 90%%")
    how.add_argument(
        "--structured", type=partial_share, nargs="*", default=[], metavar="SHARE", help="channels to remove"
    )
    how.add_argument("--structured_epochs", type=positive_int, help="after the removal (as many as zeroing has in all)")
    how.add_argument("--qat_epochs", type=whole_number, default=4, help="of training with rounding in place; 0: none")
    how.add_argument("--int4", action="store_true", help="also store the weights in 4 bits, in groups")
    how.add_argument("--table_bits", type=int, choices=BITS, help="store the rows of a table of words in so few bits")
    how.add_argument("--temperature", type=positive_float, default=4.0, help="softens the teacher's answers")
    how.add_argument("--alpha", type=share, default=0.7, help="the teacher's share of the loss")
    how.add_argument("--lr", type=positive_float, default=2.5e-4, help="highest rate of each fine-tuning")
    how.add_argument("--batch_size", type=positive_int, default=128)
    where = parser.add_argument_group("where and with what")
    where.add_argument("--output_dir", type=nonempty, help="default: artifacts, or artifacts/TASK for other tasks")
    add_beginnings(where)
    where.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="for fine-tuning")
    where.add_argument("--rounds", type=positive_int, default=200, help="of timing, all versions in turns")
    where.add_argument("--trials", type=positive_int, default=TRIALS, help="inputs of each kind to compare on (1000)")
    where.add_argument("--json", action="store_true", help="the rows as JSON on stdout, all else on stderr")
    arguments = parser.parse()
    each, last = arguments.epochs_per_step, arguments.last_epochs or arguments.epochs_per_step
    arguments.epochs_after_steps = [each] * (arguments.steps - 1) + [last]
    if len(set(map(structured_name, arguments.structured))) < len(arguments.structured):
        parser.error("--structured names a share twice, to the percent")
    arguments.structured_epochs = arguments.structured_epochs or sum(arguments.epochs_after_steps)
    return arguments


if __name__ == "__main__":
    run(main)
