"""A word enrolled from a few recordings: how often it is heard, and what else is taken for it.

    python -m bench.enrol --data_dir DIR --output logs/enrol.json
    python -m bench.enrol --data_dir DIR --model FILE --minutes 7

Words that no network here learns as words, by speakers who were in no training (Speech Commands' others), through the
listener that hears streams (for a model of other words: digits, of which a speaker has said each ten times or
more); false accepts in people reading. Half of the speakers chose the least similarity, the
figures are of the other half. Beside it a logistic regression on the same embeddings (openWakeWord's way), both also
at the threshold that gives each word one false accept in ten minutes. Recordings that are there twice count once.
"""

import argparse
import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from bench.people import by_kind
from bench.word_trials import (
    Heard,
    Trial,
    at_equal_false_accepts,
    chooses,
    false_accepts,
    regression,
    same_speaker,
    times_found,
)
from dwindle.cli import FlagParser, nonempty, pathname, positive_float
from dwindle.data import data_directory
from dwindle.errors import UserError, run
from dwindle.files import sha256_of, write_json
from dwindle.infer.model_file import DEFAULT_TASK, released_model
from dwindle.infer.speech import REJECT
from dwindle.infer.speech.enrol import LEAST_SIMILARITY, direction_of, prototype_of
from dwindle.infer.speech.enrolled import EnrolledWords, Match
from dwindle.infer.speech.evaluate import read_manifest
from dwindle.infer.speech.file_listener import HISS_AROUND_S
from dwindle.infer.speech.listener import RealTimeInference
from dwindle.infer.speech.model import Recogniser
from dwindle.infer.speech.padding import amid_own_hiss
from dwindle.infer.speech.sound_file import read_audio, sound_files
from dwindle.metrics import Metric, accuracy_by_group
from dwindle.tasks.speech.corpora import TEST, TRAIN, Clip, fsdd, negatives

TAKES = 5  # of one word by one speaker: all but one enrol it, each in turn is the test
SAME_SPEAKER, OTHER_SPEAKERS = (1, 3, 4), (1, 3, 5, 10)  # recordings that enrol a word
DIGITS = "0123456789"
MANY = 10
MANY_TAKES, EVERY_TRIAL = MANY + 1, 5  # of a digit; and every so many of their trials
DRAWS = 10  # of other speakers, for each word
LEAST = (0.50, 0.58, 0.62, 0.66, 0.70, 0.75)


class Recorder(EnrolledWords):
    """In the place of enrolled words: notes what the listener asks, and recognises nothing."""

    def __init__(self) -> None:
        super().__init__({})
        object.__setattr__(self, "asked", [])

    def __bool__(self) -> bool:
        return True

    def nearest(self, directions: Any) -> Match:
        self.asked.extend(directions)
        return Match("", -1.0, 0.0)


def main() -> None:
    command(__doc__, measured, 60.0)


def command(about: str | None, measured: Callable[[Path, Recogniser, float], dict[str, Any]], minutes: float) -> None:
    """The command line of a bench of enrolled words; so many minutes of reading by default."""
    parser = FlagParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", type=nonempty, help="default: $DWINDLE_DATA, else data/")
    parser.add_argument("--model", type=pathname, default=released_model(DEFAULT_TASK))
    parser.add_argument(
        "--minutes", type=positive_float, default=minutes, help=f"of reading, at most (default {minutes:g})"
    )
    parser.add_argument("--output", type=pathname, help="write all numbers as JSON")
    arguments = parser.parse_args()
    report = measured(data_directory(arguments.data_dir), Recogniser(arguments.model), arguments.minutes)
    print(as_table(report))
    if arguments.output:
        write_json(arguments.output, {"model_sha256": sha256_of(arguments.model), **report})


