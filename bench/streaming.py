"""How well, how soon and how cheaply running speech is read, beside PocketSphinx on the same sound.

    python -m bench.streaming --data_dir DIR             everything; about a quarter of an hour
    python -m bench.streaming --data_dir DIR --quick     a fifth of the streams, no reference, no hours

Streams are made from real clips (bench/streams.py): FSDD's official test (`--split validation`: its takes 5-9), the
validation speakers of Speech Commands, words that are not digits and noises that no training heard.
"""

import argparse
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from bench.pocketsphinx_reference import recognise
from bench.stream_cost import memory_of_an_hour, streams_per_core
from bench.streams import (
    Stream,
    clips_of,
    foreign_streams,
    fsdd_streams,
    lone_streams,
    mixed_streams,
    noise_streams,
    one_breath_streams,
    spaced_streams,
    unpaused_streams,
    with_noise,
)
from dwindle.cli import FlagParser, nonempty, pathname
from dwindle.data import data_directory, require
from dwindle.edits import NO_EDITS, Edits, edits, error_rate_interval
from dwindle.errors import run
from dwindle.files import sha256_of, write_json
from dwindle.infer.speech import SAMPLE_RATE
from dwindle.infer.speech.listener import RealTimeInference
from dwindle.infer.speech.model import Recogniser
from dwindle.infer.speech.sound_file import read_audio
from dwindle.infer.speech.vad import KINDS, VoiceActivityDetector
from dwindle.infer.speech.word import WordEvent
from dwindle.machine import processor
from dwindle.tasks.speech.corpora import TEST, VALIDATION, negatives, noise

CHUNK = SAMPLE_RATE // 100  # 10 ms, as a sound card delivers
GAPS_S = (0.05, 0.1, 0.2, 0.5, 1.0)
HOUR_S = 3_600
HOURS_OF_NOISE = 16  # four had 2 to 9 false digits, by chance
DEFAULT_MODEL = Path(__file__).parents[1] / "artifacts" / "model_int8.onnx"


def suites(data_dir: Path, split: str, share: float) -> dict[str, list[Stream]]:
    """Every kind of stream, by name."""
    fsdd_by_gap = {gap_s: fsdd_streams(data_dir, gap_s, split, share) for gap_s in GAPS_S}
    made = {f"fsdd {split}, gaps {1000 * gap_s:.0f} ms": streams for gap_s, streams in fsdd_by_gap.items()}
    made["unseen speakers, gaps 0.2-1 s"] = spaced_streams(data_dir, share)
    made["unseen speakers, gaps 3-4 s"] = lone_streams(data_dir, share / 4)
    made["unseen speakers, no pauses"] = unpaused_streams(data_dir, share)
    made["synthetic voices, one breath"] = one_breath_streams(share)
    others = negatives(data_dir)
    noises = any(clip.split == VALIDATION for clip in noise(data_dir))
    if others:
        made["digits among other words"] = mixed_streams(data_dir, share)
    for snr_db in (20, 10) if noises else ():
        made[f"fsdd {split}, gaps 200 ms, noise {snr_db} dB"] = with_noise(fsdd_by_gap[0.2], data_dir, snr_db)
        made[f"gaps 3-4 s, noise {snr_db} dB"] = with_noise(made["unseen speakers, gaps 3-4 s"], data_dir, snr_db)
        made[f"no pauses, noise {snr_db} dB"] = with_noise(made["unseen speakers, no pauses"], data_dir, snr_db)
    if others:
        made["other words only"] = foreign_streams(data_dir, share)
    if noises:
        made["noise only"] = noise_streams(data_dir, HOURS_OF_NOISE * HOUR_S * share)
        made["noise of no throat"] = noise_streams(data_dir, HOURS_OF_NOISE * HOUR_S * share, of_throats=False)
        made["sneezes and crying"] = noise_streams(data_dir, HOUR_S / 3 * share, of_throats=True)
    return {name: streams for name, streams in made.items() if streams}


