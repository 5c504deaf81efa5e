"""What each rule of the listener earns with people: every rule is taken away, or changed, in turn.

    python -m bench.listener_rules --data_dir DIR
    python -m bench.listener_rules --data_dir DIR --network artifacts/student.pt --every 4

DIR/people is heard as infer.py hears files, then as it hears a stream (see bench/people.py), each time with one number
of the listener, or one threshold of the model, at another value. The network's answers are kept, so that what is heard
again costs little. A line for each: single digits heard right, errors in strings, digits a minute of reading.
"""

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import soundfile

from bench.people import DEFAULT_MODEL, by_kind, live_digits, model_file
from dwindle.cli import FlagParser, nonempty, pathname, positive_int
from dwindle.data import data_directory
from dwindle.edits import NO_EDITS, edits
from dwindle.errors import run
from dwindle.files import write_json
from dwindle.infer.speech import decoder, hindsight, hold_back, listener
from dwindle.infer.speech.evaluate import Entry, read_manifest
from dwindle.infer.speech.file_listener import FileListener, Settings
from dwindle.infer.speech.listener import RealTimeInference
from dwindle.infer.speech.model import Recogniser
from dwindle.infer.speech.vad import KINDS, VoiceActivityDetector

NEWEST_FRAMES = 32  # of a run of the network, kept; the listener asks for no older ones
Change = tuple[Any, str, float]  # a module, or None for the recogniser; what is changed in it; to what
FILE_CHANGES: dict[str, Change] = {
    "no confirming by neighbours": (hold_back, "HOLD_S", 0.0),
    "any word confirms": (hold_back, "CONFIRMING", 0.3),
    "only sure words confirm": (hold_back, "CONFIRMING", 0.75),
    "amid speech as elsewhere": (hold_back, "CONFIRMING_AMID_SPEECH", 0.55),
    "surer amid speech": (hold_back, "CONFIRMING_AMID_SPEECH", 0.92),
    "held amid noise": (hold_back, "WORTH_HOLDING_AMID_NOISE", 0.0),
    "nothing around a word counts": (hindsight, "AROUND_S", -1.0),
    "files decoded as early as live": (decoder, "DECODE_AT_END_S", 0.15),
    "2 s on either side": (hindsight, "AROUND_S", 2.0),
    "6 s on either side": (hindsight, "AROUND_S", 6.0),
    "one digit is a string": (hindsight, "FEWEST_WORDS", 1),
    "three digits are a string": (hindsight, "FEWEST_WORDS", 3),
    "no more others than digits": (hindsight, "MOST_OTHERS", 1.0),
    "two others to a digit": (hindsight, "MOST_OTHERS", 2.0),
    "others in a string a tenth": (hindsight, "OTHERS_KEPT_IN_STRING", 0.1),
    "others in a string 0.001": (hindsight, "OTHERS_KEPT_IN_STRING", 0.001),
    "nothing is too faint": (hold_back, "FAINT_DB", 100.0),
    "noise from 20 dB below a word": (hold_back, "FAINT_DB", 20.0),
    "frames alone": (decoder, "LEAST_POOLED_SHARE", 1.0),
    "pooled output in full": (decoder, "LEAST_POOLED_SHARE", 0.0),
    "certain at once from 0.3": (decoder, "CERTAIN_AT_ONCE", 0.3),
    "never decoded again": (decoder, "RETRIED_FRAMES", 0),
    "proposed from 0.2": (decoder, "PROPOSED", 0.2),
    "released below 0.2": (decoder, "RELEASED", 0.2),
    "peak in 3 frames": (decoder, "PEAK_FRAMES", 3),
}
LIVE_CHANGES: dict[str, Change] = {  # what files, heard twice, do not ask
    "speech is nowhere": (listener, "AMID_SPEECH_S", -1.0),
    "speech for 1 s": (listener, "AMID_SPEECH_S", 1.0),
    "speech for 2.5 s": (listener, "AMID_SPEECH_S", 2.5),
    "one word is speech": (listener, "AMID_WORDS", 1),
    "three words are speech": (listener, "AMID_WORDS", 3),
    "others amid digits as elsewhere": (listener, "OTHERS_KEPT", 1.0),
    "others amid digits a tenth": (listener, "OTHERS_KEPT", 0.1),
    "no sooner in silence": (decoder, "EARLIER_IN_SILENCE_FRAMES", 0),
    "two frames sooner in silence": (decoder, "EARLIER_IN_SILENCE_FRAMES", 2),
    "0.1 s earlier": (decoder, "DECODE_BEFORE_END_S", 0.25),
    "0.1 s later": (decoder, "DECODE_BEFORE_END_S", 0.05),
}
THRESHOLDS = {
    "running_threshold": (0.2, 0.4, 0.5),
    "lone_threshold": (0.3, 0.45, 0.6, 0.85),
    "noisy_threshold": (0.6, 0.85),
    "speech_threshold": (0.75, 0.85, 0.9),
}


