"""What versions, data sets and tasks are called where people read them, and the tables that they stand in."""

from collections.abc import Sequence
from typing import Any

from dwindle.infer.model_file import DEFAULT_TASK
from dwindle.metrics import SHARE, Metric

SETS = {
    "fsdd_test": "FSDD test",
    "unseen_speakers": "unseen speakers",
    "speech_commands_test": "Speech Commands test",
    "held_out_speaker": "speaker held out",
    "noise_20_db": "unseen speakers, noise at 20 dB",
    "noise_10_db": "unseen speakers, noise at 10 dB",
    "noise_0_db": "unseen speakers, noise at 0 dB",
    "other_words_test": "other words",
    "wake_words_test": "wake phrases",
    "noise_validation": "noise alone",
    "fsdd_validation": "FSDD validation",
    "other_words_validation": "other words, validation",
    "wake_words_validation": "wake phrases, validation",
}
STREAMS = {  # of bench/streaming.py: those that are shown
    "fsdd test, gaps 200 ms": "FSDD test, pauses of 0.2 s",
    "unseen speakers, gaps 0.2-1 s": "unseen speakers, pauses of 0.2 to 1 s",
    "unseen speakers, gaps 3-4 s": "unseen speakers, single digits, pauses of 3 to 4 s",
    "gaps 3-4 s, noise 10 dB": "unseen speakers, single digits, noise at 10 dB",
    "unseen speakers, no pauses": "unseen speakers, no pauses",
    "no pauses, noise 10 dB": "unseen speakers, no pauses, noise at 10 dB",
    "synthetic voices, one breath": "synthetic voices, several digits in one breath",
    "digits among other words": "unseen speakers, digits among other words",
    "other words only": "other words only",
    "noise only": "noise only",
    "noise of no throat": "noise without sneezes and crying",
    "sneezes and crying": "sneezes and crying",
}
BASES = {"teacher": "teacher", "student alone": "student alone", "distilled student": "distilled student"}
BASES |= {"pruned": "pruned", "one_shot": "pruned at once"}
TECHNIQUES = {
    "_fp16": "float16 weights",
    "_dynamic": "dynamic INT8",
    "_static_uint8": "static INT8, uint8 activations",
    "_static_int8": "static INT8, int8 activations",
    "_qat": "INT8 trained with rounding (QAT)",
    "_int8_weights": "INT8 weights",
    "_int4_weights": "4-bit weights",
    "_table8": "8-bit table of words",
    "_table4": "4-bit table of words",
}
TASK_TITLES = {
    DEFAULT_TASK: "spoken digits",
    "handwritten_digits": "handwritten digits",
    "sentiment": "sentiment",
    "language_model": "language model",
}
EXPORTED = {"torchscript": "TorchScript", "onnx": "ONNX", "onnx_int8": "ONNX, what ships"}


def set_title(name: str) -> str:
    """Of a data set, or of the share of it that was rejected."""
    base = name.removesuffix("_rejected")
    title = SETS.get(base, base.replace("_", " "))
    return title if base == name else f"{title} rejected"


def version_title(row: dict[str, Any]) -> str:
    """Of a row of results.json."""
    return _own_title(row) + (" (earlier release)" if row.get("is_earlier") else "")


def _own_title(row: dict[str, Any]) -> str:
    version = row["version"]
    if version == "student":  # stage 2 begins with either
        return BASES["distilled student" if row["stage"] == "distilled" else "student alone"]
    if version in EXPORTED:
        return f"{row['file']} ({EXPORTED[version]})"
    unchanged = " (no layer to convert)" if row.get("note", "").startswith("0 linear") else ""
    return f"{_base_title(version)}{unchanged}"


def _base_title(base: str) -> str:
    for ending, technique in TECHNIQUES.items():
        if base.endswith(ending):
            return f"{_base_title(base.removesuffix(ending))}, {technique}"
    kind, _, percent = base.rpartition("_")
    if kind == "structured" and percent.isdigit():
        return f"{percent}% of the channels cut"
    if kind == "sweep" and percent.isdigit():
        return f"pruning sweep, {percent}%"
    return BASES.get(base, base.replace("_", " "))


def task_title(task: str) -> str:
    return TASK_TITLES.get(task, task.replace("_", " "))


def score_text(row: dict[str, Any] | None) -> str:
    """A score with its interval; shares in percent, all else in its unit."""
    if row is None:
        return "–"
    metric = Metric(**row)
    if metric.unit == SHARE:
        return f"{100 * metric.value:.1f}% ({100 * metric.low:.1f}–{100 * metric.high:.1f})"
    return f"{metric.value:.3f} {metric.unit} ({metric.low:.3f}–{metric.high:.3f})"


def table(heads: Sequence[str], lines: Sequence[Sequence[str]], left_columns: int) -> str:
    """Markdown; numbers to the right."""
    rule = ["---" if column < left_columns else "--:" for column in range(len(heads))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [heads, rule, *lines])
