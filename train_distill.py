"""Stage 1: train a teacher, then teach a student.

    python train_distill.py --epochs 100 --temperature 4.0 --alpha 0.7

Writes artifacts/teacher.pt and artifacts/student.pt, and every epoch as a line of JSON under logs/.
Stopped at any moment, the same command goes on. `torchrun` and `accelerate launch` start it as several processes, on
one machine or more; `make` takes one for each core.
"""

import dwindle.errors  # noqa: F401 - first of all: Ctrl-C while torch is imported is one line

# isort: split
import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from torch import nn

from dwindle.checkpoint import Checkpoint, load_checkpoint
from dwindle.cli import channels, nonempty, positive_float, positive_int, share, whole_number
from dwindle.engine import Engine
from dwindle.errors import UserError, run
from dwindle.export.measure import multiply_adds, nonzeros, parameters
from dwindle.files import make_writable, sha256_of
from dwindle.results import load_or_begin, record
from dwindle.stage import StageParser, add_beginnings
from dwindle.task import Task, open_task
from dwindle.train.accelerator import start_accelerator
from dwindle.train.distillation import Ensemble, KnowledgeDistillationLoss
from dwindle.train.growing import grown
from dwindle.train.recipe import Recipe
from dwindle.train.trainer import Trainer

__all__ = ["KnowledgeDistillationLoss", "main"]
FLOAT_BYTES = 4


def main() -> None:
    arguments = parse_arguments()
    loss = KnowledgeDistillationLoss(arguments.temperature, arguments.alpha)
    tensorboard_dir = Path(arguments.log_dir) if arguments.tensorboard else None
    accelerator = start_accelerator(arguments.device, arguments.batch_size, arguments.precision, tensorboard_dir)
    for folder in (Path(arguments.output_dir), Path(arguments.log_dir)):
        make_writable(folder)  # now, not after an hour of training
    load_or_begin(Path(arguments.output_dir) / "results.json", arguments.task)  # likewise
    for path in arguments.teacher:
        load_checkpoint(path, arguments.task)  # likewise
    task = open_task(arguments.task, arguments)
    for path in parents_of("student", arguments):
        task.may_learn_from(load_checkpoint(path), path)
    if arguments.width or arguments.start_from:
        check_student(task, arguments, accelerator)
    teacher, teacher_sha256 = None, None
    if arguments.alpha > 0:
        if not arguments.teacher:
            train_one("teacher", task, arguments, accelerator, loss)
        paths = [Path(path) for path in arguments.teacher or [Path(arguments.output_dir) / "teacher.pt"]]
        teacher = Ensemble([task.restored(load_checkpoint(path, task.name), path) for path in paths])
        teacher_sha256 = "+".join(sha256_of(path) for path in paths)
    train_one("student", task, arguments, accelerator, loss, teacher, teacher_sha256)
    accelerator.end_training()


def train_one(
    role: str,
    task: Task,
    arguments: argparse.Namespace,
    accelerator: Accelerator,
    loss: KnowledgeDistillationLoss,
    teacher: nn.Module | None = None,
    teacher_sha256: str | None = None,
) -> None:
    """Train the teacher or the student to the end and write its checkpoint."""
    folder = Path(arguments.output_dir)
    torch.manual_seed(arguments.seed)
    model, build_arguments = task.build(role, arguments.width if role == "student" else None)
    start = arguments.start_from if role == "student" else None
    if start:
        begin_with(model, Path(start), task.labels)
    state_path = folder / f".training-{role}.pt"
    trainer = Trainer(
        task,
        model,
        recipe_of(arguments, role),
        loss,
        accelerator,
        teacher,
        name=role,
        state_path=state_path,
        log_path=Path(arguments.log_dir) / f"{folder.resolve().name}-{role}.jsonl",
    )
    if arguments.fresh and accelerator.is_main_process:
        state_path.unlink(missing_ok=True)
    accelerator.wait_for_everyone()  # before the others look for it
    goes_on = trainer.go_on(must_fit=arguments.resume)
    if not (goes_on or arguments.fresh) and is_made(folder / f"{role}.pt", task, trainer, teacher_sha256):
        accelerator.print(f"{role}: {folder / f'{role}.pt'} is already trained (--fresh trains it anew)")
        return
    metrics = trainer.train()
    if accelerator.is_main_process:
        write_checkpoint(role, task, arguments, trainer, build_arguments, metrics, teacher_sha256)
        state_path.unlink(missing_ok=True)
    accelerator.wait_for_everyone()  # the others read what the main process has just written


