"""How well people are understood whom no training heard: other accents, rooms and microphones. Choose models by this.

    python -m bench.people --data_dir DIR
    python -m bench.people --data_dir DIR --model FILE --output logs/people.json
    python -m bench.people --data_dir DIR --network artifacts/student.pt       a checkpoint, with the numbers of --model

DIR/people holds recordings of single digits, of numbers and of people reading, and manifest.csv: path, label, corpus,
speaker. All of it goes through infer.py's own code. The thresholds at which 3% and 1% of other words are taken for
digits are set on the validation speakers of Speech Commands and of the negatives.
"""

import argparse
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from dwindle.cli import FlagParser, nonempty, pathname, positive_int
from dwindle.data import data_directory
from dwindle.edits import NO_EDITS, Edits, edits, error_rate_interval
from dwindle.errors import UserError, run
from dwindle.files import sha256_of, write_json
from dwindle.infer.speech import REJECT
from dwindle.infer.speech.evaluate import Entry, read_manifest
from dwindle.infer.speech.file_listener import Settings
from dwindle.infer.speech.listener import RealTimeInference
from dwindle.infer.speech.model import Recogniser
from dwindle.infer.speech.padding import word_window
from dwindle.infer.speech.sound_file import read_audio, stream_audio
from dwindle.infer.speech.vad import KINDS, VoiceActivityDetector
from dwindle.infer.speech.workers import answers
from dwindle.machine import usable_cores
from dwindle.metrics import Metric, accuracy_by_group, error_rate
from dwindle.tasks.speech.corpora import VALIDATION, negatives, speech_commands

DEFAULT_MODEL = Path(__file__).parents[1] / "artifacts" / "model_int8.onnx"
TAKEN = {"3%": 0.03, "1%": 0.01}  # of the other words, at a threshold set for it
# as infer.py hears files, infer.py --expect digits, and both with --stream, which does not know what follows
LISTENER, EXPECTING, LIVE, EXPECTING_LIVE = "listener", "expecting digits", "live", "expecting digits, live"
Texts = dict[Path, list[str]]  # what the listener heard in each recording
_live: RealTimeInference  # of a worker


def main() -> None:
    parser = FlagParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", type=nonempty, help="default: $DWINDLE_DATA, else data/")
    parser.add_argument("--model", type=pathname, default=DEFAULT_MODEL)
    parser.add_argument("--network", type=pathname, metavar="CHECKPOINT", help="this network in its place")
    parser.add_argument("--workers", type=positive_int, default=usable_cores(), help="processes (default: all cores)")
    parser.add_argument("--output", type=pathname, help="write all numbers as JSON")
    arguments = parser.parse_args()
    with model_file(arguments.model, arguments.network) as model:
        report = judged(data_directory(arguments.data_dir), model, arguments.workers)
    print(as_table(report))
    if arguments.output:
        write_json(arguments.output, {"model_sha256": sha256_of(arguments.network or arguments.model), **report})


def judged(data_dir: Path, model: Path, workers: int) -> dict[str, Any]:
    """Every figure of one model, for each collection; of several of a kind also for all of them together."""
    recogniser = Recogniser(model)
    entries = read_manifest(data_dir / "people" / "manifest.csv", recogniser.words)
    others = [clip for corpus in (speech_commands, negatives) for clip in corpus(data_dir)]
    others = [clip for clip in others if clip.corpus == "other_words" and clip.split == VALIDATION]
    if not others:
        raise UserError(f"{data_dir}: no other words by validation speakers there, which thresholds are set on")
    sure = [read_word(clip.path, recogniser)[1] for clip in others]
    thresholds = {"shipped": recogniser.threshold}
    thresholds |= {name: float(np.quantile(sure, 1 - share)) for name, share in TAKEN.items()}
    kinds = by_kind(entries)
    heard = {LISTENER: heard_by_listener([entry.path for entry in entries], model, workers)}
    said = [entry.path for kind in ("isolated", "strings") for entry in kinds[kind]]
    heard[EXPECTING] = heard_by_listener(said, model, workers, only_words=True)
    heard[LIVE] = heard_live([entry.path for entry in entries], model, workers)
    heard[EXPECTING_LIVE] = heard_live(said, model, workers, only_words=True)
    amid_others = heard_by_listener([clip.path for clip in others], model, workers)
    report: dict[str, Any] = {"isolated": [], "strings": [], "reading": []}
    for kind, found in kinds.items():
        collections = {name: list(group) for name, group in groupby(found, lambda entry: entry.corpus)}
        for name, group in (collections | ({"all": found} if len(collections) > 1 else {})).items():
            if kind == "isolated":
                row = isolated_row(group, heard, recogniser, thresholds)
            elif kind == "strings":
                row = strings_row(group, heard, recogniser)
            else:
                row = reading_row(group, heard)
            report[kind].append({"collection": name, "recordings": len(group), **row})
    speakers = [clip.speaker for clip in others]
    others_taken = {
        "other_words_taken": [one >= recogniser.threshold for one in sure],
        "other_words_heard_as_digits": [bool(amid_others[clip.path]) for clip in others],
    }
    shares = {name: accuracy_by_group(taken, speakers) for name, taken in others_taken.items()}
    rows = {name: replace(share, higher_is_better=False).as_row() for name, share in shares.items()}
    return {"thresholds": thresholds, **rows, **report}


