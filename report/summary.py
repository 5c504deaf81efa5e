"""artifacts/optimization_summary.md: how much smaller, how much faster, at what cost, for every task and version."""

from report.measurements import one_thread
from report.runs import SHIPPED, SHIPPED_BY_STAGE_2, WHOLE, Row, Run, latency_ms, releases
from report.techniques import cost_text, kept, times
from report.titles import score_text, set_title, table, task_title, version_title

TITLE = "# How much smaller, how much faster, at what cost"
EXPLAINED = """\
Smaller and cost are of the file that ships, first against the same network in float32 before it was compressed, then
against its teacher. Faster is one answer on one thread, batch 1: the shipped weights in ONNX Runtime against that float
network in ONNX Runtime and in PyTorch, all taken in turns in one run. ≈ marks a difference within one standard error
of the score; the same examples judge both, so that it may be real all the same. Brackets hold 95% intervals. What was
not measured is a dash."""
SETS_SHOWN = {"sentiment": ("dev", "test"), "language_model": ("validation", "test")}  # of others the one judged by


def summary(runs: list[Run]) -> str:
    """The page."""
    parts = [
        TITLE,
        "`make report` writes this page from `artifacts/*/results.json`.",
        answer_table(releases(runs)),
        EXPLAINED,
    ]
    for run in releases(runs):
        parts += [f"## {task_title(run.task).capitalize()}", task_results(run).rstrip("\n")]
    return "\n\n".join(parts) + "\n"


def task_results(run: Run) -> str:
    """Every version of one task, and what made it: for the task's own page as well."""
    return f"{versions_table(run)}\n\n{made_by(run)}\n"


def answer_table(released: list[Run]) -> str:
    """A line for each task: the answer to the title's question."""
    heads = [
        "task",
        "float32",
        "ships",
        "smaller",
        "than its teacher",
        "faster",
        "than in PyTorch",
        "cost",
        "to its teacher",
    ]
    return table(heads, [answer(run) for run in released], left_columns=3)


def answer(run: Run) -> list[str]:
    shipped, whole, teacher = run.row(SHIPPED), run.row(WHOLE), run.row("teacher")
    timed = shipped_in_turns(run)
    now = latency_ms(timed)
    ratios = [before / now if now and before else None for before in (latency_ms(whole), latency_ms(whole, "pytorch"))]
    return [
        f"{task_title(run.task)} ({set_title(run.judged_by)})",
        _size_and_score(run, whole),
        _size_and_score(run, shipped),
        *(times(_smaller(one, shipped)) for one in (whole, teacher)),
        *(times(ratio) for ratio in ratios),
        *(cost_text(run, one, shipped) for one in (whole, teacher)),
    ]


def shipped_in_turns(run: Run) -> Row | None:
    """What ships as stage 2 timed it, beside all other versions."""
    return next((row for row in run.rows if row.get("file") == SHIPPED_BY_STAGE_2), None)


def versions_table(run: Run) -> str:
    """Size, score, and both against the largest network of the run; latency, and how much faster than its PyTorch."""
    known = {name for row in run.rows for name in row["scores"]}
    sets = [name for name in SETS_SHOWN.get(run.task, ()) if name in known] or [run.judged_by]
    heads = ["version", "MB", *map(set_title, sets), "relative size", "kept", "ms", "ms in PyTorch", "speed-up"]
    return table(heads, [version_line(run, row, sets) for row in run.versions], left_columns=1)


def version_line(run: Run, row: Row, sets: list[str]) -> list[str]:
    """The cells of one version."""
    reference, timed = largest(run), timed_reference(run)
    both = run.both(reference, row)
    taken, in_pytorch = one_thread(row), latency_ms(row, "pytorch")
    now = min(filter(None, (taken and taken["median_ms"], in_pytorch)), default=None)
    before = latency_ms(timed, "pytorch")
    return [
        version_title(row),
        f"{row['bytes'] / 1e6:.3f}" if "bytes" in row else "–",
        *(score_text(row["scores"].get(name)) for name in sets),
        f"{100 * row['bytes'] / reference['bytes']:.1f}%" if "bytes" in row else "–",
        f"{100 * kept(*both[1:]):.1f}%" if both else "–",
        f"{taken['median_ms']:.2f}" if taken else "–",
        f"{in_pytorch:.2f}" if in_pytorch else "–",
        times(before / now if before and now else None),
    ]


def largest(run: Run) -> Row:
    """What size and quality are compared with."""
    return run.row("teacher") or run.row(WHOLE) or run.rows[0]


def timed_reference(run: Run) -> Row:
    """What times are compared with: the same, or the float student where the teacher was not timed."""
    return largest(run) if latency_ms(largest(run), "pytorch") else run.row(WHOLE) or largest(run)


def made_by(run: Run) -> str:
    """What the columns compare with, and every command that made a row."""
    reference = largest(run)
    sets = {both[0] for row in run.versions if row is not reference and (both := run.both(reference, row))}
    of_sets = f" (on {', '.join(sorted(map(set_title, sets)))})" if sets else ""
    processor = next((row["processor"] for row in run.rows if "processor" in row), None)
    text = (
        f"Relative size and quality kept{of_sets} are against the {version_title(reference)}. Speed-up: the faster of\n"
        f"ONNX Runtime (ms) and PyTorch against the {version_title(timed_reference(run))} in PyTorch, one thread, "
        f"batch 1{f', {processor}' if processor else ''}; exported files\nwere timed in a run of their own."
    )
    notes = [
        f"Of the {version_title(row)}: {row['note']}."
        for row in run.rows
        if row["stage"] == "teacher" and "note" in row
    ]
    return "\n".join([text, *notes, "Made by:", "", "```sh", *commands_of(run), "```"])


def commands_of(run: Run) -> list[str]:
    """All that made the rows of a run, in their order."""
    return list(dict.fromkeys(row["command"] for row in run.rows))


def _smaller(before: Row | None, after: Row | None) -> float | None:
    return before["bytes"] / after["bytes"] if before and after else None


def _size_and_score(run: Run, row: Row | None) -> str:
    if row is None:
        return "–"
    return f"{row['bytes'] / 1000:,.0f} kB, {score_text(row['scores'].get(run.judged_by))}"
