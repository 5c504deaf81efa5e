"""Longer parts of the paper: what a teacher is worth, how far pruning goes, other judges, what did not help."""

import json
import re
import statistics
from pathlib import Path
from typing import Any

from dwindle.errors import UserError
from dwindle.infer.model_file import DEFAULT_TASK
from dwindle.metrics import BITS, Metric
from report.measurements import Measurements
from report.model_cards import few_shot, foreign, zero_shot
from report.people_table import people_text
from report.results_page import running_text
from report.runs import SHIPPED, WHOLE, Row, Run, releases
from report.techniques import DISTILLED, Effect, change_text, times
from report.titles import score_text, set_title, table, task_title

ROOT = Path(__file__).resolve().parents[1]
DESIGN_LOG = ROOT / "logs" / "design_log.md"
DID_NOT_HELP = (8, 13, 14, 21, 27, 30, 36, 48, 57, 59, 71)  # entries of the design log
INDEX_LINE = re.compile(r"^\| \[(\d+)\]\(#[^)]*\) \| (.+) \| (.+) \|$", re.MULTILINE)
T_95 = {1: 12.71, 2: 4.303, 3: 3.182, 4: 2.776, 6: 2.447, 8: 2.306}  # two-sided, by degrees of freedom
SEEDS_SETS = ("unseen_speakers", "fsdd_test", "noise_10_db", "other_words_test_rejected")
CORRUPTED = ("shifted", "rotated", "thick", "thin", "noisy", "blurred", "low_resolution", "faint")
THROUGH_THE_READER = ("inverted", "photographed", "drawn")


def distillation(found: Measurements, runs: list[Run], all_effects: list[Effect]) -> str:
    """Students with and without a teacher at one budget, and students against their teachers."""
    parts = []
    for task, scores in {DEFAULT_TASK: found.distillation, **found.other_distillation}.items():
        if scores and set(scores) >= {"alone", "distilled"}:
            parts += seeds_table(task, scores)
    told = [
        f"{task_title(one.run.task)}, {times(one.times_smaller)} smaller: {one.cost}"
        for one in all_effects
        if one.technique == DISTILLED
    ]
    if told:
        parts.append(f"A student against the larger teacher that it learnt from: {'; '.join(told)}.")
    parts += [pair for run in releases(runs) if (pair := alone_and_taught(run, runs))]
    return "\n\n".join(parts) or "Not measured yet."


def seeds_table(task: str, scores: dict[str, list[dict[str, Any]]]) -> list[str]:
    """What a teacher is worth, over the seeds of bench/distillation_gain.py."""
    measured = scores["alone"][0]
    names = [name for name in SEEDS_SETS if name in measured] if task == DEFAULT_TASK else list(measured)
    heads = ["set", "alone, %", "distilled, %", "gain, points (95% interval)"]
    command = "python bench/distillation_gain.py" + (f" --task {task}" if task != DEFAULT_TASK else "")
    said = f"{task_title(task).capitalize()}, {len(scores['alone'])} seeds each at one budget (`{command}`):"
    return [said, table(heads, [seeds_line(scores, name) for name in names], left_columns=1)]


def seeds_line(scores: dict[str, list[dict[str, Any]]], name: str) -> list[str]:
    """Means over seeds, and their difference with its interval by Welch's rule for equal counts."""
    alone, taught = ([100 * seed[name]["value"] for seed in scores[manner]] for manner in ("alone", "distilled"))
    gain = statistics.mean(taught) - statistics.mean(alone)
    error = (statistics.variance(alone) / len(alone) + statistics.variance(taught) / len(taught)) ** 0.5
    half = T_95.get(len(alone) + len(taught) - 2, 1.96) * error
    return [
        set_title(name),
        *(f"{statistics.mean(one):.2f} ± {statistics.stdev(one):.2f}" for one in (alone, taught)),
        f"{gain:+.2f} ({gain - half:+.2f} to {gain + half:+.2f})".replace("-", "−"),
    ]


def alone_and_taught(run: Run, runs: list[Run]) -> str:
    """The same network with and without a teacher, where a run beside the release has the other one."""
    whole = run.row(WHOLE)
    if whole is None:
        return ""
    others = [one for one in runs if one.name and one.task == run.task]
    for other in others:
        twin = other.row(WHOLE)
        if twin and twin["parameters"] == whole["parameters"] and twin["stage"] != whole["stage"]:
            alone, taught = (twin, whole) if whole["stage"] == "distilled" else (whole, twin)
            scores = [Metric(**row["scores"][run.judged_by]) for row in (alone, taught)]
            return f"{task_title(run.task).capitalize()}, one network alone and with a teacher: {change_text(*scores)}."
    return ""