def write_checkpoint(
    role: str,
    task: Task,
    arguments: argparse.Namespace,
    trainer: Trainer,
    build_arguments: dict[str, Any],
    metrics: dict[str, Any],
    teacher_sha256: str | None,
) -> None:
    """Judge the trained model, and write it as a checkpoint."""
    corpora = set(task.corpora).union(*(load_checkpoint(path).corpora for path in parents_of(role, arguments)))
    checkpoint = Checkpoint(
        task=task.name,
        labels=list(task.labels),
        role=role,
        stage="trained" if teacher_sha256 is None else "distilled",
        arguments=build_arguments,
        weights=trainer.plain.state_dict(),
        seed=arguments.seed,
        metrics={**metrics, "conditions": trainer.conditions},
        corpora=sorted(corpora),
        parent_sha256=teacher_sha256,
        provenance=task.provenance(),
    )
    keep(checkpoint, trainer.plain, task, trainer.engine(trainer.plain), Path(arguments.output_dir))


def keep(checkpoint: Checkpoint, network: nn.Module, task: Task, engine: Engine, folder: Path) -> None:
    """Judge it on every data set, print what came out, write the file, and record it among the results."""
    role, is_taught = checkpoint.role, checkpoint.stage == "distilled"
    scores = task.evaluate(engine)
    print(f"\n{role}: {parameters(network):,} parameters")
    for name, score in scores.items():
        print(f"  {name:<28} {score}")
    score_rows = {name: score.as_row() for name, score in scores.items()}
    checkpoint.metrics["scores"] = score_rows
    sha256 = checkpoint.save(folder / f"{role}.pt")
    row = {
        "version": role if role == "teacher" else "distilled student" if is_taught else "student alone",
        "stage": "distilled" if is_taught else role,
        "file": f"{role}.pt",
        "sha256": sha256,
        "parent_sha256": checkpoint.parent_sha256,
        "command": checkpoint.command,
        "seed": checkpoint.seed,
        "parameters": parameters(network),
        "nonzeros": nonzeros(network),
        "multiply_adds": multiply_adds(network, task.example_inputs()),
        "bytes": (folder / f"{role}.pt").stat().st_size,
        "scores": score_rows,
    }
    record(folder / "results.json", task.name, [row])
    print(f"  written: {folder / f'{role}.pt'}\n")


def is_checkpoint(name: str) -> bool:
    """A file of this project, there or not; anything else is the name of a pretrained model."""
    return Path(name).is_file() or Path(name).suffix == ".pt"


def parents_of(role: str, arguments: argparse.Namespace) -> list[str]:
    """The checkpoints that a network learns from or begins as."""
    return [*arguments.teacher, *filter(None, [arguments.start_from])] if role == "student" else []


def begin_with(model: nn.Module, path: Path, labels: Sequence[str]) -> None:
    """Take over every layer of an earlier student that fits; the others, which name its words, begin anew.

    One of the same words may be narrower: it is grown.
    """
    own, checkpoint = model.state_dict(), load_checkpoint(path)
    theirs = checkpoint.weights
    if checkpoint.labels == list(labels):
        theirs = grown(theirs, own)
    fitting = {name: tensor for name, tensor in theirs.items() if name in own and own[name].shape == tensor.shape}
    if len(fitting) < len(own) / 2:
        raise UserError(
            f"{path}: of another network than this student: give one of the same --width, "
            "or a narrower one of the same words"
        )
    model.load_state_dict(own | fitting)


