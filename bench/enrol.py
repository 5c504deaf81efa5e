"""A word enrolled from a few recordings: how often it is heard, and what else is taken for it.

    python -m bench.enrol --data_dir DIR --output logs/enrol.json
    python -m bench.enrol --data_dir DIR --model FILE --minutes 7

Words that no network here learns as words, by speakers who were in no training (Speech Commands' others), through the
listener that hears streams; false accepts in people reading. Half of the speakers chose the least similarity, the
figures are of the other half. Beside it a logistic regression on the same embeddings (openWakeWord's way), both also
at the threshold that gives each word one false accept in ten minutes. Recordings that are there twice count once.
"""

import argparse
import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dwindle.cli import FlagParser, nonempty, pathname, positive_float
from dwindle.data import data_directory
from dwindle.edits import Edits, error_rate_interval
from dwindle.errors import UserError, run
from dwindle.files import sha256_of, write_json
from dwindle.infer.model_file import DEFAULT_TASK, released_model
from dwindle.infer.speech.enrol import LEAST_SIMILARITY, direction_of, prototype_of
from dwindle.infer.speech.enrolled import EnrolledWords, Match
from dwindle.infer.speech.file_listener import HISS_AROUND_S
from dwindle.infer.speech.listener import RealTimeInference
from dwindle.infer.speech.model import Recogniser
from dwindle.infer.speech.padding import amid_own_hiss
from dwindle.infer.speech.sound_file import read_audio, sound_files
from dwindle.infer.speech.spotter import RELEASED, SETTLED_RUNS, Spotter
from dwindle.metrics import Metric, accuracy_by_group
from dwindle.tasks.speech.corpora import TRAIN, Clip, negatives

TAKES = 5  # of one word by one speaker: all but one enrol it, each in turn is the test
SAME_SPEAKER, OTHER_SPEAKERS = (1, 3, 4), (1, 3, 5, 10)  # recordings that enrol a word
DRAWS = 10  # of other speakers, for each word
LEAST = (0.50, 0.60, 0.65, 0.70, 0.75, 0.80)
ALLOWED_A_MINUTE = 0.1
RIDGE = 1.0  # of the logistic regression, on directions of length 1
STEPS = 25


@dataclass(frozen=True)
class Heard:
    """A recording as the listener heard it: where each run of the network put its sound, and when."""

    word: str
    speaker: str
    times_s: np.ndarray
    directions: np.ndarray
    whole: np.ndarray | None = None  # of a clip of one word: as enrolment hears it
    minutes: float = 0.0


@dataclass(frozen=True)
class Trial:
    """A word enrolled from some recordings, and recordings in which it should be heard."""

    word: str
    enrolled: tuple[Heard, ...]
    tests: tuple[Heard, ...]


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
    parser = FlagParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", type=nonempty, help="default: $DWINDLE_DATA, else data/")
    parser.add_argument("--model", type=pathname, default=released_model(DEFAULT_TASK))
    parser.add_argument("--minutes", type=positive_float, default=60.0, help="of reading, at most (default 60)")
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
    clips = [heard_clip(recogniser, clip) for clip in clips_to_judge(data_dir)]
    reading = read_aloud(recogniser, data_dir, minutes)
    if not clips or not reading:
        raise UserError(f"{data_dir}: no other words by speakers kept for tests, or nobody reading, there")
    report: dict[str, Any] = {"least_similarity": LEAST_SIMILARITY}
    for half, is_chosen_by in (("choosing", True), ("measuring", False)):
        mine = [clip for clip in clips if chooses(clip.speaker) == is_chosen_by]
        stream = [one for one in reading if chooses(one.speaker) == is_chosen_by]
        others = [clip for clip in clips if chooses(clip.speaker) != is_chosen_by]  # what a regression learns from
        trials = {("same speaker", count): same_speaker(mine, count) for count in SAME_SPEAKER}
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


def heard_clip(recogniser: Recogniser, clip: Clip) -> Heard:
    """A clip of one word, as a file of one word is heard."""
    samples = read_audio(clip.path, recogniser.sample_rate)
    around = round(2 * HISS_AROUND_S * recogniser.sample_rate)
    times_s, directions = asked_of(recogniser, amid_own_hiss(samples, len(samples) + around, recogniser.sample_rate))
    return Heard(clip.path.parent.name, clip.speaker, times_s, directions, direction_of(recogniser, samples))


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


def chooses(speaker: str) -> bool:
    """Half of the speakers, by their names alone."""
    return hashlib.sha256(speaker.encode()).digest()[0] % 2 == 0


