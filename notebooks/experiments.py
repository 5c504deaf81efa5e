# %% [markdown]
# # What was gained at every stage, and what it cost
#
#     python notebooks/experiments.py
#
# Draws every picture of the report into `artifacts/figures/`, and the interactive pages `report.html` (spoken digits)
# and `comparison.html` (all tasks) beside them, from `results.json` and `export_results.json` in `artifacts/` and its
# folders, and from what training and `bench/` left under `logs/`.
# A picture whose numbers are missing is named and left out. In Jupyter every cell shows its picture.

# %%
import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

# Jupyter knows no __file__, and starts beside the notebook
sys.path.insert(0, str(Path(globals().get("__file__", Path.cwd() / "notebook")).resolve().parents[1]))

from matplotlib.figure import Figure

from dwindle.cli import pathname
from dwindle.errors import UserError, run
from dwindle.files import written_whole
from report.comparison_figures import comparison_latency, comparison_size, comparison_techniques, comparison_training
from report.comparison_page import written_comparison
from report.drawing import NothingToDraw
from report.interactive_page import written_page
from report.measurements import Measurements, load_measurements
from report.runs import Run, load_runs
from report.training_figures import distillation_curves, distillation_gain, pruning_sweep, training_curves
from report.version_figures import accuracy_against_size, latency, noise_curve
from report.voice_figures import confusion, held_out_speakers, misheard, rejection_curve, speakers


def raise_again(error: BaseException) -> None:
    raise error


# cells are no function that `run` could be given, yet a person's mistake should end as one line here too
sys.excepthook = lambda kind, error, trace: run(partial(raise_again, error))

# %% Where the numbers are
ROOT = Path(sys.path[0])
parser = argparse.ArgumentParser(description="Draw the pictures and the page of the report.")
parser.add_argument("--artifacts_dir", type=pathname, default=ROOT / "artifacts", help="with results.json")
parser.add_argument("--logs_dir", type=pathname, default=ROOT / "logs")
parser.add_argument("--figures_dir", type=pathname, help="default: figures in --artifacts_dir")
arguments = parser.parse_args(None if "__file__" in globals() else [])
figures_dir = arguments.figures_dir or arguments.artifacts_dir / "figures"
found = load_measurements(arguments.artifacts_dir, arguments.logs_dir)
if not any(row["scores"] for row in found.rows):
    raise UserError(f"{arguments.artifacts_dir / 'results.json'}: nothing to draw yet: run the stages first")
runs = load_runs(arguments.artifacts_dir)
left_out: dict[str, str] = {}


def shown(draw: Callable[[Any], Figure], numbers: Measurements | list[Run] = found) -> Figure | None:
    """Draw one picture and write it, or say why it is left out."""
    name = draw.__name__
    path = figures_dir / f"{name}.png"
    try:
        figure = draw(numbers)
    except NothingToDraw as reason:
        left_out[name] = str(reason)
        path.unlink(missing_ok=True)  # what an earlier model drew would be taken for this one's
        print(f"{name:<24}left out: {reason}")
        return None
    with written_whole(path) as temporary:
        figure.savefig(temporary, format="png", metadata={"Software": None})
    print(f"{name:<24}{path}")
    return figure


# %% How the networks learnt
shown(training_curves)

# %% What the teacher added: the same student with and without one
shown(distillation_curves)

# %%
shown(distillation_gain)

# %% Where pruning breaks the model
shown(pruning_sweep)

# %% What each version weighs
shown(accuracy_against_size)

# %% How long each version takes
shown(latency)

# %% What noise does
shown(noise_curve)

# %% What is taken for what
shown(confusion)

# %% Whose voice is understood
shown(speakers)

# %% Voices that training never heard
shown(held_out_speakers)

# %% When it is better to say nothing
shown(rejection_curve)

# %% What its mistakes look like
shown(misheard)

# %% All tasks side by side: score against size
shown(comparison_size, runs)

# %% Latency against how numbers are stored
shown(comparison_latency, runs)

# %% What each technique gave
shown(comparison_techniques, runs)

# %% How the other tasks' networks learnt
shown(comparison_training)

# %% All of it on two pages, to turn and to ask
comparison = written_comparison(runs, figures_dir / "comparison.html")
print(f"{'comparison':<24}{comparison} ({comparison.stat().st_size / 1000:.0f} kB)")
page = written_page(found, left_out, figures_dir / "report.html")
print(f"{'report':<24}{page} ({page.stat().st_size / 1000:.0f} kB)")