def measured(data_dir: Path, recogniser: Recogniser, minutes: float) -> dict[str, Any]:
    """Every figure, for the half of the speakers that chose and the half that was kept for measuring."""
    if recogniser.crowd is None:
        raise UserError(f"{recogniser.path}: made before words could be enrolled: export it again")
    knows_digits = not set(DIGITS).isdisjoint(recogniser.words)
    judged = clips_to_judge(data_dir) if knows_digits else digits_to_judge(data_dir)
    clips = [heard_clip(recogniser, clip) for clip in tqdm(judged, "listening", disable=None)]
    counts, every = (SAME_SPEAKER, 1) if knows_digits else (OTHER_SPEAKERS, EVERY_TRIAL)
    takes_of = Counter((clip.word, clip.speaker) for clip in clips)
    reading = read_aloud(recogniser, data_dir, minutes)
    if not clips or not reading:
        raise UserError(f"{data_dir}: no other words by speakers kept for tests, or nobody reading, there")
    report: dict[str, Any] = {"least_similarity": LEAST_SIMILARITY}
    for half, is_chosen_by in (("choosing", True), ("measuring", False)):
        mine = [clip for clip in clips if chooses(clip.speaker) == is_chosen_by]
        stream = [one for one in reading if chooses(one.speaker) == is_chosen_by]
        # what a regression learns from; with thousands of digits it would take hours
        others = [clip for clip in clips if chooses(clip.speaker) != is_chosen_by] if knows_digits else []
        trials = {("same speaker", count): same_speaker(mine, count)[::every] for count in counts if count < MANY}
        if not knows_digits:  # ten are compared with fewer by those who said each digit so often
            often = [clip for clip in mine if takes_of[clip.word, clip.speaker] == MANY_TAKES]
            trials |= {("one who said it eleven times", count): same_speaker(often, count)[::every] for count in counts}
        trials |= {("other speakers", count): other_speakers(mine, count) for count in OTHER_SPEAKERS}
        report[half] = {
            "minutes": sum(one.minutes for one in stream),
            "rows": [
                {"speakers": who, "recordings": count, "trials": len(found), **row(found, mine, stream, others)}
                for (who, count), found in trials.items()
                if found
            ],
        }
    return report


def clips_to_judge(data_dir: Path) -> list[Clip]:
    """Words with several takes by one speaker, none of them in training; what is there twice once."""
    once: dict[str, Clip] = {}
    for clip in negatives(data_dir):
        if clip.corpus == "other_words" and clip.split != TRAIN:
            once.setdefault(hashlib.sha256(clip.path.read_bytes()).hexdigest(), clip)
    takes: dict[tuple[str, str], list[Clip]] = defaultdict(list)
    for clip in once.values():
        takes[clip.path.parent.name, clip.speaker].append(clip)
    return [clip for found in takes.values() if len(found) >= TAKES for clip in found]


def digits_to_judge(data_dir: Path) -> list[Clip]:
    """Takes of each digit by each speaker of FSDD and of people/, for a model that no digit was in the training of."""
    entries = read_manifest(data_dir / "people" / "manifest.csv", list(DIGITS))
    people = [Clip(e.path, e.words[0], f"{e.corpus} {e.speaker}", e.corpus, TEST) for e in by_kind(entries)["isolated"]]
    takes: dict[tuple[str, str], list[Clip]] = defaultdict(list)
    for clip in [*fsdd(data_dir), *people]:
        takes[clip.label, clip.speaker].append(clip)
    return [clip for found in takes.values() for clip in found[:MANY_TAKES]]


def heard_clip(recogniser: Recogniser, clip: Clip) -> Heard:
    """A clip of one word, as a file of one word is heard."""
    samples = read_audio(clip.path, recogniser.sample_rate)
    asked = asked_of(recogniser, in_hiss(recogniser, samples))
    word = clip.path.parent.name if clip.label == REJECT else clip.label
    return Heard(word, clip.speaker, *asked, direction_of(recogniser, samples))


def in_hiss(recogniser: Recogniser, samples: np.ndarray) -> np.ndarray:
    """With the recording's own hiss on both sides, as a file of one word is listened to."""
    around = round(2 * HISS_AROUND_S * recogniser.sample_rate)
    return amid_own_hiss(samples, len(samples) + around, recogniser.sample_rate)


def read_aloud(recogniser: Recogniser, data_dir: Path, minutes: float) -> list[Heard]:
    """People reading, each recording by one of them."""
    found: list[Heard] = []
    for path in sound_files(data_dir / "people" / "reading"):
        if sum(one.minutes for one in found) >= minutes:
            break
        samples = read_audio(path, recogniser.sample_rate)
        asked = asked_of(recogniser, samples)
        found.append(Heard("", path.stem, *asked, minutes=len(samples) / recogniser.sample_rate / 60))
    return found