def check_student(task: Task, arguments: argparse.Namespace, accelerator: Accelerator) -> None:
    """Say what will not do of a student that somebody asked for, before a teacher is trained for it."""
    student, _ = task.build("student", arguments.width)
    if arguments.start_from:
        begin_with(student, Path(arguments.start_from), task.labels)
    count, limit = parameters(student), task.budget.bytes.get("model.onnx")
    if limit and count * FLOAT_BYTES > limit:
        allowed = f"more than the {limit:,} bytes of model.onnx that export_models.py allows"
        note = f"note: a student of {count:,} parameters is {allowed}: it may teach, and not ship"
        accelerator.print(note, file=sys.stderr)


def is_made(path: Path, task: Task, trainer: Trainer, teacher_sha256: str | None) -> bool:
    """Whether this very command has already written the checkpoint."""
    try:
        checkpoint = load_checkpoint(path, task.name)
    except UserError:  # none, or one that the new one takes the place of
        return False
    return checkpoint.metrics.get("conditions") == trainer.conditions and checkpoint.parent_sha256 == teacher_sha256


def recipe_of(arguments: argparse.Namespace, role: str) -> Recipe:
    """The recipe that the flags ask for."""
    is_teacher = role == "teacher"
    return Recipe(
        epochs=arguments.teacher_epochs or arguments.epochs if is_teacher else arguments.epochs,
        batch_size=arguments.batch_size,
        learning_rate=arguments.lr / 2 if is_teacher else arguments.lr,
        evaluate_every=arguments.evaluate_every,
        patience=arguments.patience,
        stop_accuracy=arguments.stop_accuracy,
        seed=arguments.seed,
        optimizer=arguments.optimizer,
    )


def parse_arguments() -> argparse.Namespace:
    parser = StageParser(__doc__)
    how = parser.add_argument_group("how to learn it")
    how.add_argument("--epochs", type=positive_int, default=60)
    how.add_argument("--teacher_epochs", type=positive_int, help="default: as many as --epochs")
    how.add_argument("--temperature", type=positive_float, default=4.0, help="softens the teacher's answers")
    how.add_argument("--alpha", type=share, default=0.7, help="the teacher's share of the loss; 0: no teacher")
    how.add_argument(
        "--teacher",
        type=nonempty,
        nargs="+",
        default=[],
        metavar="FILE",
        help="take this teacher, or the mean of several; where a task has --pretrained, also what one begins as",
    )
    how.add_argument("--width", type=channels, help="channels of the student")
    how.add_argument("--start_from", type=nonempty, metavar="FILE", help="begin as this student, or a narrower one")
    how.add_argument("--batch_size", type=positive_int, default=128)
    how.add_argument("--lr", type=positive_float, default=4e-3, help="highest rate, after warm-up; teachers get half")
    how.add_argument("--optimizer", choices=("adamw", "muon"), default="adamw", help="muon: for Transformers")
    how.add_argument("--evaluate_every", type=whole_number, default=0, metavar="STEPS", help="default: each epoch")
    how.add_argument("--patience", type=whole_number, default=15, help="stop after so many epochs without gain; 0: no")
    how.add_argument(
        "--stop_accuracy", type=share, metavar="SHARE", help="stop at this validation accuracy, e.g. 0.975"
    )
    how.add_argument("--seed", type=whole_number, default=0)
    where = parser.add_argument_group("where and with what")
    where.add_argument("--output_dir", type=nonempty, help="default: artifacts, or artifacts/TASK for other tasks")
    where.add_argument("--log_dir", type=nonempty, default="logs")
    add_beginnings(where)
    where.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    where.add_argument("--precision", choices=("fp32", "bf16", "fp16"), default="fp32")
    where.add_argument("--tensorboard", action="store_true", help="also write TensorBoard events under --log_dir")
    arguments = parser.parse()
    if hasattr(arguments, "pretrained") and len(arguments.teacher) == 1 and not is_checkpoint(arguments.teacher[0]):
        arguments.pretrained, arguments.teacher = arguments.teacher[0], []
    if arguments.teacher and arguments.alpha == 0:
        parser.error("--alpha 0 learns from no teacher: leave out --teacher, or give it a share")
    return arguments


if __name__ == "__main__":
    run(main)
