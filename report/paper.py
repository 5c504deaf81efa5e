"""docs/paper.md: the template's prose with every figure filled in from the results.

`make paper` makes a PDF of it (report/paper_pdf.py).
"""

import re
from pathlib import Path

from dwindle.errors import UserError
from report.comparison import families_missing, kinds, latency_table
from report.measurements import Measurements
from report.paper_parts import beyond, distillation, negative, sweep
from report.runs import SHIPPED, SHIPPED_BY_STAGE_2, WHOLE, Run, releases
from report.summary import answer_table, commands_of, shipped_in_turns
from report.techniques import (
    PRUNED,
    TECHNIQUES,
    Effect,
    cost_text,
    effects,
    is_beyond_error,
    times,
)
from report.titles import table, task_title

TEMPLATE = Path(__file__).with_name("paper_template.md")
PLACE = re.compile(r"\{\{(\w+)\}\}")
SLOWER = 0.9  # times as fast: from here on it is no chance of the clock


def paper(found: Measurements, runs: list[Run]) -> str:
    """The whole page."""
    released = releases(runs)
    all_effects = [effect for run in released for effect in effects(run)]
    parts = {
        "abstract_results": abstract_results(released),
        "dynamic_speed": dynamic_speed(all_effects),
        "networks_lines": "\n".join(networks_line(run) for run in released),
        "processor": ", ".join(dict.fromkeys(run.machine.get("processor", "unknown") for run in released)),
        "answers": answer_table(released),
        "answer_sentences": answer_sentences(released),
        "techniques": technique_table(released, all_effects),
        "technique_sentences": technique_sentences(all_effects),
        "packed": packed(all_effects),
        "latency": latency_table(released),
        "distillation": distillation(found, runs, all_effects),
        "sweep": sweep(runs),
        "beyond": beyond(found, released),
        "negative": negative(),
        "costly": costly(all_effects),
        "missing": missing(runs),
        "commands": "\n\n".join(f"{task_title(run.task).capitalize()}:\n\n{shell(run)}" for run in released),
    }
    return filled(TEMPLATE.read_text(encoding="utf-8"), parts)


def filled(template: str, parts: dict[str, str]) -> str:
    """The template with each part in its place; both must know of each other."""
    wanted = set(PLACE.findall(template))
    if wanted != set(parts):
        raise UserError(f"{TEMPLATE.name} and its parts differ in {', '.join(sorted(wanted ^ set(parts)))}")
    return PLACE.sub(lambda place: parts[place[1]], template)


def abstract_results(released: list[Run]) -> str:
    """How much smaller each file is, and what that cost."""
    told = []
    for run in released:
        whole, shipped = run.row(WHOLE), run.row(SHIPPED)
        if whole and shipped:
            ratio = times(whole["bytes"] / shipped["bytes"])
            told.append(f"{ratio} ({task_title(run.task)}, {cost_text(run, whole, shipped)})")
    return (
        f"The files that ship are smaller than the same networks in float32 by {', '.join(told)}; ≈ is a difference "
        "within one standard error."
    )


def dynamic_speed(all_effects: list[Effect]) -> str:
    """What whole-number arithmetic of linear layers gives each kind of network."""
    found = [one for one in all_effects if one.technique == "dynamic INT8" and one.times_faster]
    told = [f"{one.times_faster:.1f} ({task_title(one.run.task)}, {kinds(one.run)})" for one in found]
    if not told:
        raise UserError("no task has a version with dynamic INT8 and a latency: prune_and_quantize.py makes it")
    return f"dynamic INT8 arithmetic is {', '.join(told)} times as fast as float in the same runtime."


def networks_line(run: Run) -> str:
    shipped = run.row(SHIPPED)
    assert shipped is not None  # or it were no release
    teacher = run.row("teacher")
    of_teacher = (
        f"{teacher['parameters']:,}" if teacher else "its equals, a mean of several" if _is_taught(run) else "–"
    )
    cells = [of_teacher, f"{shipped['parameters']:,}", f"{shipped['nonzeros']:,}"]
    return f"| {task_title(run.task)} | {kinds(run)} | {' | '.join(cells)} |"


