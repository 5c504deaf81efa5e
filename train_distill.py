"""Stage 1: train a teacher, then teach a student.

    python train_distill.py --epochs 100 --temperature 4.0 --alpha 0.7

Writes artifacts/teacher.pt and artifacts/student.pt, and every epoch as a line of JSON under logs/.
Stopped at any moment, the same command with --resume goes on. `accelerate launch train_distill.py …` is the same
script on several processes or machines.
"""

import argparse
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import DataLoaderConfiguration, DistributedDataParallelKwargs
from torch import nn

from dwindle.checkpoint import Checkpoint, load_checkpoint, load_safely
from dwindle.compress.distill import KnowledgeDistillationLoss
from dwindle.compress.training import Recipe, Trainer, reader
from dwindle.data import data_directory
from dwindle.errors import UsageError, UserError, run
from dwindle.files import sha256_of
from dwindle.tasks import DEFAULT_TASK, TASKS, TaskOptions, open_task
from dwindle.tasks.task import Task

__all__ = ["KnowledgeDistillationLoss", "main"]


def main() -> None:
    arguments = parse_arguments()
    folder = Path(arguments.output_dir)
    accelerator = start_accelerator(arguments)
    loss = KnowledgeDistillationLoss(arguments.temperature, arguments.alpha)
    task = open_task(arguments.task, task_options(arguments))
    teacher, teacher_sha256 = None, None
    if arguments.alpha > 0:
        teacher_path = Path(arguments.teacher) if arguments.teacher else folder / "teacher.pt"
        if not arguments.teacher and not (arguments.resume and teacher_path.is_file()):
            train_one("teacher", task, arguments, accelerator, loss)
        teacher, teacher_sha256 = teacher_from(teacher_path, task)
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
        log_path=Path(arguments.log_dir) / f"{folder.name}-{role}.jsonl",
    )
    if arguments.resume and state_path.is_file():
        trainer.resume(load_safely(state_path))
    elif accelerator.is_main_process and trainer.log_path.is_file():
        trainer.log_path.unlink()  # a run that starts anew does not continue an old one's curve
    metrics = trainer.train()
    if not accelerator.is_main_process:
        return
    scores = task.evaluate(reader(trainer.plain, accelerator.device))
    print(f"\n{role}: {sum(p.numel() for p in model.parameters()):,} parameters")
    for name, score in scores.items():
        print(f"  {name:<28} {score}")
    checkpoint = Checkpoint(
        task=task.name,
        labels=list(task.labels),
        role=role,
        stage="trained" if teacher is None else "distilled",
        arguments=build_arguments,
        weights=trainer.plain.state_dict(),
        seed=arguments.seed,
        metrics={**metrics, "scores": {name: score.as_row() for name, score in scores.items()}},
        corpora=list(task.corpora),
        parent_sha256=teacher_sha256,
    )
    checkpoint.save(folder / f"{role}.pt")
    state_path.unlink(missing_ok=True)
    print(f"  written: {folder / f'{role}.pt'}\n")


def teacher_from(path: Path, task: Task) -> tuple[nn.Module, str]:
    """The teacher of a checkpoint, which must have learnt the same task and labels."""
    checkpoint = load_checkpoint(path, task.name)
    if checkpoint.labels != list(task.labels):
        raise UserError(f"{path}: this teacher knows other labels than the task: train one without --teacher")
    network = task.rebuild(checkpoint.arguments)
    network.load_state_dict(checkpoint.weights)
    return network, sha256_of(path)


def recipe_of(arguments: argparse.Namespace, role: str) -> Recipe:
    """The recipe that the flags ask for."""
    is_teacher = role == "teacher"
    return Recipe(
        epochs=arguments.teacher_epochs or arguments.epochs if is_teacher else arguments.epochs,
        batch_size=arguments.batch_size,
        learning_rate=arguments.lr / 2 if is_teacher else arguments.lr,
        patience=arguments.patience,
        stop_accuracy=arguments.stop_accuracy,
        seed=arguments.seed,
    )


