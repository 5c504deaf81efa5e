"""A script as 2, 4 or 8 processes, a core each, which train half as fast again as one process with as many threads.

python -m dwindle.launch train_distill.py --epochs 10

What torchrun does; but only the first process speaks, and when one fails its own line is the last word.
"""

import argparse
import logging
import os
import sys
import tempfile
import uuid
from pathlib import Path

from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException, Std
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from dwindle.cli import FlagParser, positive_int
from dwindle.errors import EXIT_SIGNALLED, run
from dwindle.machine import usable_cores


def main() -> int:
    parser = FlagParser(prog="python -m dwindle.launch", description=__doc__.split("\n")[0])
    parser.add_argument("--processes", type=positive_int, default=as_many_as_help(), help="1, 2, 4 or 8 by cores")
    parser.add_argument("script", nargs=argparse.REMAINDER, help="with its own flags")
    arguments = parser.parse_args()
    if not arguments.script:
        parser.error("which script? python -m dwindle.launch train_distill.py --epochs 10")
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    logging.disable()  # the launcher's own tracebacks; the script has its own say
    with tempfile.TemporaryDirectory() as folder:
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=arguments.processes,
            run_id=uuid.uuid4().hex,
            rdzv_backend="c10d",
            rdzv_endpoint="localhost:0",
            max_restarts=0,
            logs_specs=DefaultLogsSpecs(folder, redirects=dict.fromkeys(range(1, arguments.processes), Std.ALL)),
        )
        try:
            elastic_launch(config, sys.executable)("-u", *arguments.script)
        except ChildFailedError as failed:
            return exit_code(failed, Path(folder))
        except SignalException as stopped:
            return EXIT_SIGNALLED + stopped.sigval
    return 0


def as_many_as_help() -> int:
    """The usual batch of 128 is shared evenly by powers of two; by more than eight each would see too few clips."""
    return 1 << (min(usable_cores(), 8).bit_length() - 1)


def exit_code(failed: ChildFailedError, folder: Path) -> int:
    """That of the process that failed first; what only a silent one knows is told."""
    number, failure = failed.get_first_failure()
    if failure.exitcode < 0:
        print(f"process {number} of the training was killed by signal {-failure.exitcode}", file=sys.stderr)
        return EXIT_SIGNALLED - failure.exitcode
    if failed.failures.get(0, failure).exitcode < 0:  # the first was stopped before it could speak
        for log in folder.glob(f"*/attempt_0/{number}/stderr.log"):
            sys.stderr.write(log.read_text(errors="replace"))
    return failure.exitcode


if __name__ == "__main__":
    run(main)
