"""What distillation gives: the same small student alone and with a teacher, on a few thousand examples, in minutes.

python notebooks/knowledge_distillation.py --teacher artifacts/sentiment/teacher.pt --subset 2000

Both are trained by train_distill.py with the settings that are named. With --released it trains nothing and shows what
the release measured, in seconds; cells are marked with # %%.
"""

# %% Two trainings that differ in the teacher's share of the loss alone
import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

# Jupyter knows no __file__, and starts beside the notebook
sys.path.insert(0, str(Path(globals().get("__file__", Path.cwd() / "notebook")).resolve().parents[1]))

from dwindle.cli import nonempty
from dwindle.errors import UserError, run
from dwindle.metrics import Metric
from dwindle.results import load_results
from report.runs import released_run
from report.techniques import DISTILLED, effects
from report.titles import version_title

ROOT = Path(sys.path[0])


def trained(folder: Path, *flags: object) -> dict[str, Metric]:
    """The scores of a student that train_distill.py makes with these flags."""
    command = [sys.executable, str(ROOT / "train_distill.py"), "--task", "sentiment"]
    command += ["--output_dir", str(folder), "--log_dir", str(folder), *map(str, flags)]
    if subprocess.run(command, check=False).returncode:
        raise UserError("the training failed, as it says above")
    rows = load_results(folder / "results.json")["rows"]
    (row,) = [row for row in rows if row["file"] == "student.pt"]
    return {name: Metric(**score) for name, score in row["scores"].items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--teacher", type=nonempty, default="scratch", help="a checkpoint, a pretrained model, or scratch"
    )
    parser.add_argument("--subset", type=int, default=2000, help="training phrases")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--temperature", type=float, default=4.0)
    parser.add_argument("--hard_weight", type=float, default=0.3, help="share of the right labels in the loss")
    parser.add_argument("--released", action="store_true", help="only what the release measured; trains nothing")
    arguments = parser.parse_args()

    # %% What the release measured
    for one in effects(released_run("sentiment")):
        if one.technique == DISTILLED:
            print(f"{version_title(one.row)}, {one.times_smaller:.1f} times smaller than its teacher: {one.cost}")
    if arguments.released:
        return

    # %% The settings of both trainings
    shared = ["--teacher", arguments.teacher, "--subset", arguments.subset, "--epochs", arguments.epochs]
    shared += ["--architecture", "small", "--lr", "5e-4", "--made_up", 0]

    # %% The teacher's answers, softened, are most of what the student learns from
    with tempfile.TemporaryDirectory() as folder:
        alpha = 1 - arguments.hard_weight
        taught = trained(Path(folder), *shared, "--alpha", alpha, "--temperature", arguments.temperature)

    # %% The same student with the labels alone; one hundredth of the teacher keeps the vocabulary the same
    with tempfile.TemporaryDirectory() as folder:
        alone = trained(Path(folder), *shared, "--alpha", 0.01)

    # %% Side by side
    print(f"\n{'':<16}{'labels alone':<34}{'with a teacher':<34}")
    for name, score in alone.items():
        print(f"{name:<16}{score!s:<34}{taught[name]!s:<34}")


# %% Run it all
if __name__ == "__main__":
    run(main)