def start_accelerator(arguments: argparse.Namespace) -> Accelerator:
    """One process or many, on the device and in the precision that was asked for."""
    if arguments.device == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: no GPU can be used here: take --device cpu")
    on_cpu = arguments.device == "cpu" or (arguments.device == "auto" and not torch.cuda.is_available())
    if on_cpu and arguments.precision == "fp16":
        raise UsageError("--precision fp16 needs a GPU: on a CPU take fp32 or bf16")
    return Accelerator(
        cpu=on_cpu,
        mixed_precision="no" if arguments.precision == "fp32" else arguments.precision,
        # the batch size is that of all processes together, so that more processes change speed and nothing else
        dataloader_config=DataLoaderConfiguration(split_batches=True, use_seedable_sampler=True),
        # a step runs the model twice, and sending the buffers round in between would spoil the gradient
        kwargs_handlers=[DistributedDataParallelKwargs(broadcast_buffers=False)],
        log_with="tensorboard" if arguments.tensorboard else None,
        project_dir=arguments.log_dir,
    )


def task_options(arguments: argparse.Namespace) -> TaskOptions:
    """What the task needs to know of the flags."""
    return TaskOptions(
        data_dir=data_directory(arguments.data_dir),
        corpora=tuple(arguments.corpora) if arguments.corpora else None,
        hold_out_speaker=arguments.hold_out_speaker,
        words_dir=Path(arguments.words_dir) if arguments.words_dir else None,
        seed=arguments.seed,
    )


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0], epilog=__doc__.split("\n")[2].strip())
    data = parser.add_argument_group("what to learn")
    data.add_argument("--task", choices=sorted(TASKS), default=DEFAULT_TASK)
    data.add_argument("--data_dir", help="the corpora (default: $DWINDLE_DATA, else data/)")
    data.add_argument("--corpora", nargs="+", metavar="NAME", help="only these, e.g. fsdd speech_commands")
    data.add_argument("--hold_out_speaker", metavar="NAME", help="an FSDD speaker that training never hears")
    data.add_argument("--words_dir", metavar="FOLDER", help="your own words, a folder of recordings each")
    how = parser.add_argument_group("how to learn it")
    how.add_argument("--epochs", type=positive_int, default=60)
    how.add_argument("--teacher_epochs", type=positive_int, help="default: as many as --epochs")
    how.add_argument("--temperature", type=float, default=4.0, help="softens the teacher's answers")
    how.add_argument("--alpha", type=float, default=0.7, help="the teacher's share of the loss; 0: no teacher")
    how.add_argument("--teacher", metavar="FILE", help="take this teacher instead of training one")
    how.add_argument("--width", type=positive_int, help="channels of the student")
    how.add_argument("--batch_size", type=positive_int, default=128)
    how.add_argument("--lr", type=positive_float, default=4e-3, help="highest rate, after warm-up; teachers get half")
    how.add_argument("--patience", type=int, default=15, help="epochs without improvement before stopping; 0: never")
    how.add_argument(
        "--stop_accuracy", type=float, metavar="SHARE", help="stop at this validation accuracy, e.g. 0.975"
    )
    how.add_argument("--seed", type=int, default=0)
    where = parser.add_argument_group("where and with what")
    where.add_argument("--output_dir", default=None, help="default: artifacts, or artifacts/TASK for other tasks")
    where.add_argument("--log_dir", default="logs")
    where.add_argument("--resume", action="store_true", help="go on where the same command was stopped")
    where.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    where.add_argument("--precision", choices=("fp32", "bf16", "fp16"), default="fp32")
    where.add_argument("--tensorboard", action="store_true", help="also write TensorBoard events under --log_dir")
    arguments = parser.parse_args()
    if arguments.output_dir is None:
        arguments.output_dir = "artifacts" if arguments.task == DEFAULT_TASK else f"artifacts/{arguments.task}"
    return arguments


def positive_int(text: str) -> int:
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return value


def positive_float(text: str) -> float:
    if not (value := float(text)) > 0:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return value


if __name__ == "__main__":
    run(main)
