"""The results on the model cards of the tasks beside speech, written between each card's two marks.

What a card says beside its results is written by hand: artifacts/TASK/MODEL_CARD.md.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dwindle.infer.model_file import DEFAULT_TASK
from dwindle.metrics import SHARE, Metric
from report.marked_page import write_region
from report.runs import SHIPPED, Row, Run, releases
from report.summary import answer_table, commands_of
from report.titles import score_text, set_title, table

CHOSEN_BY = ("validation", "held_out")  # what a set's name holds by which choices were made


def write_cards(runs: list[Run], artifacts_dir: Path) -> None:
    """Every card that lies beside a released model; the speech card has results of its own."""
    for run in releases(runs):
        if run.task != DEFAULT_TASK:
            folder = artifacts_dir / run.task
            write_region(folder / "MODEL_CARD.md", card(run, folder))


def card(run: Run, folder: Path) -> str:
    """All that stands between the marks."""
    shipped = run.row(SHIPPED)
    assert shipped is not None  # or it were no release
    parts = [facts(shipped), scores_table(shipped), against_float(run)]
    parts += [
        text for name, told in BESIDE.items() if (found := _json(folder / name)) and (text := told(found, shipped))
    ]
    commands = "\n".join(commands_of(run))
    return "\n\n".join([*parts, f"Made by:\n\n```sh\n{commands}\n```"]) + "\n\n"


def facts(shipped: Row) -> str:
    taken = shipped.get("latency", {}).get("1_threads")
    time = f", {taken['median_ms']:.2f} ms for one answer on one thread" if taken else ""
    return (
        f"`{shipped['file']}`: {shipped['parameters']:,} parameters, {shipped['nonzeros']:,} of them not zero, "
        f"{shipped['bytes']:,} bytes{time}.\nSHA-256 `{shipped['sha256']}`."
    )


def scores_table(shipped: Row) -> str:
    """A line for each data set; those that nothing was chosen by come last."""
    chosen = {name: any(part in name for part in CHOSEN_BY) for name in shipped["scores"]}
    lines = []
    for name in sorted(chosen, key=lambda name: not chosen[name]):
        score = Metric(**shipped["scores"][name])
        right = f"{score.correct:,} of {score.count:,}" if score.unit == SHARE else f"{score.count:,} characters"
        use = "choices were made by it" if chosen[name] else "reported only"
        lines.append([set_title(name), use, right, score_text(shipped["scores"][name])])
    return table(["data set", "use", "right", "score (95% interval)"], lines, left_columns=2)


def against_float(run: Run) -> str:
    return f"Against the network before compression, and against its teacher:\n\n{answer_table([run])}"


def few_shot(found: dict[str, Any], _: Row) -> str:
    """How well a network learns from few examples, in ways side by side."""
    ways = list(dict.fromkeys(row["way"] for row in found["rows"]))
    cells = {(row["shots"], row["way"]): mean_text(row) for row in found["rows"]}
    shots = sorted({row["shots"] for row in found["rows"]})
    lines = [[f"{count}", *(cells.get((count, way), "–") for way in ways)] for count in shots]
    draws = max(row["draws"] for row in found["rows"])
    return (
        f"Few-shot, of a network of {found['parameters']:,} parameters: % right of {found['judged_on']:,} test images, "
        f"mean of {draws} draws and its 95% interval (`{found['command']}`):\n\n"
        f"{table(['examples a digit', *ways], lines, left_columns=1)}"
    )


def zero_shot(found: dict[str, Any], _: Row) -> str:
    """Digits known by their segments alone."""
    lines = [[name.replace("_", " "), mean_text(row)] for name, row in found["means"].items()]
    return (
        f"Zero-shot, of a network of {found['parameters']:,} parameters: two digits held out of training and known by "
        "their seven segments alone; % right, mean over the ways to hold out two and its 95% interval "
        f"(`{found['command']}`):\n\n{table(['what', '%'], lines, left_columns=1)}"
    )


def foreign(found: dict[str, Any], shipped: Row) -> str:
    """Other people's handwriting; nothing where it was of another model."""
    if found["sha256"] != shipped["sha256"]:
        return ""
    lines = [[row["look"], score_text({key: row[key] for key in row if key != "look"})] for row in found["rows"]]
    return (
        "Handwriting that is not MNIST's: scikit-learn's digits, 43 people in Turkey, as image files through the "
        f"reader (`{found['command']}`):\n\n{table(['look', 'right (95% interval)'], lines, left_columns=1)}"
    )


def mean_text(row: dict[str, float]) -> str:
    return f"{100 * row['mean']:.1f} ± {100 * row['half_width']:.1f}"


BESIDE: dict[str, Callable[[dict[str, Any], Row], str]] = {  # what a bench leaves beside a model
    "foreign.json": foreign,
    "few_shot.json": few_shot,
    "zero_shot.json": zero_shot,
}


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
