"""Pictures of single answers: what is taken for what, whose voice, at which threshold, and what it looked like."""

import base64
from collections import Counter
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from dwindle.metrics import accuracy_by_group
from report.drawing import COLOURS, LINES, MARKERS, NothingToDraw, new_figure, with_intervals
from report.measurements import Measurements, confusions, right_by_speaker
from report.titles import set_title

REJECTED_SETS = ("other_words_test", "wake_words_test", "noise_validation")
MILLION = 1_000_000
SHOWN_MISHEARD = 12


def confusion(found: Measurements) -> Figure:
    """Counts on unseen speakers; the diagonal is left white so that mistakes are seen."""
    answers = needed(found, "unseen_speakers")
    counts = confusions(answers, "unseen_speakers")
    labels = answers["labels"]
    said = sorted({number for pair in counts for number in pair})  # the most probable word is never "reject"
    table = np.array([[counts[row, column] for column in said] for row in said])
    wrong = np.array([[0 if row == column else counts[row, column] for column in said] for row in said])
    figure, axes = new_figure(figsize=(6.6, 6))
    image = axes.imshow(np.ma.masked_equal(wrong, 0), cmap="Oranges")
    for (row, column), count in np.ndenumerate(table):
        if count:
            dark = wrong[row, column] > 0.6 * wrong.max()
            axes.text(column, row, count, ha="center", va="center", fontsize=9, color="white" if dark else "black")
    axes.set_xticks(range(len(said)), [labels[number] for number in said])
    axes.set_yticks(range(len(said)), [labels[number] for number in said])
    axes.set(xlabel="heard", ylabel="said", title=f"Unseen speakers ({table.sum():,} clips): what is taken for what")
    axes.grid(False)
    figure.colorbar(image, label="misheard clips", shrink=0.7, ticks=MaxNLocator(integer=True))
    return figure


def speakers(found: Measurements) -> Figure:
    """FSDD's six, and how many of the unseen speakers have how many mistakes."""
    answers = needed(found, "fsdd_test", "unseen_speakers")
    figure, (known, unknown) = new_figure(1, 2, figsize=(10, 4.2))
    by_speaker = right_by_speaker(answers, "fsdd_test")
    by_name(known, {name: score.as_row() for name, score in by_speaker.items()})
    known.set(ylabel="accuracy (%)", title="FSDD test: voices that training has heard")
    scores = right_by_speaker(answers, "unseen_speakers").values()
    mistakes = Counter(score.count - score.correct for score in scores)
    bars = unknown.bar(list(mistakes), list(mistakes.values()), color=COLOURS[5], edgecolor="black", lw=0.6)
    unknown.bar_label(bars, fontsize=9)
    unknown.xaxis.set_major_locator(MaxNLocator(integer=True))
    unknown.set(xlabel="mistakes of one speaker (clips)", ylabel="speakers")
    counts = [score.count for score in scores]
    unknown.set_title(f"The {len(counts)} unseen speakers, {min(counts)} to {max(counts)} clips each")
    unknown.grid(axis="x", visible=False)
    return figure


def held_out_speakers(found: Measurements) -> Figure:
    """Each FSDD voice as understood by a model that never heard it."""
    if not found.held_out:
        raise NothingToDraw("no logs/leave_one_speaker_out/scores.json: bench/leave_one_speaker_out.py makes it")
    figure, axes = new_figure()
    by_name(axes, found.held_out)
    mean = sum(score["value"] for score in found.held_out.values()) / len(found.held_out)
    axes.axhline(100 * mean, color="black", lw=1, ls="--", label=f"mean {100 * mean:.2f}%")
    axes.set(ylabel="accuracy (%)", title="FSDD, each speaker left out of training, with 95% intervals")
    axes.legend(loc="lower left")
    return figure


def by_name(axes: Axes, scores: dict[str, dict[str, Any]]) -> None:
    """A point with its interval for each name, and the counts under it."""
    names = sorted(scores)
    with_intervals(axes, range(len(names)), [scores[name] for name in names], "", 0, joined=False)
    labels = [
        f"{name}\n{round(scores[name]['value'] * scores[name]['count'])}/{scores[name]['count']}" for name in names
    ]
    axes.set_xticks(range(len(names)), labels, fontsize=8)
    axes.margins(x=0.1)
    axes.grid(axis="x", visible=False)


