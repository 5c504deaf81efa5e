"""Pictures of learning: the epochs of each run, what a teacher adds, and what pruning takes away."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from report.drawing import COLOURS, NothingToDraw, look, new_figure, with_intervals
from report.measurements import Measurements, zeros_share
from report.titles import set_title

STEEP_EPOCHS = 2  # in which a new network learns most: they would press all others into a corner of the picture


def training_curves(found: Measurements) -> Figure:
    """Loss and validation accuracy after each epoch, a line for each run."""
    if not found.curves:
        raise NothingToDraw("no training log (logs/*.jsonl): train_distill.py writes it")
    figure, (losses, accuracies) = new_figure(1, 2, figsize=(10, 4.2))
    for number, (name, rows) in enumerate(found.curves.items()):
        epochs = [row["epoch"] for row in rows]
        low, high = ([100 * row["validation"][bound] for row in rows] for bound in ("low", "high"))
        shares = [100 * row["validation"]["value"] for row in rows]
        losses.plot(epochs, [row["loss"] for row in rows], **look(number), ms=4, label=name)
        accuracies.plot(epochs, shares, **look(number), ms=4, label=name)
        accuracies.fill_between(epochs, low, high, color=COLOURS[number % len(COLOURS)], alpha=0.15, lw=0)
    losses.set(xlabel="epoch", ylabel="loss of isolated clips", title="Loss in training; a teacher adds its own")
    accuracies.set(
        xlabel="epoch",
        ylabel="right or rightly rejected (%)",
        title="All validation clips, 95% intervals by clip",
    )
    accuracies.legend(title="run", loc="lower right")
    for axes in (losses, accuracies):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        leave_out_steep_epochs(axes)
    return figure


def leave_out_steep_epochs(axes: Axes) -> None:
    """The scale fits the lines from the third epoch on; what came before runs out of the picture."""
    later = [line.get_ydata()[STEEP_EPOCHS:] for line in axes.get_lines()]
    values = np.concatenate(
        [values for values in later if len(values)] or [line.get_ydata() for line in axes.get_lines()]
    )
    margin = 0.06 * (values.max() - values.min()) or 0.1
    axes.set_ylim(values.min() - margin, values.max() + margin)


def distillation_curves(found: Measurements) -> Figure:
    """The same student alone and with a teacher: mean of the seeds, and from the worst to the best."""
    if not found.distillation_curves:
        raise NothingToDraw("no logs of bench/distillation_gain.py")
    figure, axes = new_figure()
    for number, (manner, runs) in enumerate(found.distillation_curves.items()):
        count = min(len(rows) for rows in runs)
        shares = 100 * np.array([[row["validation"]["value"] for row in rows[:count]] for rows in runs])
        epochs = [row["epoch"] for row in runs[0][:count]]
        axes.plot(epochs, shares.mean(axis=0), **look(number), ms=4, label=f"{manner} ({len(runs)} seeds)")
        axes.fill_between(epochs, shares.min(axis=0), shares.max(axis=0), color=COLOURS[number], alpha=0.2, lw=0)
    axes.set(xlabel="epoch", ylabel="validation accuracy (%)", title="A student alone and with its teacher")
    axes.legend(title="mean, and worst to best", loc="lower right")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    leave_out_steep_epochs(axes)
    return figure


def distillation_gain(found: Measurements) -> Figure:
    """For each data set, every seed of both manners."""
    if not found.distillation or not all(found.distillation.values()):
        raise NothingToDraw("no logs/distillation_gain/scores.json: bench/distillation_gain.py makes it")
    names = list(next(iter(found.distillation.values()))[0])
    figure, axes = new_figure(figsize=(7.5, 0.45 * len(names) + 1.6))
    places = np.arange(len(names))[::-1]
    for number, (manner, seeds) in enumerate(found.distillation.items()):
        shares = 100 * np.array([[scores[name]["value"] for name in names] for scores in seeds])
        offset = 0.12 - 0.24 * number
        own_look = look(number) | {"linestyle": "none"}
        for seed in shares:
            axes.plot(seed, places + offset, **own_look, ms=4, alpha=0.5)
        axes.plot(shares.mean(axis=0), places + offset, **own_look, ms=9, mfc="none", mew=1.5, label=manner)
    axes.set_yticks(places, [set_title(name) for name in names])
    axes.set(xlabel="right (%)", title="What the teacher is worth: each seed, and the mean (large)")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def pruning_sweep(found: Measurements) -> Figure:
    """Accuracy as weights are set to zero, step by step and at once."""
    start = [row for row in found.main_rows if row["version"] == "student"]
    swept = [row for row in found.rows if row["version"].startswith("sweep_")]
    lines = {
        "pruned step by step": start + sorted(swept, key=zeros_share),
        "pruned, as released": [row for row in found.rows if row["version"] == "pruned"],
        "pruned in one step": [row for row in found.rows if row["version"].startswith("one_shot")],
    }
    names = [name for name in ("unseen_speakers", "noise_10_db") if all(name in row["scores"] for row in swept)]
    if not swept or not names:
        raise NothingToDraw("no pruning sweep: prune_and_quantize.py --sweep makes it")
    figure, panels = new_figure(1, len(names), figsize=(5 * len(names), 4.2), squeeze=False)
    for axes, name in zip(panels.flat, names, strict=True):
        for number, (label, rows) in enumerate(lines.items()):
            rows = [row for row in rows if name in row["scores"]]
            if rows:
                zeros = [100 * zeros_share(row) for row in rows]
                with_intervals(axes, zeros, [row["scores"][name] for row in rows], label, number, joined=len(rows) > 1)
        axes.set(xlabel="zeros among the parameters (%)", ylabel="accuracy (%)", title=set_title(name))
    panels[0, 0].legend(loc="lower left")
    return figure
