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

from dwindle.errors import UserError, run
from report.runs import load_runs, releases
from report.summary import made_by, versions_table

ARTIFACTS = Path(sys.path[0]) / "artifacts"


def main() -> None:
    released = {one.task: one for one in releases(load_runs(ARTIFACTS))}
    if not released:
        raise UserError(f"{ARTIFACTS}: no task has a file that ships: run export_models.py")
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=list(released), default="sentiment")
    task = parser.parse_args(None if "__file__" in globals() else []).task

    # %% One table, and the commands that made it
    print(versions_table(released[task]))
    print(f"\n{made_by(released[task])}")


# %% Run it all
if __name__ == "__main__":
    run(main)
