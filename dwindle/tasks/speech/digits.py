"""The task that everything began with: English digits, zero to nine, and a way to say "that was no digit"."""

import argparse
import sys
from pathlib import Path

from dwindle.checkpoint import Checkpoint
from dwindle.data import data_directory, fetch_command
from dwindle.data.source import DATA_SETS
from dwindle.errors import UsageError, UserError
from dwindle.infer.speech import REJECT
from dwindle.tasks.speech import corpora
from dwindle.tasks.speech.corpora import HELD_OUT, TEST, TRAIN, VALIDATION
from dwindle.tasks.speech.datasets import (
    HeardClips,
    digit_phrases,
    digit_voices,
    heard,
    hiss_windows,
    in_noise,
    noise_windows,
    part,
    where,
)
from dwindle.tasks.speech.front_ends import add_front_end, chosen_front_end
from dwindle.tasks.speech.kokoro import KOKORO, kokoro_phrases, kokoro_words, model_folder
from dwindle.tasks.speech.running_speech import RUNNING, running_phrases, running_windows
from dwindle.tasks.speech.store import ClipStore, joined, open_store
from dwindle.tasks.speech.words import SpokenData, SpokenWords

LABELS = (*"0123456789", REJECT)
HEADLINE = ("fsdd_test", "unseen_speakers", "noise_10_db", "other_words_validation_rejected")
RECORDED = ("fsdd", "speech_commands", "negatives")  # word by word
CORPORA = (*RECORDED, RUNNING, "voices", KOKORO)
NOISE_LEVELS_DB = (20, 10, 0)
# who says digits says several; a cough that sounds like one is alone, and often amid other noise: log entry 75
STRICTER = {"lone_threshold": 0.5, "noisy_threshold": 0.75, "speech_threshold": 0.95}


def add_options(group: argparse._ArgumentGroup) -> None:
    """Which recordings to learn from, and what to hear them with."""
    group.add_argument("--corpora", nargs="+", metavar="NAME", help="only these, e.g. fsdd speech_commands")
    group.add_argument("--hold_out_speaker", metavar="NAME", help="an FSDD speaker that training never hears")
    add_front_end(group)


def open_task(options: argparse.Namespace, made_from: Checkpoint | None = None) -> SpokenWords:
    """The digits of the chosen corpora. A later stage parts the clips as they were parted in training."""
    chosen = tuple(options.corpora or CORPORA)
    if unknown := [name for name in chosen if name not in CORPORA]:
        raise UsageError(f"unknown corpus {unknown[0]!r}: choose from {', '.join(CORPORA)}")
    speaker = options.hold_out_speaker
    if made_from:
        never_heard = made_from.provenance.get("held_out_speaker")
        if speaker and "fsdd" in made_from.corpora and speaker != never_heard:
            raise UsageError(
                f"--hold_out_speaker {speaker}: the checkpoint has heard that speaker: train one that has not"
            )
        speaker = never_heard or speaker
    data_dir, seed = data_directory(options.data_dir), made_from.seed if made_from else options.seed

    def load() -> SpokenData:
        return _load(data_dir, chosen, bool(options.corpora), speaker, seed)

    front_end = chosen_front_end(options, made_from)
    return SpokenWords("spoken_digits", LABELS, load, STRICTER, speaker, HEADLINE, front_end)