def same_speaker(clips: Sequence[Heard], count: int) -> list[Trial]:
    """Each take of a word in turn is the test, and `count` of the others by the same speaker enrol it."""
    groups: dict[tuple[str, str], list[Heard]] = defaultdict(list)
    for clip in clips:
        groups[clip.word, clip.speaker].append(clip)
    return [
        Trial(word, tuple((takes[number + 1 :] + takes[:number])[:count]), (test,))
        for (word, _), takes in groups.items()
        for number, test in enumerate(takes)
    ]


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
        taken, by = [], []
        for trial, prototype in zip(trials, prototypes, strict=True):
            wrong = [clip for clip in clips if clip.word != trial.word]
            taken += [float((clip.directions @ prototype).max(initial=-1.0)) >= least for clip in wrong]
            by += [clip.speaker for clip in wrong]
        found["other_words_taken"][key] = accuracy_by_group(taken, by).as_row()
    regressions = [regression(trial, others) for trial in trials]
    found["right_at_equal_false_accepts"] = {
        "prototype": at_equal_false_accepts(trials, prototypes, stream).as_row(),
        "logistic regression": at_equal_false_accepts(trials, regressions, stream).as_row(),
    }
    return found


def times_found(heard: Heard, weights: np.ndarray, least: float) -> int:
    """How often a spotter finds a word in what was heard; runs far from any match change nothing in it."""
    scores = heard.directions @ weights
    near = np.flatnonzero(scores >= least - RELEASED)
    runs = np.unique(np.add.outer(near, np.arange(SETTLED_RUNS + 1)).ravel()).astype(int)
    spotter, found = Spotter(), 0
    for run_number in runs[runs < len(scores)]:
        match = Match("word", float(scores[run_number]), least)
        found += spotter.follow(match, float(heard.times_s[run_number])) is not None
    return found + (spotter.finish() is not None)


def false_accepts(words: Sequence[np.ndarray], stream: Sequence[Heard], least: float) -> Metric:
    """A minute of people reading, the mean over words; the interval draws the people anew."""
    hits = [sum(times_found(one, word, least) for word in words) for one in stream]
    seconds = [max(1, round(60 * one.minutes * len(words))) for one in stream]
    low, high = error_rate_interval([Edits(0, 0, hit, long) for hit, long in zip(hits, seconds, strict=True)])
    return Metric(60 * sum(hits) / sum(seconds), 60 * low, 60 * high, sum(hits), "a minute", False)


def regression(trial: Trial, others: Sequence[Heard]) -> np.ndarray:
    """Weights of a ridge-penalised logistic regression: the enrolling recordings against all that others said."""
    positive = np.stack([one.whole for one in trial.enrolled])
    negative = np.concatenate([one.directions[::3] for one in others if one.word != trial.word])
    x = np.concatenate([positive, negative]).astype(np.float64)
    x = np.hstack([x, np.ones((len(x), 1))])
    target = np.arange(len(x)) < len(positive)
    balance = np.where(target, len(negative) / len(positive), 1.0) * len(positive) / len(x)
    weights = np.zeros(x.shape[1])
    penalty = RIDGE * np.diag([*np.ones(x.shape[1] - 1), 1e-6]) * len(positive) / 10
    for _ in range(STEPS):
        share = 1 / (1 + np.exp(-np.clip(x @ weights, -30, 30)))
        gradient = x.T @ (balance * (share - target)) + penalty @ weights
        curvature = (x * (balance * share * (1 - share))[:, None]).T @ x + penalty
        step = np.linalg.solve(curvature, gradient)
        weights -= step
        if np.abs(step).max() < 1e-4:
            break
    return weights[:-1] / max(float(np.linalg.norm(weights[:-1])), 1e-9)


def at_equal_false_accepts(trials: list[Trial], words: list[np.ndarray], stream: list[Heard]) -> Metric:
    """Right with each word's own threshold."""
    right, speakers = [], []
    for trial, weights in zip(trials, words, strict=True):
        right += right_at_allowed(trial, weights, stream)
        speakers += [test.speaker for test in trial.tests]
    return accuracy_by_group(right, speakers)


def right_at_allowed(trial: Trial, weights: np.ndarray, stream: list[Heard]) -> list[bool]:
    """Which tests are found at the lowest threshold that gives the word no more false accepts than are allowed."""
    minutes = sum(one.minutes for one in stream)
    low, high = -1.0, 1.0
    for _ in range(8):
        middle = (low + high) / 2
        many = sum(times_found(one, weights, middle) for one in stream) > ALLOWED_A_MINUTE * minutes
        low, high = (middle, high) if many else (low, middle)
    return [times_found(test, weights, high) > 0 for test in trial.tests]


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
