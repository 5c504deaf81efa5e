"""Pictures of all tasks side by side: score against size, latency against level, what each technique gave."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from dwindle.metrics import SHARE
from report.drawing import COLOURS, MARKERS, NothingToDraw, look, new_figure
from report.measurements import Measurements
from report.runs import CNN, LEVELS, LSTM, SHIPPED, TRANSFORMER, Row, Run, levels, releases
from report.techniques import TECHNIQUES, effects
from report.titles import set_title, task_title

KIND_MARKERS = {CNN: "o", LSTM: "s", TRANSFORMER: "^", "": "D"}
GROUPS = {  # what is drawn in one colour
    "teacher": ("teacher",),
    "student in float": ("student", "distilled"),
    "pruned": ("pruned", "structured"),
    "quantised": ("quantised",),
    "ships": ("exported",),
}


def comparison_size(runs: list[Run]) -> Figure:
    """A panel for each task: file size, logarithmic, and the score with its 95% interval."""
    released = _released(runs)
    figure, panels = new_figure(-(-len(released) // 2), min(2, len(released)), figsize=(10, 7.4), squeeze=False)
    for axes, run in zip(panels.flat, released, strict=False):
        for one in [run, *(other for other in runs if other.name and other.task == run.task)]:
            for row in one.versions:
                _size_point(axes, one, row)
        unit = next(iter(score.unit for row in run.rows if (score := run.score(row))), "")
        axes.set(xscale="log", xlabel="file (kB, logarithmic)", title=task_title(run.task).capitalize())
        axes.set_ylabel(f"{set_title(run.judged_by)} ({'%' if unit == SHARE else unit + ', less is better'})")
        low, high = axes.get_xlim()
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high > 8 * low else (1, 1.5, 2, 3, 4, 5, 7)))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
    for axes in list(panels.flat)[len(released) :]:
        axes.set_visible(False)
    kinds = dict.fromkeys(run.family(row) for run in runs for row in run.versions)
    handles = [
        Axes.scatter(panels[0, 0], [], [], color=COLOURS[number], label=name) for number, name in enumerate(GROUPS)
    ]
    handles += [
        Axes.scatter(panels[0, 0], [], [], color="grey", marker=KIND_MARKERS[kind], label=kind) for kind in kinds
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _size_point(axes: Axes, run: Run, row: Row) -> None:
    score = run.score(row)
    if score is None or "bytes" not in row or (row["stage"] == "exported" and row["version"] != SHIPPED):
        return
    scale = 100 if score.unit == SHARE else 1
    number = next(place for place, stages in enumerate(GROUPS.values()) if row["stage"] in stages)
    value, low, high = (scale * one for one in (score.value, score.low, score.high))
    axes.errorbar(
        row["bytes"] / 1000,
        value,
        [[max(0, value - low)], [max(0, high - value)]],
        color=COLOURS[number],
        marker=KIND_MARKERS[run.family(row)],
        ms=9 if row["version"] == SHIPPED else 6,
        elinewidth=0.8,
        alpha=1 if row["version"] == SHIPPED else 0.75,
        zorder=3 if row["version"] == SHIPPED else 2,
    )


def comparison_latency(runs: list[Run]) -> Figure:
    """Each level's median time against float32's, tasks side by side; to the left is faster."""
    found = {run.task: levels(run) for run in _released(runs)}
    used = [
        level
        for level in LEVELS
        if any("onnxruntime" in one.get(level, {}).get("latency", {}) for one in found.values())
    ]
    if len(used) < 2:
        raise NothingToDraw("no quantised version with a latency")
    figure, axes = new_figure(figsize=(8, 0.5 * len(used) + 1.6))
    for number, (task, rows) in enumerate(found.items()):
        whole = rows.get("", {}).get("latency", {}).get("onnxruntime")
        for place, level in enumerate(used):
            taken = rows.get(level, {}).get("latency", {}).get("onnxruntime")
            if whole and taken:
                median, slow = (taken[key] / whole["median_ms"] for key in ("median_ms", "p95_ms"))
                at = place + 0.16 * (number - (len(found) - 1) / 2)
                looks = {"color": COLOURS[number], "marker": MARKERS[number]}
                axes.errorbar(median, at, xerr=[[0], [max(0, slow - median)]], elinewidth=1, capsize=2, **looks)
        axes.plot([], [], ls="none", color=COLOURS[number], marker=MARKERS[number], label=task_title(task))
    axes.axvline(1, color="black", lw=1)
    axes.set_yticks(range(len(used)), [LEVELS[level] for level in used])
    axes.invert_yaxis()
    axes.set(xscale="log", xlabel="times float32's latency: the median, and a line to the 95th percentile")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(FuncFormatter(lambda value, _: f"{value:g}" if f"{value:.0e}"[0] in "2357" else ""))
    figure.legend(loc="outside lower center", ncols=4)
    return figure


def comparison_techniques(runs: list[Run]) -> Figure:
    """For each technique, on each task: times smaller, times as fast, and the quality kept."""
    released = _released(runs)
    found = {run.task: list(effects(run)) for run in released}
    used = [name for name in TECHNIQUES if any(one.technique == name for those in found.values() for one in those)]
    if not used:
        raise NothingToDraw("no version that a technique parts from another one")
    figure, panels = new_figure(1, 3, figsize=(11, 0.5 * len(used) + 1.8), sharey=True)
    for number, (task, those) in enumerate(found.items()):
        looks = {"color": COLOURS[number], "marker": MARKERS[number], "ls": "none", "ms": 6}
        for one in those:
            at = used.index(one.technique) + 0.16 * (number - (len(found) - 1) / 2)
            for axes, value in zip(panels, (one.times_smaller, one.times_faster, one.kept), strict=True):
                if value is not None:
                    axes.plot(value if axes is not panels[2] else 100 * value, at, **looks)
        panels[0].plot([], [], **looks, label=task_title(task))
    for axes, title in zip(panels, ("times smaller", "times as fast", "quality kept (%)"), strict=True):
        axes.set_title(title)
        axes.axvline(100 if axes is panels[2] else 1, color="black", lw=1)
    panels[0].set_yticks(range(len(used)), used)
    panels[0].invert_yaxis()
    figure.legend(loc="outside lower center", ncols=4)
    return figure


def comparison_training(found: Measurements) -> Figure:
    """The validation score of each training run of the tasks beside speech, in the unit by which choices are made."""
    if not found.other_curves:
        raise NothingToDraw("no training log of another task (logs/TASK-*.jsonl): train_distill.py writes it")
    count = len(found.other_curves)
    figure, panels = new_figure(1, count, figsize=(4.6 * count, 3.8), squeeze=False)
    for axes, (task, runs) in zip(panels.flat, found.other_curves.items(), strict=True):
        for number, (name, rows) in enumerate(runs.items()):
            scale = 100 if rows[0]["validation"]["unit"] == SHARE else 1
            steps = [row.get("step", row["epoch"]) for row in rows]
            scores = [{key: scale * row["validation"][key] for key in ("low", "value", "high")} for row in rows]
            axes.plot(steps, [score["value"] for score in scores], **look(number), ms=4, label=name)
            low, high = ([score[key] for score in scores] for key in ("low", "high"))
            axes.fill_between(steps, low, high, color=COLOURS[number % len(COLOURS)], alpha=0.15, lw=0)
            unit = rows[0]["validation"]["unit"]
            axes.set_ylabel("validation " + ("(%)" if unit == SHARE else f"({unit}, less is better)"))
        axes.set(xlabel="step", title=task_title(task).capitalize())
        axes.legend(loc="best", fontsize=8)
    return figure


def _released(runs: list[Run]) -> list[Run]:
    if not (released := releases(runs)):
        raise NothingToDraw("no task has a file that ships")
    return released