def by_kind(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """Single words, strings and reading; the recordings of a collection one after the other."""
    longest: dict[str, int] = defaultdict(int)
    for entry in entries:
        longest[entry.corpus] = max(longest[entry.corpus], len(entry.words))
    kinds: dict[str, list[Entry]] = defaultdict(list)
    for entry in sorted(entries, key=lambda entry: entry.corpus):
        kinds[("reading", "isolated", "strings")[min(longest[entry.corpus], 2)]].append(entry)
    return kinds


def heard_by_listener(paths: Sequence[Path], model: Path, workers: int, only_words: bool = False) -> Texts:
    """The digits that infer.py hears in each recording."""
    settings = Settings(model, threshold=None, threads=1, vad=KINDS[0], isolated=False, only_words=only_words)
    rows = list(answers(settings, [str(path) for path in paths], workers))
    for row in rows:
        if "error" in row:
            raise UserError(f"{row['file']}: {row['error']}")
    return {Path(row["file"]): [digit["digit"] for digit in row["digits"]] for row in rows}


def heard_live(paths: Sequence[Path], model: Path, workers: int, only_words: bool = False) -> Texts:
    """The digits that a live listener hears in each recording."""
    with ProcessPoolExecutor(workers, initializer=_begin_live, initargs=(model, only_words)) as pool:
        return dict(zip(paths, pool.map(_live_digits, paths, chunksize=8), strict=True))


def _begin_live(model: Path, only_words: bool) -> None:
    global _live
    recogniser = Recogniser(model, only_words=only_words)
    _live = RealTimeInference(recogniser, VoiceActivityDetector(KINDS[0], recogniser.sample_rate))


def _live_digits(path: Path) -> list[str]:
    return live_digits(path, _live)


def live_digits(path: Path, live: RealTimeInference) -> list[str]:
    """The digits that it hears in a recording."""
    live.reset()
    events = [event for block in stream_audio(str(path), live.recogniser.sample_rate) for event in live.process(block)]
    return [event.digit for event in events + live.finish()]


def read_word(path: Path, recogniser: Recogniser) -> tuple[str, float]:
    """The likeliest word of a clip, and how sure it is among all classes."""
    said = recogniser.both_readings(word_window(read_audio(path), recogniser.window_samples))
    best = max(recogniser.words, key=lambda word: said[recogniser.labels.index(word)])
    return best, float(said[recogniser.labels.index(best)])


def greedy_words(frames: np.ndarray, labels: Sequence[str], with_reject: bool) -> list[str]:
    """The words on the best path through the frames (CTC), whose last class is the blank."""
    allowed = [*(index for index, label in enumerate(labels) if with_reject or label != REJECT), len(labels)]
    path = [allowed[best] for best in frames[:, allowed].argmax(axis=1)]
    spoken = [labels[index] for index, _ in groupby(path) if index < len(labels)]
    return [label for label in spoken if label != REJECT]


def isolated_row(
    entries: Sequence[Entry], heard: dict[str, Texts], recogniser: Recogniser, thresholds: dict[str, float]
) -> dict[str, Any]:
    """One word a clip: right by the pooled answer, right and accepted, and right as the listener hears it."""
    answered = [(entry.words[0], *read_word(entry.path, recogniser)) for entry in entries]
    right = {"best of ten": [said == word for said, word, _ in answered]}
    for name, threshold in thresholds.items():
        right[f"accepted, {name}"] = [said == word and sure >= threshold for said, word, sure in answered]
    for name, found in heard.items():
        right[name] = [found[entry.path] == list(entry.words) for entry in entries]
    speakers = [(entry.corpus, entry.speaker) for entry in entries]
    return {name: accuracy_by_group(those, speakers).as_row() for name, those in right.items()}


def strings_row(entries: Sequence[Entry], heard: dict[str, Texts], recogniser: Recogniser) -> dict[str, Any]:
    """Several digits a recording: by the listener, and by a greedy reading of all frames of the same network."""
    frames = [recogniser.frames(read_audio(entry.path)) for entry in entries]
    ways = {
        **{name: [found[entry.path] for entry in entries] for name, found in heard.items()},
        "greedy": [greedy_words(one, recogniser.labels, True) for one in frames],
        "greedy, no reject": [greedy_words(one, recogniser.labels, False) for one in frames],
    }
    row: dict[str, Any] = {}
    for way, texts in ways.items():
        per_file = [edits(entry.words, words) for entry, words in zip(entries, texts, strict=True)]
        row[way] = {**error_rate(per_file).as_row(), **asdict(sum(per_file, NO_EDITS))}
    return row


def reading_row(entries: Sequence[Entry], heard: dict[str, Texts]) -> dict[str, Any]:
    """Running speech: digits heard a minute. A few are said, and "to" and "for" are; most are false."""
    seconds: Counter[str] = Counter()
    for entry in entries:
        seconds[entry.speaker] += soundfile.info(entry.path).duration
    digits = Counter(digit for entry in entries for digit in heard[LISTENER][entry.path])
    return {
        "digits a minute": a_minute(entries, seconds, heard[LISTENER]).as_row(),
        "digits a minute, live": a_minute(entries, seconds, heard[LIVE]).as_row(),
        "minutes": seconds.total() / 60,
        "digits": dict(sorted(digits.items())),
    }


def a_minute(entries: Sequence[Entry], seconds: Counter[str], texts: Texts) -> Metric:
    """Digits heard a minute, with an interval by speaker."""
    heard: Counter[str] = Counter()
    for entry in entries:
        heard[entry.speaker] += len(texts[entry.path])
    low, high = error_rate_interval([Edits(0, 0, heard[one], max(1, round(seconds[one]))) for one in seconds])
    return Metric(60 * heard.total() / seconds.total(), 60 * low, 60 * high, heard.total(), "a minute", False)


def as_table(report: dict[str, Any]) -> str:
    """The figures for people, in percent, with 95% intervals."""
    lines = []
    for title, kind in (("single digits: right", "isolated"), ("strings: errors per digit", "strings")):
        rows = report[kind]
        if rows:
            ways = [name for name, value in rows[0].items() if isinstance(value, dict)]
            lines.append(f"{title:<26}" + "".join(f"{way:>22}" for way in ways))
            lines += [_line(row, ways) for row in rows]
        if kind == "isolated" and len(rows) > 1:
            for name, pick in (("mean of collections", np.mean), ("worst collection", np.min)):
                values = [pick([row[way]["value"] for row in rows if row["collection"] != "all"]) for way in ways]
                lines.append(f"{name:<26}" + "".join(f"{100 * value:>8.2f}{'':14}" for value in values))
    for row in report["strings"]:
        found = row["listener"]
        counts = ", ".join(f"{found[name]} {name}" for name in ("substitutions", "deletions", "insertions"))
        lines.append(f"{row['collection']}, listener: {counts} in {found['words']} digits")
    for row in report["reading"]:
        rate, digits = row["digits a minute"], ", ".join(f"{digit}: {count}" for digit, count in row["digits"].items())
        lines.append(
            f"{row['collection']}: {rate['value']:.2f} digits a minute ({rate['low']:.2f}-{rate['high']:.2f}), "
            f"{rate['count']} in {row['minutes']:.1f} minutes ({digits})"
        )
        live = row["digits a minute, live"]
        lines.append(f"{row['collection']}, live: {live['value']:.2f} ({live['low']:.2f}-{live['high']:.2f})")
    taken, thresholds = Metric(**report["other_words_taken"]), report["thresholds"]
    lines.append(f"other words taken at the shipped threshold: {taken}")
    lines.append(f"other words that the listener takes: {Metric(**report['other_words_heard_as_digits'])}")
    return "\n".join([*lines, "thresholds: " + ", ".join(f"{name} {at:.4f}" for name, at in thresholds.items())])


def _line(row: dict[str, Any], ways: Iterable[str]) -> str:
    cells = [
        f"{100 * row[way]['value']:.2f} ({100 * row[way]['low']:.1f}-{100 * row[way]['high']:.1f})" for way in ways
    ]
    return f"{row['collection'] + ', ' + str(row['recordings']):<26}" + "".join(f"{cell:>22}" for cell in cells)


@contextmanager
def model_file(model: Path, network: Path | None) -> Iterator[Path]:
    """The file to judge: the model, or the network of a checkpoint with the metadata of that model."""
    if network is None:
        yield model
        return
    from dwindle.checkpoint import load_checkpoint  # here, as a model alone needs no torch
    from dwindle.export.formats import to_onnx
    from dwindle.export.onnx_file import metadata_of, read_onnx
    from dwindle.task import open_task, options_of

    checkpoint = load_checkpoint(network, "spoken_digits")
    task = open_task(checkpoint.task, options_of(checkpoint.task), checkpoint)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "network.onnx"
        restored = task.exported(task.restored(checkpoint, network)).eval()
        metadata = metadata_of(read_onnx(model))
        to_onnx(restored, task.example_inputs(), file, task.inputs, task.outputs, metadata)
        yield file


if __name__ == "__main__":
    run(main)