def sweep(runs: list[Run]) -> str:
    """Scores as more and more weights become zero, a column for each run that was swept."""
    swept = [run for run in runs if any(row["version"].startswith("sweep_") for row in run.rows)]
    if not swept:
        return "Not measured yet: `prune_and_quantize.py --sweep`."
    found = {id(run): {_zeros(row): row for row in run.rows if row["version"].startswith("sweep_")} for run in swept}
    levels = sorted({zeros for rows in found.values() for zeros in rows})
    lines = [["0%", *(score_text((run.row(WHOLE) or {"scores": {}})["scores"].get(run.judged_by)) for run in swept)]]
    for zeros in levels:
        cells = [(found[id(run)].get(zeros) or {"scores": {}})["scores"].get(run.judged_by) for run in swept]
        lines.append([f"{zeros}%", *map(score_text, cells)])
    names = [task_title(run.task) + (f", {run.name}" if run.name else "") for run in swept]
    return "Weights set to zero step by step, an epoch of training after each:\n\n" + table(
        ["zeros", *names], lines, left_columns=1
    )


def _zeros(row: Row) -> int:
    return int(row["version"].removeprefix("sweep_"))


def beyond(found: Measurements, released: list[Run]) -> str:
    """What is measured beside each task's test set."""
    by_task = {run.task: run for run in released}
    parts = []
    if DEFAULT_TASK in by_task:
        parts.append(f"**Running speech.** {running_table(found)}")
    if told := people_text(found.people):
        parts.append(f"**People whom training never met** (`python -m bench.people`).\n\n{told}")
    if found.held_out:
        shares = [score["value"] for score in found.held_out.values()]
        parts.append(
            f"**Voices held out.** FSDD's {len(shares)} speakers, each understood by a network that never heard it: "
            f"{100 * statistics.mean(shares):.2f}% on average, worst {100 * min(shares):.1f}% "
            "(`python bench/leave_one_speaker_out.py`)."
        )
    if run := by_task.get("handwritten_digits"):
        parts += digits_beyond(run)
    if (run := by_task.get("sentiment")) and (shipped := run.row(SHIPPED)) and "other_reviews" in shipped["scores"]:
        other = score_text(shipped["scores"]["other_reviews"])
        parts.append(f"**Reviews that are not of films** ({shipped['scores']['other_reviews']['count']}): {other}.")
    if (run := by_task.get("language_model")) and (shipped := run.row(SHIPPED)):
        bits = {name: score for name, score in shipped["scores"].items() if score["unit"] == BITS}
        told = [f"{set_title(name)} {score_text(score)}" for name, score in bits.items()]
        parts.append(f"**The language model's two halves of held-out text**: {'; '.join(told)}.")
    return "\n\n".join(parts)


def running_table(found: Measurements) -> str:
    """The table of the results page alone, without its remarks."""
    text = running_text(found)
    return "Errors per digit said, beside PocketSphinx on the same sound.\n\n" + text.split("\n\n")[0]


def digits_beyond(run: Run) -> list[str]:
    """Corruptions, the reader's own forms, other people's hands, few and no examples."""
    shipped = run.row(SHIPPED)
    assert shipped is not None  # or it were no release
    names = [name for name in (*CORRUPTED, *THROUGH_THE_READER) if name in shipped["scores"]]
    whole = run.row(WHOLE) or {"scores": {}}
    lines = [[set_title(name), *(score_text(row["scores"].get(name)) for row in (whole, shipped))] for name in names]
    parts = [f"**Digits that are not MNIST's.**\n\n{table(['digits', 'float32', 'ships'], lines, left_columns=1)}"]
    parts.append(
        "Few-shot and zero-shot recognition, the latter with the handicap of [23] for classes that were seen, are\n"
        "measured by `bench.few_shot_digits` and `bench.zero_shot_digits`, other people's handwriting by\n"
        "`bench.foreign_digits`."
    )
    beside = {"foreign.json": foreign, "few_shot.json": few_shot, "zero_shot.json": zero_shot}
    for name, told in beside.items():
        path = ROOT / "artifacts" / run.task / name
        if path.is_file() and (text := told(json.loads(path.read_text(encoding="utf-8")), shipped)):
            parts.append(text)
    return parts


def negative() -> str:
    """Questions and answers from the index of the design log."""
    index = INDEX_LINE.findall(DESIGN_LOG.read_text(encoding="utf-8"))
    entries = {int(number): (question, answer) for number, question, answer in index}
    if missing := set(DID_NOT_HELP) - set(entries):
        raise UserError(f"{DESIGN_LOG}: its index has no entry {', '.join(map(str, sorted(missing)))}")
    return "\n".join(f"- {entries[number][0]} *{entries[number][1]}* (entry {number})" for number in DID_NOT_HELP)
