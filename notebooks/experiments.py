# %% [markdown]
# # What was gained at every stage, and what it cost
#
#     python notebooks/experiments.py
#
# Draws every picture of the report from `artifacts/results.json`, the training logs and `logs/answers.json`, which
# `bench/answers.py` makes, into `artifacts/figures/`. A picture whose numbers are missing is named and left out.

# %%
import argparse
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from dwindle.errors import UserError, run
from dwindle.files import written_whole
from dwindle.results import load_results
from dwindle.scores import wilson_interval

# Okabe and Ito's palette, which colour-blind readers can tell apart; markers differ too, for print
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = "osD^vP*"
REJECT = "reject"
NOISE_SETS = {"clean": "unseen_speakers", "20": "noise_20_db", "10": "noise_10_db", "0": "noise_0_db"}

plt.rcParams.update({"figure.figsize": (7, 4.2), "axes.grid": True, "grid.alpha": 0.3, "font.size": 10})
plt.rcParams.update({"axes.spines.top": False, "axes.spines.right": False, "savefig.dpi": 150})


class NothingToDraw(Exception):
    """The numbers of this picture have not been made yet."""


# %% Curves of training and distillation
def training_curves(logs_dir: Path) -> Figure:
    """Validation accuracy after each epoch, a line for each log."""
    logs = sorted(logs_dir.glob("*.jsonl"))
    if not logs:
        raise NothingToDraw("no training log under logs/")
    figure, axes = plt.subplots()
    for log, colour, marker in zip(logs, COLOURS, MARKERS, strict=False):
        rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
        rows = [row for row in rows if "epoch" in row and "validation" in row]
        epochs = [row["epoch"] for row in rows]
        axes.plot(
            epochs,
            [100 * row["validation"]["share"] for row in rows],
            color=colour,
            marker=marker,
            ms=3,
            label=log.stem,
        )
    axes.set(xlabel="epoch", ylabel="validation accuracy (%)", ylim=(80, 100), title="Training")
    axes.legend()
    return figure


# %% Accuracy against zeros
def pruning_sweep(rows: list[dict[str, Any]]) -> Figure:
    """Unseen speakers' accuracy as weights are set to zero."""
    pruned = [row for row in rows if row["stage"] == "pruned" and row.get("nonzeros")]
    if len(pruned) < 2:
        raise NothingToDraw("fewer than two pruned versions: prune_and_quantize.py --sweep makes them")
    pruned.sort(key=lambda row: row["nonzeros"])
    zeros = [100 * (1 - row["nonzeros"] / row["parameters"]) for row in pruned]
    figure, axes = plt.subplots()
    with_intervals(axes, zeros, [row["scores"]["unseen_speakers"] for row in pruned], "unseen speakers", 0)
    axes.set(xlabel="zeros among the parameters (%)", ylabel="accuracy (%)", title="Where pruning breaks the model")
    axes.legend()
    return figure


# %% Accuracy against size
def accuracy_against_size(rows: list[dict[str, Any]]) -> Figure:
    """Every version: bytes on the disk against accuracy on voices never heard."""
    sized = [row for row in rows if row.get("bytes") and "unseen_speakers" in row["scores"]]
    if not sized:
        raise NothingToDraw("no version with a size and a score")
    figure, axes = plt.subplots()
    stages = list(dict.fromkeys(row["stage"] for row in sized))
    for number, stage in enumerate(stages):
        chosen = [row for row in sized if row["stage"] == stage]
        sizes = [row["bytes"] / 1000 for row in chosen]
        with_intervals(axes, sizes, [row["scores"]["unseen_speakers"] for row in chosen], stage, number, line="none")
    axes.set(xscale="log", xlabel="file (kB, logarithmic)", ylabel="accuracy on unseen speakers (%)")
    axes.set_title("Accuracy against size, with 95% intervals")
    axes.legend()
    return figure


