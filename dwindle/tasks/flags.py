"""The flags that name a task and its data, the same in every stage."""

from dwindle.errors import UsageError

import argparse
from pathlib import Path

from dwindle.checkpoint import Checkpoint
from dwindle.data import data_directory
from dwindle.task import Task
from dwindle.tasks import DEFAULT_TASK, TASKS, TaskOptions, open_task


def add_task_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--task", choices=sorted(TASKS), default=DEFAULT_TASK)
    group.add_argument("--data_dir", help="the corpora (default: $DWINDLE_DATA, else data/)")
    group.add_argument("--corpora", nargs="+", metavar="NAME", help="only these, e.g. fsdd speech_commands")
    group.add_argument("--hold_out_speaker", metavar="NAME", help="an FSDD speaker that training never hears")
    group.add_argument("--words_dir", metavar="FOLDER", help="your own words, a folder of recordings each")


def refuse_who_heard(speaker: str | None, parent: Checkpoint, path: str | Path) -> None:
    """A model that has heard the voice held out would tell what it knows of it to any that is made from it."""
    if speaker and "fsdd" in parent.corpora and parent.held_out_speaker != speaker:
        raise UsageError(f"{path}: has heard {speaker}, who is held out: give a model that has not")


def held_out(arguments: argparse.Namespace, made_from: Checkpoint | None = None) -> str | None:
    """Whom training never hears: whom the checkpoint never heard, else whom the flag names."""
    return (made_from.held_out_speaker if made_from else None) or arguments.hold_out_speaker


def task_of(arguments: argparse.Namespace, made_from: Checkpoint | None = None) -> Task:
    """The task that the flags name. A later stage names its checkpoint: clips are parted as they were in training."""
    wanted = arguments.hold_out_speaker
    if made_from and wanted and "fsdd" in made_from.corpora and wanted != made_from.held_out_speaker:
        raise UsageError(f"--hold_out_speaker {wanted}: the checkpoint has heard that speaker: train one that has not")
    options = TaskOptions(
        data_dir=data_directory(arguments.data_dir),
        corpora=tuple(arguments.corpora) if arguments.corpora else None,
        hold_out_speaker=held_out(arguments, made_from),
        words_dir=Path(arguments.words_dir) if arguments.words_dir else None,
        seed=made_from.seed if made_from else arguments.seed,
    )
    return open_task(arguments.task, options)
