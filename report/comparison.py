"""docs/comparison.md: all tasks side by side; under each table the commands that made its figures."""

from collections.abc import Iterable

from report.runs import LEVELS, WHOLE, Row, Run, latency_ms, levels, releases
from report.summary import EXPLAINED, answer_table, commands_of
from report.techniques import TECHNIQUES, Effect, effects, times
from report.titles import score_text, set_title, table, task_title, version_title

FIGURES = "../artifacts/figures"
DRAWN_BY = "`python notebooks/experiments.py` draws the picture from `artifacts/**/results.json`."


class Commands:
    """The commands of one table, a letter for each."""

    def __init__(self) -> None:
        self.letters: dict[str, str] = {}

    def letter(self, row: Row) -> str:
        return self.letters.setdefault(row["command"], _letter(len(self.letters)))

    def listed(self) -> str:
        return "\n".join(f"- {letter}: `{command}`" for command, letter in self.letters.items())


def comparison(runs: list[Run]) -> str:
    """All that stands between the marks."""
    parts = [
        "## How much smaller, how much faster, at what cost",
        *answered(runs),
        "## Accuracy, or bits, against size",
        f"![Score against size, a panel for each task]({FIGURES}/comparison_size.png)",
        "Networks in float, pruned, narrowed and quantised, with 95% intervals; the shape tells the kind of network.\n"
        "All points with their commands: [optimization_summary.md](../artifacts/optimization_summary.md).\n" + DRAWN_BY,
        "## Latency against how numbers are stored",
        f"![Latency of each quantisation level against float32]({FIGURES}/comparison_latency.png)",
        *latency_parts(runs),
        "## CNN, LSTM, Transformer",
        *network_parts(runs),
        "## What each technique gave",
        f"![What each technique gave on each task]({FIGURES}/comparison_techniques.png)",
        *technique_parts(runs),
    ]
    return "\n\n".join(parts) + "\n\n"


def answered(runs: list[Run]) -> list[str]:
    chains = {run.task: ", then ".join(f"`{command}`" for command in commands_of(run)) for run in releases(runs)}
    made_by = "\n".join(f"- {task_title(task)}: {chain}" for task, chain in chains.items())
    return [answer_table(releases(runs)), EXPLAINED, "The commands that made them:", made_by]


def latency_parts(runs: list[Run]) -> list[str]:
    """The table, what it says, and its commands."""
    commands = Commands()
    return [
        latency_table(releases(runs), commands),
        "Median milliseconds of one answer in ONNX Runtime, one thread, batch 1, and how many times float32's that\n"
        "is. The versions of a task took turns in one run; tasks differ in what an answer is: a second of sound, an\n"
        "image, a sentence of middle length, some twenty characters read at once. The letter is the command:",
        commands.listed(),
        DRAWN_BY,
    ]


def latency_table(released: list[Run], commands: Commands | None = None) -> str:
    """Milliseconds of each level, and how many times as long as float32 that is; letters for commands if asked."""
    found = {run.task: levels(run) for run in released}
    used = [level for level in LEVELS if any(level in one for one in found.values())]
    lines = [[LEVELS[level], *(_latency_cell(found[run.task], level, commands) for run in released)] for level in used]
    heads = ["numbers stored as", *(f"{task_title(run.task)} ({kinds(run)})" for run in released)]
    return table(heads, lines, left_columns=1)


def _latency_cell(found: dict[str, Row], level: str, commands: Commands | None) -> str:
    now, whole = latency_ms(found.get(level)), latency_ms(found.get(""))
    if now is None:
        return "–"
    share = f", {now / whole:.2f}×" if whole and level else ""
    return f"{now:.2f}{share}{f' [{commands.letter(found[level])}]' if commands is not None else ''}"


def kinds(run: Run) -> str:
    """The kind of network that ships."""
    whole = run.row(WHOLE)
    return run.family(whole) if whole else ""


def network_parts(runs: list[Run]) -> list[str]:
    """Every network in float: its kind, size, score and speed."""
    commands, lines = Commands(), []
    for run in sorted(runs, key=lambda run: [run.task for run in releases(runs)].index(run.task)):
        for row in networks(run):
            taken = latency_ms(row)
            lines.append(
                [
                    task_title(run.task) + (f", {run.name}" if run.name else ""),
                    run.family(row),
                    version_title(row),
                    f"{row['parameters']:,}",
                    f"{row['multiply_adds'] / 1e6:.2f}" if "multiply_adds" in row else "–",
                    score_text(row["scores"].get(run.judged_by)),
                    f"{taken:.2f}" if taken else "–",
                    commands.letter(run.trained_by(row)),
                ]
            )
    heads = ["task", "kind", "network", "parameters", "million multiply-adds", "score", "ms", "command"]
    sets = ", ".join(f"{set_title(run.judged_by)} of {task_title(run.task)}" for run in releases(runs))
    return [
        table(heads, lines, left_columns=3),
        f"In float, before compression. Scores are on {sets}.\n"
        "Runs with a name lie in `artifacts/compared/*`. The letter is the command:",
        commands.listed(),
        *families_missing(runs),
    ]


def families_missing(runs: list[Run]) -> list[str]:
    """Kinds of network that the scripts make for a task and that nobody has measured yet."""
    seen = {(run.task, run.family(row)) for run in runs for row in networks(run)}
    commands = {
        ("language_model", "LSTM"): "python train_distill.py --task language_model --architecture lstm "
        "--output_dir artifacts/compared/language_model-lstm",
        ("sentiment", "CNN"): "python train_distill.py --task sentiment --teacher artifacts/sentiment/teacher.pt "
        "--architecture convolution --output_dir artifacts/compared/sentiment-convolution",
    }
    open_ones = [
        f"- {task_title(task)}, {kind}: `{commands[task, kind]}`" for task, kind in commands if (task, kind) not in seen
    ]
    return ["Not measured yet:", "\n".join(open_ones)] if open_ones else []


def networks(run: Run) -> Iterable[Row]:
    """Teacher and student in float; the student as an ONNX file, where it is timed."""
    return [row for row in run.versions if row["stage"] in ("teacher", "student", "distilled")]


def technique_parts(runs: list[Run]) -> list[str]:
    """A line for each technique, a column for each task; where several versions had it, each in turn."""
    commands, released = Commands(), releases(runs)
    found = {run.task: list(effects(run)) for run in released}
    lines = []
    for technique in TECHNIQUES:
        cells = []
        for run in released:
            those = [one for one in found[run.task] if one.technique == technique]
            cells.append("<br>".join(effect_cell(one, commands) for one in those) or "–")
        if any(cell != "–" for cell in cells):
            lines.append([technique, *cells])
    heads = ["technique", *(f"{task_title(run.task)} ({kinds(run)})" for run in released)]
    return [
        table(heads, lines, left_columns=len(heads)),
        "Against the version that it was applied to: times smaller on the disk, times as fast in ONNX Runtime, and\n"
        "what became of the score. The letter is the command:",
        commands.listed(),
        DRAWN_BY,
    ]


def effect_cell(effect: Effect, commands: Commands) -> str:
    size = times(effect.times_smaller)
    speed = "not timed" if effect.times_faster is None else f"{times(effect.times_faster)} as fast"
    maker = effect.run.trained_by(effect.row)
    return f"{size} smaller, {speed}, {effect.cost} [{commands.letter(maker)}]"


def _letter(number: int) -> str:
    """a, b, …, z, aa, ab, …"""
    first, last = divmod(number, 26)
    return (_letter(first - 1) if first else "") + chr(ord("a") + last)
