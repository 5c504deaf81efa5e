"""How every picture looks: colours that colour-blind readers can tell apart, markers for print, intervals drawn."""

from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito's palette without its yellow, which paper swallows
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = "osD^vP*X"
LINES = ("-", "--", "-.", ":")

matplotlib.rcParams.update({"figure.figsize": (7, 4.2), "axes.grid": True, "grid.alpha": 0.3, "font.size": 10})
matplotlib.rcParams.update({"axes.spines.top": False, "axes.spines.right": False, "savefig.dpi": 150})
matplotlib.rcParams.update({"figure.constrained_layout.use": True, "axes.axisbelow": True, "axes.titlesize": 11})


class NothingToDraw(Exception):
    """The numbers of this picture have not been made yet."""


def new_figure(*shape: int, figsize: tuple[float, float] | None = None, **layout: Any) -> tuple[Figure, Any]:
    """A figure and its axes; no window and nothing that must be closed."""
    figure = Figure(figsize=figsize)
    return figure, figure.subplots(*shape, **layout)


def look(number: int) -> dict[str, Any]:
    """The colour, marker and line of the n-th thing: the three change at different times, so no two are alike."""
    return {
        "color": COLOURS[number % len(COLOURS)],
        "marker": MARKERS[number % len(MARKERS)],
        "linestyle": LINES[number % len(LINES)],
    }


def with_intervals(
    axes: Axes,
    places: Sequence[float],
    scores: Sequence[dict[str, float]],
    label: str,
    number: int,
    joined: bool = True,
) -> None:
    """Shares in percent with their 95% intervals."""
    shares = np.array([score["value"] for score in scores])
    below = shares - [score["low"] for score in scores]
    above = np.array([score["high"] for score in scores]) - shares
    own_look = look(number) if joined else look(number) | {"linestyle": "none"}
    spread = 100 * np.clip([below, above], 0, None)
    axes.errorbar(places, 100 * shares, spread, **own_look, ms=6, capsize=3, elinewidth=1, lw=1.5, label=label)