def heard_in(inference: RealTimeInference, samples: np.ndarray) -> list[WordEvent]:
    """Every word, fed as a sound card would."""
    inference.reset()
    heard = []
    for at in range(0, len(samples), CHUNK):
        heard += inference.process(samples[at : at + CHUNK])
    return heard + inference.finish()


def latencies_ms(stream: Stream, heard: Sequence[WordEvent]) -> list[float]:
    """From each word's last sample to its answer, computing included; for words that were answered rightly."""
    found, waiting = [], list(heard)
    for word in stream.words:
        for event in waiting:
            if event.digit == word.label and event.start_s < word.end_s and event.end_s > word.start_s:
                found.append((event.emitted_s - word.end_s) * 1000 + event.compute_ms)
                waiting.remove(event)
                break
    return found


def quality_row(name: str, streams: Sequence[Stream], answers: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Errors per digit, and false alarms where no digit is said."""
    per_stream = [edits(stream.digits, answer) for stream, answer in zip(streams, answers, strict=True)]
    total: Edits = sum(per_stream, NO_EDITS)
    minutes = sum(stream.seconds for stream in streams) / 60
    row = {"streams": name, "digits": total.words, "minutes": minutes, "insertions": total.insertions}
    if total.words:
        row |= {"substitutions": total.substitutions, "deletions": total.deletions}
        row |= {"error_rate": total.errors / total.words, "interval": error_rate_interval(per_stream)}
    else:
        seconds = (round(stream.seconds) for stream in streams)
        per_second = [replace(one, words=count) for one, count in zip(per_stream, seconds, strict=True)]
        row["false_alarms_per_minute"] = total.insertions / minutes
        row["interval"] = [60 * rate for rate in error_rate_interval(per_second)]
    return row


def measured(name: str, streams: Sequence[Stream], inference: RealTimeInference) -> dict[str, Any]:
    """One row about us."""
    started = time.process_time()
    heard = [heard_in(inference, stream.samples) for stream in tqdm(streams, desc=name, leave=False, disable=None)]
    share = (time.process_time() - started) / sum(stream.seconds for stream in streams)
    row = quality_row(name, streams, [[event.digit for event in events] for events in heard])
    waited = [ms for stream, events in zip(streams, heard, strict=True) for ms in latencies_ms(stream, events)]
    if waited:
        row["latency_median_ms"], row["latency_p95_ms"] = np.quantile(waited, [0.5, 0.95]).tolist()
    return row | {"processor_share": share}


def reference_rows(made: dict[str, list[Stream]]) -> list[dict[str, Any]]:
    """PocketSphinx on the same streams."""
    rows = []
    for name, streams in tqdm(made.items(), desc="PocketSphinx"):
        if not streams[0].digits:
            continue
        heard = recognise([stream.samples for stream in streams])
        seconds = sum(stream.seconds for stream in streams)
        row = quality_row(name, streams, heard.answers)
        rows.append(row | {"processor_share": heard.seconds / seconds, "memory_mb": heard.memory_mb})
    return rows


def isolated_rows(data_dir: Path, split: str, recogniser: Recogniser, reference: bool) -> list[dict[str, Any]]:
    """Single clips: ours by the pooled answer, the reference's by a grammar of exactly one digit."""
    rows = []
    for corpus in ("fsdd", "speech_commands"):
        clips = clips_of(data_dir, corpus, split)
        sounds = [read_audio(clip.path) for clip in clips]
        started = time.perf_counter()
        ours = [recogniser.classify(sound).label for sound in sounds]
        row: dict[str, Any] = {"clips": f"{corpus}, isolated", "count": len(clips)}
        row["ms"] = (time.perf_counter() - started) * 1000 / len(clips)
        row["accuracy"] = sum(a == clip.label for a, clip in zip(ours, clips, strict=True)) / len(clips)
        if reference:
            theirs = recognise(sounds, isolated=True)
            row["reference_ms"] = theirs.seconds * 1000 / len(clips)
            right = sum(a == [clip.label] for a, clip in zip(theirs.answers, clips, strict=True))
            row |= {"reference_accuracy": right / len(clips), "reference_memory_mb": theirs.memory_mb}
        rows.append(row)
    return rows


def print_table(title: str, rows: Iterable[dict[str, Any]]) -> None:
    """What a person wants to know of each row, aligned."""
    print(f"\n{title}")
    for row in rows:
        if "clips" in row:
            line = f"{row['clips']:<40} {100 * row['accuracy']:6.2f}% of {row['count']}, {row['ms']:.2f} ms"
            if "reference_ms" in row:
                line += f"; PocketSphinx {100 * row['reference_accuracy']:.2f}%, {row['reference_ms']:.0f} ms"
        elif "error_rate" in row:
            low, high = row["interval"]
            line = (
                f"{row['streams']:<40} errors {100 * row['error_rate']:5.2f}% ({100 * low:.1f}-{100 * high:.1f}) of "
                f"{row['digits']:4}  sub {row['substitutions']:3} del {row['deletions']:3} ins {row['insertions']:3}"
            )
        else:
            alarms, (low, high) = row["false_alarms_per_minute"], row["interval"]
            line = f"{row['streams']:<40} {alarms:5.2f} false alarms a minute, {60 * alarms:.1f} an hour"
            line += f" ({60 * low:.1f}-{60 * high:.1f})"
            line += f" ({row['insertions']} in {row['minutes']:.1f} min)"
        if "latency_median_ms" in row:
            line += f"  latency {row['latency_median_ms']:4.0f} / {row['latency_p95_ms']:4.0f} ms"
        if "processor_share" in row:
            line += f"  core {100 * row['processor_share']:.2f}%"
        print(line)


def main() -> None:
    parser = FlagParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", type=nonempty, help="default: $DWINDLE_DATA, else data/")
    parser.add_argument("--model", type=pathname, default=DEFAULT_MODEL)
    parser.add_argument("--threshold", type=float)
    parser.add_argument("--vad", choices=KINDS, default="webrtc")
    parser.add_argument("--split", choices=(TEST, VALIDATION), default=TEST, help="of FSDD")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--output", type=pathname, help="write all numbers as JSON")
    arguments = parser.parse_args()

    data_dir = data_directory(arguments.data_dir)
    for name in ("fsdd", "speech_commands"):
        require(name, data_dir)
    recogniser = Recogniser(arguments.model, arguments.threshold)
    inference = RealTimeInference(recogniser, VoiceActivityDetector(arguments.vad, recogniser.sample_rate))
    made = suites(data_dir, arguments.split, 0.2 if arguments.quick else 1.0)
    report: dict[str, Any] = {
        "model_sha256": sha256_of(arguments.model),
        "threshold": recogniser.running_threshold,
        "lone_threshold": recogniser.lone_threshold,
        "noisy_threshold": recogniser.noisy_threshold,
        "isolated_threshold": recogniser.threshold,
        "split": arguments.split,
        "voice_detector": arguments.vad,
        "quick": arguments.quick,
        "processor": processor(),
    }

    report["streams"] = [measured(name, streams, inference) for name, streams in made.items()]
    print_table("Dwindle", report["streams"])
    report["isolated"] = isolated_rows(data_dir, arguments.split, recogniser, not arguments.quick)
    print_table("Isolated clips", report["isolated"])
    report["streams_per_core"] = streams_per_core(arguments.model, made["unseen speakers, no pauses"])
    print(f"\nlive streams that one core carries, speech without pauses: {report['streams_per_core']}")
    if not arguments.quick:
        report["memory_mb"] = memory_of_an_hour(arguments.model, made["unseen speakers, gaps 0.2-1 s"])
        print(
            "memory: {after_a_minute:.1f} MB after a minute, {after_an_hour:.1f} MB after an hour".format(
                **report["memory_mb"]
            )
        )
        if arguments.output:
            write_json(arguments.output, report)  # all that is our own; the reference takes longer than that
        report["reference"] = reference_rows(made)
        print_table("PocketSphinx", report["reference"])
    if arguments.output:
        write_json(arguments.output, report)


if __name__ == "__main__":
    run(main)
