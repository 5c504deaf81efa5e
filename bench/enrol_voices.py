"""A word enrolled from one to ten recordings by one synthetic speaker: what five and ten are worth.

    python -m bench.enrol_voices --data_dir DIR --output logs/enrol_voices.json

Nobody in people/ says a word that the released network did not learn more than five times. Kokoro does: mixtures of
two voices that training never mixed say words that no training held, each take at another speed, with another melody,
level and hiss. Everything else is as in bench/enrol.py, false accepts in real people reading too. Synthetic takes are
more alike than a person's: compare the rows of one, three and four recordings with those of bench/enrol.py.
"""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from bench.enrol import asked_of, command, in_hiss, other_speakers, read_aloud, row
from bench.word_trials import Heard, same_speaker
from dwindle.errors import run
from dwindle.infer.speech import SAMPLE_RATE
from dwindle.infer.speech.enrol import LEAST_SIMILARITY, direction_of
from dwindle.infer.speech.model import Recogniser
from dwindle.tasks.speech.kokoro import engine_in
from dwindle.tasks.speech.kokoro_prompts import MARKS, OTHER, VOICES, Prompt, drawn_accent, prompts
from dwindle.tasks.speech.store import FULL_SCALE
from dwindle.tasks.speech.voices import DAMAGED, SpokenClip, cache_directory, load_clips, save_clips

# names that machines are called by (eight of Picovoice's built-in ones), and short commands
WORDS = [
    *("jarvis", "americano", "blueberry", "bumblebee", "grapefruit", "grasshopper", "porcupine", "terminator"),
    *("snooze", "undo", "rewind", "shuffle"),
]
SEED, RECIPE_VERSION = 0, 1  # raise the latter when the same take would sound different
SPEAKERS, TAKES = 12, 12
COUNTS = (1, 3, 4, 5, 10)  # recordings that enrol a word
EVERY_TRIAL = 3
SPEEDS, TAKE_PACE = (0.85, 1.2), 0.12  # a speaker's, and by what share a take is faster or slower at most
MIXED = (0.35, 0.65)  # the first voice's share
MELODIES = tuple(MARKS)
HISS_DB, LEVEL_DB = (-40.0, -20.0), (-12.0, 0.0)  # of the hiss, beside the word; of both
SILENCE_S = 0.3  # on each side of the word


def main() -> None:
    command(__doc__, measured, 10.0)


def measured(data_dir: Path, recogniser: Recogniser, minutes: float) -> dict[str, Any]:
    """Every figure; nothing is chosen here, so all speakers measure."""
    clips = [clip for number in tqdm(range(SPEAKERS), "speakers", disable=None) for clip in takes_by(number, data_dir)]
    heard = [heard_take(recogniser, clip, number) for number, clip in enumerate(tqdm(clips, "listening", disable=None))]
    reading = read_aloud(recogniser, data_dir, minutes)
    trials = {("same speaker", count): same_speaker(heard, count)[::EVERY_TRIAL] for count in COUNTS}
    trials |= {("other speakers", count): other_speakers(heard, count) for count in COUNTS}
    rows = [
        {"speakers": who, "recordings": count, "trials": len(found), **row(found, heard[::TAKES], reading, [])}
        for (who, count), found in trials.items()
    ]
    half = {"minutes": sum(one.minutes for one in reading), "rows": rows}
    return {"least_similarity": LEAST_SIMILARITY, "measuring": half}


def takes_by(number: int, data_dir: Path) -> list[SpokenClip]:
    """All that one speaker says, every word TAKES times; kept once it was said."""
    path = cache_directory() / f"enrol_voices-{RECIPE_VERSION}-{number}.npz"
    try:
        return load_clips(path)
    except DAMAGED:  # or not said yet
        engine = engine_in(data_dir)
        save_clips(path, [engine.say(prompt) for prompt in prompts_of(number)])
        return load_clips(path)


def prompts_of(number: int) -> list[Prompt]:
    """A speaker has two voices, an accent and a pace of his own; his takes differ in pace and melody."""
    rng = np.random.default_rng([SEED, number])
    while frozenset(pair := rng.choice(VOICES, 2, replace=False)) in mixed_in_training():
        pass
    speaker = f"{pair[0]}:{rng.uniform(*MIXED):.2f}+{pair[1]}"
    changes, pace = drawn_accent(rng), rng.uniform(*SPEEDS)
    return [
        Prompt(OTHER, word, "", changes, speaker, float(pace * step), str(rng.choice(MELODIES)))
        for word in WORDS
        for step in rng.uniform(1 - TAKE_PACE, 1 + TAKE_PACE, TAKES)
    ]


@cache
def mixed_in_training() -> set[frozenset[str]]:
    """The pairs of voices that any prompt of training is said by."""
    speakers = {prompt.speaker for chunk in prompts() for prompt in chunk}
    return {frozenset(part.partition(":")[0] for part in speaker.split("+")) for speaker in speakers}


def heard_take(recogniser: Recogniser, clip: SpokenClip, number: int) -> Heard:
    """With silence around it, at some level, in some hiss."""
    rng = np.random.default_rng([SEED, number])
    word = clip.samples.astype(np.float32) / FULL_SCALE
    samples = np.pad(word, round(SILENCE_S * SAMPLE_RATE))
    loudness = float(np.sqrt(np.mean(word**2)))
    samples += loudness * 10 ** (rng.uniform(*HISS_DB) / 20) * rng.standard_normal(len(samples)).astype(np.float32)
    samples *= 10 ** (rng.uniform(*LEVEL_DB) / 20)
    asked = asked_of(recogniser, in_hiss(recogniser, samples))
    return Heard(clip.word, clip.voice, *asked, direction_of(recogniser, samples))


if __name__ == "__main__":
    run(main)
