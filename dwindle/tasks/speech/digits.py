"""The task that everything began with: English digits, zero to nine, and a way to say "that was no digit"."""

from dwindle.errors import UsageError, UserError

from dwindle.data import fetch_command
from dwindle.data.source import DATA_SETS
from dwindle.infer.speech import REJECT
from dwindle.task import TaskOptions
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
from dwindle.tasks.speech.store import ClipStore, joined, open_store
from dwindle.tasks.speech.words import SpokenData, SpokenWords

LABELS = (*"0123456789", REJECT)
CORPORA = ("fsdd", "speech_commands", "negatives", "voices")
NOISE_LEVELS_DB = (20, 10, 0)
# who says digits says several; a cough that sounds like one is alone, and often amid other noise
STRICTER = {"lone_threshold": 0.75, "noisy_threshold": 0.93}


def open_task(options: TaskOptions) -> SpokenWords:
    """The digits of the chosen corpora."""
    chosen = options.corpora or CORPORA
    if unknown := [name for name in chosen if name not in CORPORA]:
        raise UsageError(f"unknown corpus {unknown[0]!r}: choose from {', '.join(CORPORA)}")
    if options.words_dir:
        raise UsageError("--words_dir belongs to --task own_words")
    return SpokenWords("spoken_digits", LABELS, lambda: _load(options, chosen), STRICTER)


def _load(options: TaskOptions, chosen: tuple[str, ...]) -> SpokenData:
    """Read the corpora and part them by use."""
    found = {name: getattr(corpora, name)(options.data_dir) for name in chosen if name != "voices"}
    if missing := [name for name in options.corpora or () if not found.get(name, True)]:
        cure = f": get it with: {fetch_command(missing[0], options.data_dir)}" if missing[0] in DATA_SETS else ""
        raise UserError(f"{options.data_dir}: no recordings of {missing[0]} there{cure}")
    clips = [clip for corpus in found.values() for clip in corpus]
    if not any(clip.label != REJECT for clip in clips):
        raise UserError(
            f"{options.data_dir}: no spoken digits there: get some with: {fetch_command('fsdd', options.data_dir)}"
        )
    if options.hold_out_speaker:
        clips = corpora.hold_out(clips, options.hold_out_speaker)
    for split in (TRAIN, VALIDATION):
        if not any(clip.split == split and clip.label != REJECT for clip in clips):
            raise UserError(f"no digits for {split} are left in {', '.join(found)}: choose more --corpora")
    recordings, noises = open_store(clips), noise_windows(options.data_dir)
    training = [part(recordings, TRAIN), hiss_windows()]
    if noises is not None:
        training.append(part(noises, TRAIN))
    if "voices" in chosen:
        training.append(digit_voices(options.seed))
    validation, tests = _judging_sets(recordings, noises)
    return SpokenData(
        joined(training),
        None if noises is None else part(noises, TRAIN),
        validation,
        tests,
        calibration="unseen_speakers" if "unseen_speakers" in validation else "fsdd_validation",
        phrases=lambda: digit_phrases(options.seed) if "voices" in chosen else None,
    )


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
