"""Every version of a task's student side by side: size, accuracy, latency, and each against the teacher.

python notebooks/quantization.py --task sentiment

Reads results.json, which the stages wrote. `python -m report` writes the same for all tasks to
artifacts/optimization_summary.md; cells are marked with # %%.
"""

# %% The rows that the stages measured
import argparse
import sys
from pathlib import Path

# Jupyter knows no __file__, and starts beside the notebook
sys.path.insert(0, str(Path(globals().get("__file__", Path.cwd() / "notebook")).resolve().parents[1]))

from dwindle.errors import run
from report.runs import released_run
from report.summary import task_results
from report.titles import TASK_TITLES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=list(TASK_TITLES), default="sentiment")
    arguments = parser.parse_args(None if "__file__" in globals() else [])

    # %% One table, and the commands that made it
    print(task_results(released_run(arguments.task)), end="")


# %% Run it all
if __name__ == "__main__":
    run(main)
