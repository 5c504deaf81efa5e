"""Where compression begins: a task's teacher, its size, its accuracy, and how long one answer takes.

python notebooks/baseline_measurement.py --task sentiment

Adds the teacher's latency to its row of results.json. Without the checkpoint, which is not released, it shows what was
measured when the release was made; cells are marked with # %%.
"""

# %% The teacher that train_distill.py left, and the data that it is judged by
import argparse
import sys
from pathlib import Path

import torch

# Jupyter knows no __file__, and starts beside the notebook
sys.path.insert(0, str(Path(globals().get("__file__", Path.cwd() / "notebook")).resolve().parents[1]))

from dwindle.checkpoint import load_checkpoint
from dwindle.engine import torch_engine
from dwindle.errors import UserError, run
from dwindle.export.measure import latencies, multiply_adds, parameters
from dwindle.files import sha256_of
from dwindle.machine import processor
from dwindle.results import load_results, record
from dwindle.task import TASKS, artifacts_of, open_task, options_of
from report.runs import released_run
from report.summary import task_results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--task", choices=sorted(TASKS), default="sentiment")
    parser.add_argument("--rounds", type=int, default=100, help="of timing")
    arguments = parser.parse_args()
    folder = Path(artifacts_of(arguments.task))
    path = folder / "teacher.pt"
    if not path.is_file():
        print(f"{path} is not there (train_distill.py makes it): what was measured when the release was made\n")
        print(task_results(released_run(arguments.task)), end="")
        return
    checkpoint = load_checkpoint(path, arguments.task)
    task = open_task(arguments.task, options_of(arguments.task), checkpoint)
    network = task.restored(checkpoint, path).eval()

    # %% What it costs
    example = {name: tensor[:1] for name, tensor in task.trial_inputs(1)["real"].items()}
    print(f"{parameters(network):,} parameters, {path.stat().st_size / 1e6:.1f} MB")
    print(f"{multiply_adds(network, example) / 1e6:.1f} million multiply-adds for one input of middle length")

    # %% How good it is
    for name, score in task.evaluate(torch_engine(network, task.inputs, task.outputs)).items():
        print(f"  {name:<20} {score}")

    # %% How long one answer takes, on one thread
    torch.set_num_threads(1)
    with torch.inference_mode():
        taken = latencies({"teacher": lambda: network(*example.values())}, arguments.rounds)["teacher"]
    print(f"{taken.median_ms:.2f} ms in the middle, {taken.p95_ms:.2f} ms at the 95th percentile")
    rows = [row for row in load_results(folder / "results.json")["rows"] if row["sha256"] == sha256_of(path)]
    if not rows:
        raise UserError(f"{folder / 'results.json'}: knows nothing of {path}: run train_distill.py")
    record(
        folder / "results.json",
        task.name,
        [row | {"latency": {"pytorch": taken.as_row()}, "processor": processor()} for row in rows],
    )


# %% Run it all
if __name__ == "__main__":
    run(main)