def rejection_curve(found: Measurements) -> Figure:
    """Digits accepted against everything else accepted, over all thresholds, with the shipped one marked."""
    answers = needed(found, "unseen_speakers")
    model = answers["models"][0]
    thresholds = np.linspace(0, 1, 1001)
    digits = model["sets"]["unseen_speakers"]
    figure, axes = new_figure()
    for number, name in enumerate(name for name in REJECTED_SETS if name in model["sets"]):
        others, look = model["sets"][name], {"color": COLOURS[number], "ls": LINES[number]}
        axes.plot(100 * accepted(others, thresholds), 100 * accepted(digits, thresholds), **look)
        wrongly = interval(others, answers["clips"][name], model["threshold"])
        rightly = interval(digits, answers["clips"]["unseen_speakers"], model["threshold"])
        use = ", validation" if name == "noise_validation" else ""
        label = f"{set_title(name)}{use} ({len(others['heard'])})"
        place = {"x": wrongly[:1], "y": rightly[:1], "xerr": wrongly[1:, None], "yerr": rightly[1:, None]}
        axes.errorbar(**place, marker=MARKERS[number], mec="black", ms=9, capsize=3, elinewidth=1, **look, label=label)
    axes.set(xlabel="accepted although not a digit (%)", xlim=(-0.2, 15), ylim=(88, 100.2))
    axes.set(ylabel=f"digits of unseen speakers accepted (%; {len(digits['heard']):,} clips)")
    axes.set_title(f"Rejection; marked: the shipped threshold, {model['threshold']:.3f}, with intervals")
    axes.legend(title="what is no digit (clips)", loc="lower right")
    return figure


def accepted(heard: dict[str, list[int]], thresholds: np.ndarray) -> np.ndarray:
    return (np.array(heard["probability"])[:, None] >= np.floor(MILLION * thresholds)).mean(axis=0)


def interval(heard: dict[str, list[int]], clips: dict[str, Any], threshold: float) -> np.ndarray:
    """The accepted share in percent, and how far its 95% interval goes down and up."""
    passed = [probability >= int(MILLION * threshold) for probability in heard["probability"]]
    score = accuracy_by_group(passed, clips["speaker"]).as_row()
    return 100 * np.array([score["value"], score["value"] - score["low"], score["high"] - score["value"]]).clip(0)


def misheard(found: Measurements) -> Figure:
    """The validation clips in which a wrong word was most probable."""
    answers = needed(found)
    chosen = sorted(answers["misheard"], key=lambda one: -_probability(answers, one))[:SHOWN_MISHEARD]
    if not chosen:
        raise NothingToDraw("no validation digit is misheard")
    rows = -(-len(chosen) // 4)
    figure, panels = new_figure(rows, 4, figsize=(10, 2.3 * rows + 0.4), squeeze=False, sharex=True, sharey=True)
    for axes in panels.flat[len(chosen) :]:
        axes.set_visible(False)
    form = answers["picture"]
    low_db, high_db = form["darkest_db"], form["brightest_db"]
    for axes, one in zip(panels.flat, chosen, strict=False):
        pixels = np.frombuffer(base64.b64decode(one["log_mel"]), np.uint8).reshape(form["bands"], -1)
        picture_db = low_db + pixels / 255 * (high_db - low_db)
        extent = (0, pixels.shape[1] * form["frame_s"], 0, form["bands"])
        image = axes.imshow(picture_db, origin="lower", aspect="auto", extent=extent, cmap="magma")
        image.set_clim(low_db, high_db)
        axes.set_title(_title(answers, one), fontsize=8.5)
        axes.grid(False)
    figure.supxlabel("time (s)", fontsize=10)
    figure.supylabel("mel band, low tones below", fontsize=10)
    figure.suptitle("Validation clips misheard, the surest first (how probable the wrong word seemed)", fontsize=11)
    figure.colorbar(image, ax=panels, label="energy (dB against the clip's level)", shrink=0.8)
    return figure


def _probability(answers: dict[str, Any], one: dict[str, Any]) -> float:
    return answers["models"][0]["sets"][one["set"]]["probability"][one["clip"]] / MILLION


def _title(answers: dict[str, Any], one: dict[str, Any]) -> str:
    """What was said, what was heard, and how probable the best word seemed."""
    labels, heard = answers["labels"], answers["models"][0]["sets"][one["set"]]
    said, got = (labels[numbers[one["clip"]]] for numbers in (answers["clips"][one["set"]]["said"], heard["heard"]))
    return f"said {said}, heard {got} ({_probability(answers, one):.2f})"


def needed(found: Measurements, *sets: str) -> dict[str, Any]:
    """The answers, which must hold these sets."""
    if found.answers is None:
        raise NothingToDraw("no logs/answers.json of this model: bench/answers.py makes it")
    if missing := [name for name in sets if name not in found.answers["clips"]]:
        raise NothingToDraw(f"logs/answers.json holds no {missing[0]}: that corpus was not there")
    return found.answers