def _load(data_dir: Path, chosen: tuple[str, ...], asked_for: bool, speaker: str | None, seed: int) -> SpokenData:
    """Read the corpora and part them by use; what was asked for by name must be there."""
    found = {name: getattr(corpora, name)(data_dir) for name in chosen if name in RECORDED}
    spoken = kokoro_words() if KOKORO in chosen else None
    running = running_windows(data_dir) if RUNNING in chosen else None
    if KOKORO in chosen and spoken is None:
        _without_kokoro(data_dir, asked_for)
    missing = [name for name, clips in found.items() if not clips] + [RUNNING] * (RUNNING in chosen and running is None)
    if asked_for and missing:
        cure = f": get it with: {fetch_command(missing[0], data_dir)}" if missing[0] in DATA_SETS else ""
        raise UserError(f"{data_dir}: no recordings of {missing[0]} there{cure}")
    clips = [clip for corpus in found.values() for clip in corpus]
    if not any(clip.label != REJECT for clip in clips):
        raise UserError(f"{data_dir}: no spoken digits there: get some with: {fetch_command('fsdd', data_dir)}")
    if speaker:
        clips = corpora.hold_out(clips, speaker)
    for split in (TRAIN, VALIDATION):
        if not any(clip.split == split and clip.label != REJECT for clip in clips):
            raise UserError(f"no digits for {split} are left in {', '.join(found)}: choose more --corpora")
    recordings, noises = open_store(clips), noise_windows(data_dir)

    def taught() -> ClipStore:
        voices = digit_voices(seed) if "voices" in chosen else None
        background = None if noises is None else part(noises, TRAIN)
        stores = [part(recordings, TRAIN), hiss_windows(), background, voices, spoken, running]
        return joined([store for store in stores if store])

    validation, tests = _judging_sets(recordings, noises)
    return SpokenData(
        taught,
        None if noises is None else part(noises, TRAIN),
        validation,
        tests,
        calibration="unseen_speakers" if "unseen_speakers" in validation else "fsdd_validation",
        phrases=lambda: _phrases(data_dir, chosen, seed),
        reading=running,
    )


def _phrases(data_dir: Path, chosen: tuple[str, ...], seed: int) -> ClipStore | None:
    """Several words in one breath, by synthetic voices and by people reading."""
    makers = {"voices": lambda: digit_phrases(seed), KOKORO: kokoro_phrases, RUNNING: lambda: running_phrases(data_dir)}
    stores = [store for name, make in makers.items() if name in chosen and (store := make())]
    return joined(stores) if stores else None


def _without_kokoro(data_dir: Path, asked_for: bool) -> None:
    """Its voices take hours to make: who did not ask for them trains without."""
    get = f"{fetch_command(KOKORO, data_dir)} && " if model_folder(data_dir) is None else ""
    text = f"no voices of Kokoro are kept yet: make some with: {get}python -m dwindle.tasks.speech.kokoro"
    if asked_for:
        raise UserError(text)
    print(f"left out: {text}", file=sys.stderr)


def _judging_sets(
    recordings: ClipStore, noises: ClipStore | None
) -> tuple[dict[str, HeardClips], dict[str, HeardClips]]:
    """Named sets; the ones that choices are made by first. A corpus that is not there gives no set."""
    wanted = {
        "fsdd_validation": ("fsdd", VALIDATION),
        "unseen_speakers": ("speech_commands", VALIDATION),
        "other_words_validation": ("other_words", VALIDATION),
        "wake_words_validation": ("wake_words", VALIDATION),
    }
    validation = _sets(recordings, wanted)
    tests = _sets(
        recordings,
        {
            "fsdd_test": ("fsdd", TEST),
            "speech_commands_test": ("speech_commands", TEST),
            "held_out_speaker": ("fsdd", HELD_OUT),
            "other_words_test": ("other_words", TEST),
            "wake_words_test": ("wake_words", TEST),
        },
    )
    unheard = None if noises is None else part(noises, VALIDATION)
    if unheard:
        validation["noise_validation"] = heard(unheard, range(len(unheard)))
        if "unseen_speakers" in validation:
            for level_db in NOISE_LEVELS_DB:
                tests[f"noise_{level_db}_db"] = in_noise(validation["unseen_speakers"], unheard, level_db)
    return validation, tests


def _sets(store: ClipStore, wanted: dict[str, tuple[str, str]]) -> dict[str, HeardClips]:
    found = {name: where(store, lambda clip, w=w: (clip.corpus, clip.split) == w) for name, w in wanted.items()}
    return {name: heard(store, keep) for name, keep in found.items() if len(keep)}