def asked_of(recogniser: Recogniser, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The times and directions of the runs that a listener makes of a recording."""
    recorder = Recorder()
    recogniser.enrolled = recorder
    inference, times_s = RealTimeInference(recogniser), []
    hop = round(0.048 * recogniser.sample_rate)
    for start in range(0, len(samples), hop):
        inference.process(samples[start : start + hop])
        times_s += [inference.position_s] * (len(recorder.asked) - len(times_s))
    inference.finish()
    times_s += [inference.position_s] * (len(recorder.asked) - len(times_s))
    recogniser.enrolled = EnrolledWords()
    return np.array(times_s), np.array(recorder.asked).reshape(len(times_s), -1)


def other_speakers(clips: Sequence[Heard], count: int) -> list[Trial]:
    """One recording by each of `count` speakers enrols a word; all that anybody else said of it are the tests."""
    rng = np.random.default_rng(0)
    trials = []
    for word in sorted({clip.word for clip in clips}):
        speakers = sorted({clip.speaker for clip in clips if clip.word == word})
        for _ in range(DRAWS if len(speakers) > count else 0):
            drawn = [str(name) for name in rng.choice(speakers, count, replace=False)]
            takes = [[clip for clip in clips if (clip.word, clip.speaker) == (word, name)] for name in drawn]
            tests = tuple(clip for clip in clips if clip.word == word and clip.speaker not in drawn)
            trials.append(Trial(word, tuple(one[rng.integers(len(one))] for one in takes), tests))
    return trials


def row(trials: list[Trial], clips: list[Heard], stream: list[Heard], others: list[Heard]) -> dict[str, Any]:
    """How a way of enrolling does, at each least similarity, and beside a regression at equal false accepts."""
    found: dict[str, Any] = {"right": {}, "false_a_minute": {}, "other_words_taken": {}}
    prototypes = [prototype_of([one.whole for one in trial.enrolled]) for trial in trials]
    for least in LEAST:
        key = f"{least:.2f}"
        right, speakers = [], []
        for trial, prototype in zip(trials, prototypes, strict=True):
            right += [times_found(test, prototype, least) > 0 for test in trial.tests]
            speakers += [test.speaker for test in trial.tests]
        found["right"][key] = accuracy_by_group(right, speakers).as_row()
        found["false_a_minute"][key] = false_accepts(prototypes, stream, least).as_row()
        taken = [
            (float((clip.directions @ prototype).max(initial=-1.0)) >= least, clip.speaker)
            for trial, prototype in zip(trials, prototypes, strict=True)
            for clip in clips
            if clip.word != trial.word
        ]
        found["other_words_taken"][key] = accuracy_by_group(*zip(*taken, strict=True)).as_row()
    ways = {"prototype": prototypes}
    if others:
        ways["logistic regression"] = [regression(trial, others) for trial in trials]
    equal = {way: at_equal_false_accepts(trials, weights, stream).as_row() for way, weights in ways.items()}
    return found | {"right_at_equal_false_accepts": equal}


def as_table(report: dict[str, Any]) -> str:
    """The measuring half for people, at the least similarity that is shipped."""
    key, half = f"{report['least_similarity']:.2f}", report["measuring"]
    lines = [f"least similarity {key}; {half['minutes']:.1f} minutes of reading"]
    for one in half["rows"]:
        rate = one["false_a_minute"][key]
        equal = {way: 100 * found["value"] for way, found in one["right_at_equal_false_accepts"].items()}
        lines.append(
            f"{one['recordings']:>2} by {one['speakers']}: right {Metric(**one['right'][key])}, "
            f"{10 * rate['value']:.2f} false in ten minutes ({10 * rate['low']:.2f}-{10 * rate['high']:.2f}), "
            f"other words taken {100 * one['other_words_taken'][key]['value']:.2f}%; at one in ten minutes: "
            + ", ".join(f"{way} {value:.1f}%" for way, value in equal.items())
        )
    return "\n".join(lines)


if __name__ == "__main__":
    run(main)
