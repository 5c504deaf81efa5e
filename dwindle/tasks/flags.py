"""The flags that name a task and its data, the same in every stage."""

import argparse
from pathlib import Path

from dwindle.data import data_directory
from dwindle.tasks import DEFAULT_TASK, TASKS, TaskOptions, open_task
from dwindle.tasks.task import Task


def add_task_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--task", choices=sorted(TASKS), default=DEFAULT_TASK)
    group.add_argument("--data_dir", help="the corpora (default: $DWINDLE_DATA, else data/)")
    group.add_argument("--corpora", nargs="+", metavar="NAME", help="only these, e.g. fsdd speech_commands")
    group.add_argument("--hold_out_speaker", metavar="NAME", help="an FSDD speaker that training never hears")
    group.add_argument("--words_dir", metavar="FOLDER", help="your own words, a folder of recordings each")


def task_of(arguments: argparse.Namespace, seed: int) -> Task:
    """The task that the flags name. A later stage gives the seed of the checkpoint, else it would part clips anew."""
    options = TaskOptions(
        data_dir=data_directory(arguments.data_dir),
        corpora=tuple(arguments.corpora) if arguments.corpora else None,
        hold_out_speaker=arguments.hold_out_speaker,
        words_dir=Path(arguments.words_dir) if arguments.words_dir else None,
        seed=seed,
    )
    return open_task(arguments.task, options)
