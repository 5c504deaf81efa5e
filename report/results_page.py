"""The speech tables of docs/results.md: versions, running speech, and what was promised beside what came of it."""

from typing import Any

from dwindle.infer.speech.hold_back import HOLD_S
from report.measurements import Measurements, one_thread
from report.titles import STREAMS, table, version_title

SHIPPED = "onnx_int8"
FLOAT_EXPORT = "onnx"
LIVE = "unseen speakers, gaps 0.2-1 s"  # the streams of bench/streaming.py that are most like live speech
UNKNOWN = "not measured yet"
SCORES = {
    "FSDD test": "fsdd_test",
    "unseen speakers": "unseen_speakers",
    "10 dB noise": "noise_10_db",
    "other words rejected": "other_words_test_rejected",
}


def results(found: Measurements) -> str:
    """All that stands between the marks."""
    parts = [
        "## Spoken digits",
        versions_table(found),
        f"Accuracy in percent with its 95% interval: {counts(found)}.\n"
        "FSDD's six voices are heard in training. The unseen speakers are not, but the best epoch and what ships were\n"
        "chosen by their clips, which are also those in noise.\n"
        "Other words are those of training said by other speakers, at the threshold that refuses 3% of the unseen\n"
        "speakers' digits too; accuracy is that before the threshold. A voice's clips count together in the\n"
        "intervals.\n"
        "Sizes are those of ONNX files, or of the checkpoint where there is none. Time is that of ONNX Runtime\n"
        f"for one second of sound: median, one thread{machine(found)}; differences below a tenth are chance.\n"
        "What ships was timed in another run than the rows above it, on a machine whose speed changes.\n"
        "Where no time stands none was taken, or on another processor, or for an earlier release.",
        running_text(found),
        "The figures that were promised, and ours:",
        claims_table(found),
        "![Accuracy against size](../artifacts/figures/accuracy_against_size.png)\n"
        "![Accuracy in noise](../artifacts/figures/noise_curve.png)",
        "More pictures lie in `artifacts/figures/`, and `report.html` there is a page to sort and ask the numbers.",
    ]
    return "\n\n".join(parts) + "\n\n"


def versions_table(found: Measurements) -> str:
    """A line for each version that is measured; the shipped one last and bold."""
    rows = [row for row in found.main_rows if row["stage"] != "exported"]
    lines = [version_cells(row) for row in rows]
    if shipped := by_version(found, SHIPPED):
        lines.append([f"**{cell}**" for cell in version_cells(shipped)])
    return table(["version", "parameters not zero", "kB", "ms", *SCORES], lines, left_columns=1)


def version_cells(row: dict[str, Any]) -> list[str]:
    parameters = f"{row['parameters']:,}"
    if row.get("nonzeros", row["parameters"]) < row["parameters"]:
        parameters = f"{row['nonzeros']:,} of {row['parameters']:,}"
    latency = one_thread(row)
    scores = [short_score(row["scores"].get(name)) for name in SCORES.values()]
    size = f"{row['bytes'] / 1000:,.0f}" if "bytes" in row else "–"
    return [version_title(row), parameters, size, f"{latency['median_ms']:.2f}" if latency else "–", *scores]


def short_score(score: dict[str, Any] | None) -> str:
    """As `96.1 (95.0–97.0)`."""
    return "–" if score is None else percent(score["value"], score["low"], score["high"])


def percent(share: float, low: float, high: float) -> str:
    return f"{100 * share:.1f} ({100 * low:.1f}–{100 * high:.1f})"


def running_text(found: Measurements) -> str:
    """How running speech is read, a line for each kind of stream, beside PocketSphinx on the same sound."""
    reference = {row["streams"]: row for row in (found.streaming or {}).get("reference", [])}
    lines = []
    for row in (found.streaming or {}).get("streams", []):
        if row["streams"] not in STREAMS:
            continue
        if row["digits"]:
            wrong = percent(row["error_rate"], *row["interval"])
            theirs = reference.get(row["streams"])
            beside = percent(theirs["error_rate"], *theirs["interval"]) if theirs else "–"
            times = [f"{row[key]:.0f}" if key in row else "–" for key in ("latency_median_ms", "latency_p95_ms")]
            lines.append([STREAMS[row["streams"]], f"{wrong} of {row['digits']:,}", beside, *times])
        else:
            low, high = (rate * row["minutes"] for rate in row["interval"])
            alarms = f"{row['insertions']} ({low:.0f}–{high:.0f}) false digits in {row['minutes']:.0f} minutes"
            lines.append([STREAMS[row["streams"]], alarms, "–", "–", "–"])
    if not lines:
        return "Running speech: no figures of this model."
    heads = ["running speech", "digit errors, %", "PocketSphinx 5", "median ms", "95% ms"]
    explained = (
        "Digits wrong, missed or added, per digit said, 95% intervals. Times run from a word's last sample to its\n"
        "answer, computing included: the median, and what 95% of the right answers keep within; below zero is before."
    )
    remarks = [*lone_digit_lines(found.streaming), *cost_lines(found.streaming)]
    return "\n".join([table(heads, lines, left_columns=1), "", explained, *remarks])