class RememberingRecogniser(Recogniser):
    """Runs the network once on each piece of sound."""

    _answers: dict[tuple, list[np.ndarray]] | None = None

    def remember(self) -> None:
        """From now on; what is asked while a file is checked is not worth it."""
        self._answers = {}
        self._kept_spectra = None  # whole windows are known again, and not what is new in them

    def _run(self, samples: np.ndarray, *outputs: str) -> list[np.ndarray]:
        if self._answers is None:
            return super()._run(samples, *outputs)
        key = hash(samples.tobytes()), outputs
        if key not in self._answers:
            answers = super()._run(samples, *outputs)
            self._answers[key] = [a[:, -NEWEST_FRAMES:].copy() if a.ndim == 3 else a for a in answers]
        return self._answers[key]


def main() -> None:
    arguments = parse_arguments()
    with model_file(arguments.model, arguments.network) as model:
        recogniser = RememberingRecogniser(model)
    recogniser.remember()
    settings = Settings(arguments.model, threshold=None, threads=1, vad=KINDS[0], isolated=False)
    entries = read_manifest(data_directory(arguments.data_dir) / "people" / "manifest.csv", recogniser.words)
    kinds = by_kind(entries)
    kinds["reading"] = kinds["reading"][:: arguments.every]
    rows = []

    # a listener is made anew for each change, as it takes some of its constants when it is made
    def of_files() -> Callable[[Entry], list[str]]:
        files = FileListener(settings, recogniser)
        return lambda entry: [digit["digit"] for digit in files.hear(str(entry.path))["digits"]]

    def of_streams() -> Callable[[Entry], list[str]]:
        live = RealTimeInference(recogniser, VoiceActivityDetector(KINDS[0], recogniser.sample_rate))
        return lambda entry: live_digits(entry.path, live)

    for way, made, changes in (
        ("files", of_files, {**FILE_CHANGES, **thresholds()}),
        ("live", of_streams, LIVE_CHANGES),
    ):
        print(way, flush=True)
        for name, change in {"as it is": None, **changes}.items():
            with changed(recogniser, change):
                row = {"heard": way, "change": name, **heard(made(), kinds)}
            rows.append(row)
            print(as_line(row), flush=True)
    if arguments.output:
        write_json(arguments.output, {"rows": rows})


def thresholds() -> dict[str, Change]:
    """Each threshold of the recogniser at each of its other values."""
    return {f"{name} {value:g}": (None, name, value) for name, values in THRESHOLDS.items() for value in values}


@contextmanager
def changed(recogniser: Recogniser, change: Change | None) -> Iterator[None]:
    """One number at another value, for a while."""
    if change is None:
        yield
        return
    place, name, value = change
    place = place or recogniser
    before = getattr(place, name)
    setattr(place, name, value)
    try:
        yield
    finally:
        setattr(place, name, before)


def heard(digits: Callable[[Entry], list[str]], kinds: dict[str, list[Entry]]) -> dict[str, Any]:
    """The three figures."""
    right = sum(digits(entry) == list(entry.words) for entry in kinds["isolated"])
    errors = sum((edits(entry.words, digits(entry)) for entry in kinds["strings"]), NO_EDITS)
    minutes = sum(soundfile.info(entry.path).duration for entry in kinds["reading"]) / 60
    false = sum(len(digits(entry)) for entry in kinds["reading"])
    return {
        "isolated": right / len(kinds["isolated"]),
        "strings": (errors.substitutions + errors.deletions + errors.insertions) / errors.words,
        "deletions": errors.deletions,
        "a_minute": false / minutes,
    }


def as_line(row: dict[str, Any]) -> str:
    return (
        f"{row['change']:<30} isolated {100 * row['isolated']:6.2f}%   strings {100 * row['strings']:6.2f}% "
        f"({row['deletions']} missed)   {row['a_minute']:5.2f} digits a minute of reading"
    )


def parse_arguments() -> argparse.Namespace:
    parser = FlagParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", type=nonempty, help="default: $DWINDLE_DATA, else data/")
    parser.add_argument("--model", type=pathname, default=DEFAULT_MODEL)
    parser.add_argument("--network", type=pathname, metavar="CHECKPOINT", help="this network in its place")
    parser.add_argument("--every", type=positive_int, default=1, help="of the recordings of reading, every so many")
    parser.add_argument("--output", type=pathname, help="write all numbers as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