# %% Latency of each version
def latencies(rows: list[dict[str, Any]]) -> Figure:
    """Median and 95th percentile in ONNX Runtime, one clip on one thread."""
    timed = [row for row in rows if "onnxruntime" in row.get("latency", {})]
    if not timed:
        raise NothingToDraw("no version with a latency in ONNX Runtime")
    timed.sort(key=lambda row: row["latency"]["onnxruntime"]["median_ms"])
    figure, axes = plt.subplots(figsize=(7, 0.4 * len(timed) + 1.5))
    medians = [row["latency"]["onnxruntime"]["median_ms"] for row in timed]
    p95s = [row["latency"]["onnxruntime"]["p95_ms"] for row in timed]
    axes.barh([row["version"] for row in timed], medians, color=COLOURS[0], label="median")
    axes.plot(p95s, range(len(timed)), "|", color=COLOURS[1], ms=14, mew=2, label="95th percentile")
    axes.set(xlabel="milliseconds for one second of sound, one thread", title="Latency")
    axes.legend()
    return figure


# %% What is taken for what
def confusion(answers: dict[str, Any]) -> Figure:
    """Counts on unseen speakers; the diagonal is left pale so that mistakes are seen."""
    heard = answers["sets"]["unseen_speakers"]
    labels = sorted({*heard["wanted"], *heard["top"]}, key=lambda label: (label == REJECT, label))
    counts = Counter(zip(heard["wanted"], heard["top"], strict=True))
    table = np.array([[counts[wanted, got] for got in labels] for wanted in labels])
    wrong = table * ~np.eye(len(labels), dtype=bool)
    figure, axes = plt.subplots(figsize=(6.5, 6))
    axes.imshow(wrong, cmap="Oranges")
    for (row, column), count in np.ndenumerate(table):
        if count:
            axes.text(column, row, count, ha="center", va="center", fontsize=8)
    axes.set_xticks(range(len(labels)), labels, rotation=45)
    axes.set_yticks(range(len(labels)), labels)
    axes.set(xlabel="answered", ylabel="said", title="Unseen speakers: what is taken for what (clips)")
    axes.grid(False)
    return figure


# %% Accuracy of each speaker
def speakers(answers: dict[str, Any]) -> Figure:
    """FSDD's six, and how many of the unseen speakers have how many mistakes."""
    figure, (known, unknown) = plt.subplots(1, 2, figsize=(10, 4.2))
    by_speaker = right_by_speaker(answers["sets"]["fsdd_test"])
    names = sorted(by_speaker)
    scores = [score_row(*by_speaker[name]) for name in names]
    with_intervals(known, list(range(len(names))), scores, "FSDD test", 0, line="none")
    known.set_xticks(range(len(names)), names, rotation=30)
    known.set(ylabel="accuracy (%)", title="FSDD speakers (all heard in training)")
    mistakes = Counter(count - right for right, count in right_by_speaker(answers["sets"]["unseen_speakers"]).values())
    unknown.bar(list(mistakes), list(mistakes.values()), color=COLOURS[1])
    unknown.set(xlabel="mistakes of a speaker", ylabel="unseen speakers", title="Speech Commands validation")
    return figure


# %% Noise
def noise_curve(rows: list[dict[str, Any]]) -> Figure:
    """Accuracy on unseen speakers as noise that training never heard grows louder."""
    noisy = [row for row in rows if all(name in row["scores"] for name in NOISE_SETS.values())]
    if not noisy:
        raise NothingToDraw("no version with scores in noise")
    figure, axes = plt.subplots()
    chosen = sorted(noisy, key=lambda row: row["scores"]["noise_10_db"]["share"])[-len(COLOURS) :]
    for number, row in enumerate(chosen):
        scores = [row["scores"][name] for name in NOISE_SETS.values()]
        with_intervals(axes, list(range(len(scores))), scores, row["version"], number)
    axes.set_xticks(range(len(NOISE_SETS)), NOISE_SETS)
    axes.set(xlabel="signal-to-noise ratio (dB)", ylabel="accuracy (%)", title="Unseen speakers in unseen noise")
    axes.legend(fontsize=8)
    return figure