def answer_sentences(released: list[Run]) -> str:
    """In words: what is beyond error, and what is fastest."""
    dear = []
    for run in released:
        whole, shipped, timed = run.row(WHOLE), run.row(SHIPPED), shipped_in_turns(run)
        both = run.both(whole, shipped)
        if both and is_beyond_error(*both[1:]):
            dear.append(f"{task_title(run.task)} ({cost_text(run, whole, shipped)})")
        if timed is None:
            raise UserError(f"{run.task}: results.json has no {SHIPPED_BY_STAGE_2}: prune_and_quantize.py writes it")
    told = (
        f"Compression costs more than one standard error for {', '.join(dear)}."
        if dear
        else "What compression costs lies within one standard error for every task."
    )
    return (
        f"{told} Where the shipped file is no faster than float in the\nsame runtime, it is because its weights are "
        "stored in eight bits and computed in float: stage 2 ships the\nsmallest version that keeps the answers and is "
        "not slower."
    )


def technique_table(released: list[Run], all_effects: list[Effect]) -> str:
    lines = []
    for technique in TECHNIQUES:
        cells = [
            "<br>".join(
                f"{times(one.times_smaller)}, {times(one.times_faster)}, {one.cost}"
                for one in all_effects
                if one.run is run and one.technique == technique
            )
            for run in released
        ]
        if any(cells):
            lines.append([technique, *(cell or "–" for cell in cells)])
    heads = ["technique", *(f"{task_title(run.task)} ({kinds(run)})" for run in released)]
    return table(heads, lines, left_columns=len(heads))


def technique_sentences(all_effects: list[Effect]) -> str:
    """What is beyond error, and what gave most."""
    both = [(one, scores) for one in all_effects if (scores := one.run.both(one.base, one.row))]
    worse = [one for one, (_, *scores) in both if is_beyond_error(*scores)]
    smallest = max((one for one in all_effects if one.times_smaller), key=lambda one: one.times_smaller or 0)
    fastest = max((one for one in all_effects if one.times_faster), key=lambda one: one.times_faster or 0)
    losses = ", ".join(f"{one.technique} on {task_title(one.run.task)} ({one.cost})" for one in worse)
    largest, shortest = (
        f"{one.technique} ({times(ratio)}, {task_title(one.run.task)})"
        for one, ratio in ((smallest, smallest.times_smaller), (fastest, fastest.times_faster))
    )
    return (
        f"Of {len(both)} pairs {len(worse)} lose more than one standard error{f': {losses}' if losses else ''}.\n"
        f"Most size went by {largest}, most time by {shortest}."
    )


def packed(all_effects: list[Effect]) -> str:
    """How much smaller gzip makes a file with zeros than the same without."""
    told = []
    for one in all_effects:
        sizes = one.base.get("bytes_gzipped"), one.row.get("bytes_gzipped")
        if one.technique == PRUNED and all(sizes):
            zeros = 1 - one.row["nonzeros"] / one.row["parameters"]
            told.append(f"{task_title(one.run.task)} {sizes[0] / sizes[1]:.2f}× at {100 * zeros:.0f}% zeros")
    return f" (gzipped, {', '.join(told)})" if told else ""


def costly(all_effects: list[Effect]) -> str:
    """What the other tasks say: whatever made an answer slower."""
    slower = [one for one in all_effects if one.times_faster and one.times_faster < SLOWER]
    told = ", ".join(f"{one.technique} on {task_title(one.run.task)} ({one.times_faster:.1f}×)" for one in slower)
    return f"Over all tasks, slower than the float version that they were made from: {told or 'none'}."


def missing(runs: list[Run]) -> str:
    """What the tables leave open."""
    untimed = [task_title(run.task) for run in releases(runs) if (row := run.row("teacher")) and not row.get("latency")]
    told = [f"The teachers of {' and '.join(untimed)} were not timed."] if untimed else []
    without_teacher = [task_title(run.task) for run in releases(runs) if not _is_taught(run)]
    told += [f"The released network of {' and '.join(without_teacher)} had no teacher."] if without_teacher else []
    told += ["Not every kind of network was tried on every task."] if families_missing(runs) else []
    return " ".join(told)


def shell(run: Run) -> str:
    return "\n".join(["```sh", *commands_of(run), "```"])


def _is_taught(run: Run) -> bool:
    whole = run.row(WHOLE)
    return bool(whole) and whole["stage"] == "distilled"
