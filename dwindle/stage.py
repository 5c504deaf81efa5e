"""What the scripts of all stages share: the task that is worked on, its own flags, and where its files are."""

import argparse
import sys
from pathlib import Path
from types import ModuleType

from dwindle.cli import FlagParser, nonempty
from dwindle.task import DEFAULT_TASK, TASKS, artifacts_of, task_module


class StageParser(FlagParser):
    """A stage's command line: its own flags, and those that the chosen task adds.

    The description and the example come from the script's docstring. A task's DEFAULTS take the place of the
    defaults of the stage's own flags; those under a script's name are for it alone.
    """

    def __init__(self, doc: str | None) -> None:
        lines = (doc or "\n\n").split("\n")
        super().__init__(description=lines[0], epilog=lines[2].strip())
        chosen = FlagParser(add_help=False, allow_abbrev=False)
        chosen.add_argument("--task", default=DEFAULT_TASK)
        name = chosen.parse_known_args()[0].task if _has_value(sys.argv, "--task") else DEFAULT_TASK
        self.module: ModuleType | None = task_module(name) if name in TASKS else None
        group = self.add_argument_group("what to work on")
        group.add_argument("--task", choices=sorted(TASKS), default=DEFAULT_TASK)
        group.add_argument("--data_dir", type=nonempty, help="the data sets (default: $DWINDLE_DATA, else data/)")
        if self.module:
            self.module.add_options(group)

    def parse(self) -> argparse.Namespace:
        """The arguments; --output_dir, where there is such a flag, is the task's own folder unless it is named."""
        every_stage = getattr(self.module, "DEFAULTS", {})
        own = every_stage | every_stage.get(Path(sys.argv[0]).stem, {})
        self.set_defaults(**{action.dest: own[action.dest] for action in self._actions if action.dest in own})
        arguments = self.parse_args()
        if getattr(arguments, "output_dir", "") is None:
            arguments.output_dir = artifacts_of(arguments.task)
        return arguments


def add_beginnings(group: argparse._ArgumentGroup) -> None:
    """Where a stage begins: it goes on by itself; these two say more."""
    how = group.add_mutually_exclusive_group()
    how.add_argument("--resume", action="store_true", help="only go on: refuse the state of another command")
    how.add_argument("--fresh", action="store_true", help="begin anew where this command was stopped, or has ended")


def _has_value(argv: list[str], flag: str) -> bool:
    """Whether a value follows; where none does, the stage's own parser says so."""
    return any(one == flag or one.startswith(f"{flag}=") for one in argv[:-1]) or argv[-1].startswith(f"{flag}=")
