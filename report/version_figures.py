"""Pictures of the versions side by side: what each costs, and how it stands noise."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter

from report.drawing import COLOURS, NothingToDraw, new_figure, with_intervals
from report.measurements import Measurements
from report.titles import version_title

NOISE_SETS = {"no noise\nadded": "unseen_speakers", "20": "noise_20_db", "10": "noise_10_db", "0": "noise_0_db"}
SHIPPED = "onnx_int8"


def accuracy_against_size(found: Measurements) -> Figure:
    """Every version and width, the smallest file on top: bytes on the disk, and accuracy on voices never heard."""
    sized = [row for row in found.main_rows if row.get("bytes") and "unseen_speakers" in row["scores"]]
    if not sized:
        raise NothingToDraw("no version with a size and a score")
    sized.sort(key=lambda row: -row["bytes"])
    figure, (sizes, accuracies) = new_figure(1, 2, figsize=(10, 0.32 * len(sized) + 1.3), sharey=True)
    names = [version_title(row) for row in sized]
    bars = sizes.barh(names, [row["bytes"] / 1000 for row in sized], color=COLOURS[5], edgecolor="black", lw=0.6)
    sizes.bar_label(bars, [f"{row['bytes'] / 1000:.0f}" for row in sized], padding=3, fontsize=8)
    sizes.set(xscale="log", xlabel="file (kB, logarithmic)", xlim=(10, 3 * sized[0]["bytes"] / 1000), title="Size")
    sizes.xaxis.set_major_formatter(ScalarFormatter())
    for place, row in enumerate(sized):
        score = row["scores"]["unseen_speakers"]
        low, share, high = (100 * score[name] for name in ("low", "value", "high"))
        look = {"color": COLOURS[1], "marker": "D"} if row["version"] == SHIPPED else {"color": "black", "marker": "o"}
        accuracies.errorbar(share, place, xerr=[[share - low], [high - share]], capsize=3, elinewidth=1, **look)
        sizes.get_yticklabels()[place].set_fontweight("bold" if row["version"] == SHIPPED else "normal")
    accuracies.set_xlabel("right (%)")
    accuracies.set_title(f"Unseen speakers\n{sized[0]['scores']['unseen_speakers']['count']:,} clips, 95% intervals")
    for axes in (sizes, accuracies):
        axes.grid(axis="y", visible=False)
    return figure


def latency(found: Measurements) -> Figure:
    """Median and 95th percentile of one clip on one thread: quantisation levels, and the exported files."""
    levels = [row for row in found.main_rows if "onnxruntime" in row.get("latency", {})]
    files = [row for row in found.main_rows if "1_threads" in row.get("latency", {})]
    groups = {
        "Versions of stage 2 in ONNX Runtime": [(version_title(row), row["latency"]["onnxruntime"]) for row in levels],
        "Files of stage 3, each in its own engine, timed in another run": [
            (row["file"], row["latency"]["1_threads"]) for row in files
        ],
    }
    groups = {title: timed for title, timed in groups.items() if timed}
    if not groups:
        raise NothingToDraw("no version with a latency in ONNX Runtime")
    heights = [len(timed) + 1 for timed in groups.values()]
    size = (8, 0.36 * sum(heights) + 1.4)
    figure, panels = new_figure(len(groups), 1, figsize=size, squeeze=False, sharex=True, height_ratios=heights)
    for axes, (title, timed) in zip(panels.flat, groups.items(), strict=True):
        timed = sorted(timed, key=lambda one: -one[1]["median_ms"])
        medians = [times["median_ms"] for _, times in timed]
        p95s = [times["p95_ms"] for _, times in timed]
        axes.barh([name for name, _ in timed], medians, color=COLOURS[5], edgecolor="black", lw=0.6, label="median")
        axes.plot(p95s, range(len(timed)), "|", color="black", ms=13, mew=2, label="95th percentile")
        for place, median in enumerate(medians):
            axes.text(0.02 * max(p95s), place, f"{median:.2f}", va="center", fontsize=8)
        axes.set_title(title)
        axes.grid(axis="y", visible=False)
        axes.set_xlabel("milliseconds for one second of sound, one thread")
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def noise_curve(found: Measurements) -> Figure:
    """Accuracy on unseen speakers as noise that training never heard grows louder."""
    noisy = [row for row in found.main_rows if all(name in row["scores"] for name in NOISE_SETS.values())]
    if not noisy:
        raise NothingToDraw("no version with scores in noise")
    wanted = ("teacher", "student alone", "distilled student", "student", "pruned", "onnx_int8")
    chosen = [row for row in noisy if row["version"] in wanted or row["stage"] == "structured"]
    figure, axes = new_figure(figsize=(8, 4.6))
    for number, row in enumerate(chosen):
        places = np.arange(len(NOISE_SETS)) + 0.03 * (number - (len(chosen) - 1) / 2)  # side by side, not on top
        with_intervals(axes, places, [row["scores"][name] for name in NOISE_SETS.values()], version_title(row), number)
    axes.set_xticks(range(len(NOISE_SETS)), NOISE_SETS)
    axes.set(xlabel="signal-to-noise ratio (dB)", ylabel="right (%)")
    count = chosen[0]["scores"]["unseen_speakers"]["count"] if chosen else 0
    axes.set_title(f"Unseen speakers, {count:,} clips, in unseen noise, with 95% intervals")
    axes.legend(loc="lower left")
    return figure
