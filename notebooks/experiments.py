# %% [markdown]
# # What was gained at every stage, and what it cost
#
#     python notebooks/experiments.py
#
# Draws every picture of the report into `artifacts/figures/`, and the interactive page `report.html` beside them, from
# `artifacts/results.json`, `artifacts/export_results.json` and what training and `bench/` left under `logs/`.
# A picture whose numbers are missing is named and left out. In Jupyter every cell shows its picture.

# %%
import argparse
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

# Jupyter knows no __file__, and starts beside the notebook
sys.path.insert(0, str(Path(globals().get("__file__", Path.cwd() / "notebook")).resolve().parents[1]))

from matplotlib.figure import Figure

from dwindle.cli import pathname
from dwindle.errors import UserError, run
from dwindle.files import written_whole
from notebooks.drawing import NothingToDraw
from notebooks.measurements import Measurements, load_measurements
from notebooks.report_page import written_page
from notebooks.training_figures import distillation_curves, distillation_gain, pruning_sweep, training_curves
from notebooks.version_figures import accuracy_against_size, latency, noise_curve
from notebooks.voice_figures import confusion, held_out_speakers, misheard, rejection_curve, speakers


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
left_out: dict[str, str] = {}


def shown(draw: Callable[[Measurements], Figure]) -> Figure | None:
    """Draw one picture and write it, or say why it is left out."""
    name = draw.__name__
    path = figures_dir / f"{name}.png"
    try:
        figure = draw(found)
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

# %% All of it on one page, to turn and to ask
page = written_page(found, left_out, figures_dir / "report.html")
print(f"{'report':<24}{page} ({page.stat().st_size / 1000:.0f} kB)")