# %% Rejection
def rejection_curve(answers: dict[str, Any]) -> Figure:
    """Digits accepted against other words accepted, over all thresholds, with the chosen one."""
    sets = answers["sets"]
    thresholds = np.linspace(0, 1, 501)
    figure, axes = plt.subplots()
    accepted = accepted_shares(sets["unseen_speakers"], thresholds)
    others = {"other_words_test": "other words", "wake_words_test": "wake phrases", "noise_validation": "noise"}
    for number, (name, label) in enumerate((n, text) for n, text in others.items() if n in sets):
        wrongly = accepted_shares(sets[name], thresholds)
        axes.plot(100 * wrongly, 100 * accepted, color=COLOURS[number], label=label)
        chosen = int(np.abs(thresholds - answers["threshold"]).argmin())
        axes.plot(100 * wrongly[chosen], 100 * accepted[chosen], MARKERS[number], color=COLOURS[number], ms=8)
    axes.set(xlabel="accepted although not a digit (%)", ylabel="digits accepted (%)", xlim=(0, 20), ylim=(90, 100))
    axes.set_title(f"Rejection; the marks show the shipped threshold, {answers['threshold']:.3f}")
    axes.legend()
    return figure


# %% Helpers
def with_intervals(
    axes: plt.Axes, places: list[float], scores: list[dict[str, float]], label: str, number: int, line: str = "-"
) -> None:
    """Shares in percent with their 95% intervals."""
    shares = np.array([score["share"] for score in scores])
    spread = [shares - [score["low"] for score in scores], np.array([score["high"] for score in scores]) - shares]
    colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number % len(MARKERS)]
    axes.errorbar(
        places, 100 * shares, 100 * np.array(spread), fmt=marker, ls=line, color=colour, capsize=3, label=label
    )


def right_by_speaker(heard: dict[str, list]) -> dict[str, tuple[int, int]]:
    """For each speaker: how many right, of how many."""
    found: dict[str, list[bool]] = defaultdict(list)
    for wanted, got, speaker in zip(heard["wanted"], heard["top"], heard["speakers"], strict=True):
        found[speaker].append(wanted == got)
    return {speaker: (sum(right), len(right)) for speaker, right in found.items()}


def score_row(right: int, count: int) -> dict[str, float]:
    low, high = wilson_interval(right, count)
    return {"share": right / count, "low": low, "high": high}


def accepted_shares(heard: dict[str, list], thresholds: np.ndarray) -> np.ndarray:
    return (np.array(heard["probabilities"])[:, None] >= thresholds).mean(axis=0)


# %% All of them
def main() -> None:
    parser = argparse.ArgumentParser(description="Draw the pictures of the report.")
    parser.add_argument("--results", type=Path, default=Path("artifacts/results.json"))
    parser.add_argument("--logs_dir", type=Path, default=Path("logs"))
    parser.add_argument("--figures_dir", type=Path, default=Path("artifacts/figures"))
    arguments = parser.parse_args()
    rows = load_results(arguments.results)["rows"]
    answers_path = arguments.logs_dir / "answers.json"
    answers = json.loads(answers_path.read_text(encoding="utf-8")) if answers_path.is_file() else None
    drawn = 0
    pictures: dict[str, Callable[[], Figure]] = {
        "training_curves": lambda: training_curves(arguments.logs_dir),
        "pruning_sweep": lambda: pruning_sweep(rows),
        "accuracy_against_size": lambda: accuracy_against_size(rows),
        "latency": lambda: latencies(rows),
        "noise_curve": lambda: noise_curve(rows),
        "confusion": lambda: confusion(needed(answers)),
        "speakers": lambda: speakers(needed(answers)),
        "rejection_curve": lambda: rejection_curve(needed(answers)),
    }
    for name, draw in pictures.items():
        try:
            figure = draw()
        except NothingToDraw as reason:
            print(f"{name:<24}left out: {reason}")
            continue
        path = arguments.figures_dir / f"{name}.png"
        with written_whole(path) as temporary:
            figure.savefig(temporary, format="png", bbox_inches="tight")
        plt.close(figure)
        print(f"{name:<24}{path}")
        drawn += 1
    if not drawn:
        raise UserError(f"{arguments.results}: nothing to draw yet: run the stages first")


def needed(answers: dict[str, Any] | None) -> dict[str, Any]:
    if answers is None:
        raise NothingToDraw("no logs/answers.json: bench/answers.py makes it")
    return answers


if __name__ == "__main__":
    run(main)
