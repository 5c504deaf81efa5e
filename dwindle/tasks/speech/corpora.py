"""Corpora: which recordings there are, who speaks what in them, and on which side of a split each one stands."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from dwindle.errors import UserError
from dwindle.infer.speech import REJECT
from dwindle.infer.speech.sound_file import sound_files
from dwindle.tasks.speech.vocabulary import DIGIT_WORDS

TRAIN, VALIDATION, TEST, HELD_OUT = "train", "validation", "test", "held_out"
HISS = "hiss"  # the corpus that nobody recorded
FSDD_SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")


@dataclass(frozen=True)
class Clip:
    """One recording: where it is, what is said in it, by whom, and what it may be used for."""

    path: Path
    label: str
    speaker: str
    corpus: str
    split: str


def fsdd(data_dir: Path) -> list[Clip]:
    """Free Spoken Digit Dataset: takes 0-4 are the official test set, 5-9 validation, the rest training."""
    clips = []
    for path in sound_files(data_dir / "fsdd" / "recordings"):
        named = re.fullmatch(r"([0-9])_([^_]+)_([0-9]+)", path.stem)
        if named is None:
            raise UserError(f"{path}: not named like an FSDD recording ({{digit}}_{{speaker}}_{{take}}): move it away")
        digit, speaker, take = named.groups()
        split = TEST if int(take) < 5 else VALIDATION if int(take) < 10 else TRAIN
        clips.append(Clip(path, digit, speaker, "fsdd", split))
    return clips


def hold_out(clips: Iterable[Clip], speaker: str) -> list[Clip]:
    """Every clip of one speaker moved to the held-out side, whatever its split was."""
    clips = list(clips)
    voices = sorted({clip.speaker for clip in clips if clip.corpus == "fsdd"})
    if speaker not in voices:
        those = f"choose from {', '.join(voices)}" if voices else "there is no FSDD"
        raise UserError(f"no speaker {speaker!r} of FSDD to hold out: {those}")
    return [replace(clip, split=HELD_OUT) if clip.speaker == speaker else clip for clip in clips]


def speech_commands(data_dir: Path) -> list[Clip]:
    """Speech Commands v0.02 by its own lists: digit words carry their digit, all other words are rejected."""
    root = data_dir / "speech_commands"
    validation = _listed(root / "validation_list.txt")
    testing = _listed(root / "testing_list.txt")
    clips = []
    for path in sound_files(root):
        word = path.parent.name
        if word.startswith("_"):  # _background_noise_ is noise, not a word
            continue
        name = f"{word}/{path.stem}"
        split = VALIDATION if name in validation else TEST if name in testing else TRAIN
        is_digit = word in DIGIT_WORDS
        label, corpus = (str(DIGIT_WORDS.index(word)), "speech_commands") if is_digit else (REJECT, "other_words")
        clips.append(Clip(path, label, path.stem.split("_nohash_")[0], corpus, split))
    return clips


def negatives(data_dir: Path) -> list[Clip]:
    """Words that are no digits, split 60/20/20: Speech Commands by speaker, wake phrases by file (no names there)."""
    root = data_dir / "negatives"
    tested = _listed(data_dir / "speech_commands" / "testing_list.txt")
    clips = []
    for path in sound_files(root / "speech_commands"):
        if f"{path.parent.name}/{path.stem}" in tested:  # the whole archive is here too and tests with this one
            continue
        speaker = path.stem.split("_nohash_")[0]
        clips.append(Clip(path, REJECT, speaker, "other_words", _three_way_split(speaker)))
    for path in sound_files(root / "wake_words"):
        name = f"{path.parent.name}/{path.stem}"
        clips.append(Clip(path, REJECT, name, "wake_words", _three_way_split(name)))
    return clips


def noise(data_dir: Path) -> list[Clip]:
    """Background sound: ESC-10 folds 1-2 train and 3 validates; Speech Commands' own recordings train."""
    clips = [
        Clip(path, REJECT, path.stem, "noise", TRAIN)
        for folder in (data_dir / "noise" / "speech_commands", data_dir / "speech_commands" / "_background_noise_")
        for path in sound_files(folder)
    ]
    for path in sound_files(data_dir / "noise" / "esc10"):
        split = VALIDATION if path.stem.startswith("3-") else TRAIN
        clips.append(Clip(path, REJECT, path.stem, "noise", split))
    return clips


def words(folder: Path) -> list[Clip]:
    """A person's own folder, `{word}/*.wav` in any format: 80/20 by speaker where file names carry one, else by file.

    The names alone decide, so that models of different seeds may teach each other.

    A name carries a speaker when it reads `anna_03` or `anna_nohash_0`, at least four different names occur, and no
    word has a single one (`yes/yes_03`). A word named `reject` (or `_reject_`) holds sounds that are none of the words;
    `_background_noise_` and other such names are no words.
    """
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder: it should hold one folder of recordings for each word")
    paths = [path for path in sound_files(folder) if path.parent != folder and _own_word(path)]
    if len({_own_word(path) for path in paths} - {REJECT}) < 2:
        raise UserError(f"{folder}: needs at least two words, each a folder with recordings in it")
    names = {path: match.group(1) for path in paths if (match := re.fullmatch(r"(.+?)_(?:nohash_)?\d+", path.stem))}
    names_of_word = defaultdict(set)
    for path, name in names.items():
        names_of_word[_own_word(path)].add(name)
    enough = len(set(names.values())) >= 4 and all(len(found) > 1 for found in names_of_word.values())
    by_speaker = enough and len(names) == len(paths)
    fractions = {path: _fraction(names[path] if by_speaker else f"{_own_word(path)}/{path.stem}") for path in paths}
    among = {path: "all voices" if by_speaker else _own_word(path) for path in paths}  # of whom at least one validates
    lowest = {group: min(fractions[path] for path in paths if among[path] == group) for group in set(among.values())}
    clips = []
    for path in paths:
        validates = fractions[path] <= max(0.2, lowest[among[path]])
        speaker = names[path] if by_speaker else folder.name  # one voice, else a string would repeat one recording
        clips.append(Clip(path, _own_word(path), speaker, "own_words", VALIDATION if validates else TRAIN))
    return clips


def _own_word(path: Path) -> str:
    """The word that a recording's folder names; nothing for a folder that is none."""
    name = path.parent.name
    return REJECT if name.strip("_") == REJECT else "" if name.startswith("_") else name


def _listed(path: Path) -> set[str]:
    """Names without suffix: the archive's lists say .wav, a converted copy may hold .flac."""
    if not path.is_file():
        return set()
    return {line.rsplit(".", 1)[0] for line in path.read_text(encoding="utf-8").split()}


def _three_way_split(name: str) -> str:
    fraction = _fraction(name)
    return TRAIN if fraction < 0.6 else VALIDATION if fraction < 0.8 else TEST


def _fraction(name: str) -> float:
    """A number in [0, 1) that depends on the name alone, so that a split never changes when files are added."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64