def lone_digit_lines(streaming: dict[str, Any]) -> list[str]:
    """What a digit must be that stands alone, where that is more than others must."""
    threshold, lone, noisy = (streaming.get(name) for name in ("threshold", "lone_threshold", "noisy_threshold"))
    if lone is None or lone == threshold:
        return []
    amid_noise = "" if noisy in (None, lone) else f" ({noisy:g} amid noise)"
    return [
        f"A digit counts from a confidence of {threshold:g} on; one that stands {HOLD_S:g} s from all others from "
        f"{lone:g} on{amid_noise},\n"
        "for what sounds like a digit and is none mostly comes alone (`--threshold` sets all). Where a recording ends\n"
        f"within {HOLD_S:g} s of a digit it was made for it: {threshold:g} is enough, except amid noise."
    ]


def cost_lines(streaming: dict[str, Any]) -> list[str]:
    """What live streams take, a line for each measurement that there is."""
    sentences = []
    if "streams_per_core" in streaming:
        where = f" ({streaming['processor']})" if "processor" in streaming else ""
        sentences.append(f"One core{where} carried {streaming['streams_per_core']} live streams of unbroken speech.")
    if memory := streaming.get("memory_mb"):
        sentences.append(
            f"Memory: {memory['after_a_minute']:.1f} MB after a minute, {memory['after_an_hour']:.1f} MB after an hour."
        )
    return sentences


def counts(found: Measurements) -> str:
    """Each column's number of clips."""
    sizes = {}
    for row in found.main_rows:
        sizes |= {title: row["scores"][name]["count"] for title, name in SCORES.items() if name in row["scores"]}
    return ", ".join(f"{title} {count:,} clips" for title, count in sizes.items())


def machine(found: Measurements) -> str:
    processor = ((found.exported or {}).get("machine") or {}).get("processor")
    return f", {processor}" if processor else ""


def claims_table(found: Measurements) -> str:
    """What was promised beside what came of it, each figure from the file that holds it."""
    shipped = by_version(found, SHIPPED)
    scores, latency = (shipped["scores"], one_thread(shipped)) if shipped else ({}, None)
    accuracies = [f"{short_score(scores[name])} {title}" for title, name in list(SCORES.items())[:2] if name in scores]
    lines = [
        ["test accuracy", "98.2%", "; ".join(accuracies) or UNKNOWN],
        ["parameters", "85k", f"{shipped['parameters']:,}" if shipped else UNKNOWN],
        [
            "latency of one answer",
            "12.8 ms",
            f"{latency['median_ms']:.2f} ms, one run of the network" if latency else UNKNOWN,
        ],
        ["latency, live", "145 ms", live_latency(found)],
        ["size", "720 KB", f"{shipped['bytes'] / 1000:.0f} kB" if shipped and "bytes" in shipped else UNKNOWN],
        ["speed-up from INT8", "1.45×", int8_speed_up(found)],
    ]
    return table(["", "promised", "what ships"], lines, left_columns=3)


def live_latency(found: Measurements) -> str:
    """From a word's last sample to its answer."""
    for row in (found.streaming or {}).get("streams", []):
        if row["streams"] == LIVE and "latency_median_ms" in row:
            median_ms, slow_ms = row["latency_median_ms"], row["latency_p95_ms"]
            side = "after" if median_ms >= 0 else "before"
            return (
                f"median {abs(median_ms):.0f} ms {side} the word's last sample; 95% at most {slow_ms:.0f} ms after it"
            )
    return UNKNOWN


def int8_speed_up(found: Measurements) -> str:
    """Both files timed in turns in one run, batch 1 on one thread."""
    medians = {
        row["engine"]: row["median_ms"]
        for row in (found.exported or {}).get("latency", [])
        if row["threads"] == 1 and row["batch_size"] == 1
    }
    if FLOAT_EXPORT in medians and SHIPPED in medians:
        return f"{medians[FLOAT_EXPORT] / medians[SHIPPED]:.2f}× (INT8 weights, arithmetic in float)"
    return UNKNOWN


def by_version(found: Measurements, version: str) -> dict[str, Any] | None:
    return next((row for row in found.rows if row["version"] == version), None)
