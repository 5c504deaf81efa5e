"""Corpora: what each folder holds, how it is split, and that nothing stands on two sides."""

import errno
import os
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from dwindle.errors import UserError
from dwindle.infer.speech import REJECT
from dwindle.infer.speech.sound_file import sound_files
from dwindle.tasks.speech import corpora
from dwindle.tasks.speech.corpora import HELD_OUT, TEST, TRAIN, VALIDATION, Clip


def put(path: Path, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, 0.1 * np.random.default_rng(seed).standard_normal(800), 8_000)


def counts(clips: list[Clip], corpus: str) -> dict[str, int]:
    return dict(Counter(clip.split for clip in clips if clip.corpus == corpus))


def sides(clips: list[Clip], corpus: str) -> dict[str, set[str]]:
    """Of each speaker, the splits."""
    found = defaultdict(set)
    for clip in clips:
        if clip.corpus == corpus:
            found[clip.speaker].add(clip.split)
    return found


def test_one_speaker_is_held_out_everywhere(data_dir):
    clips = corpora.hold_out(corpora.fsdd(data_dir), "theo")
    assert sides(clips, "fsdd")["theo"] == {HELD_OUT}
    assert counts(clips, "fsdd") == {TRAIN: 2000, VALIDATION: 250, TEST: 250, HELD_OUT: 500}
    with pytest.raises(UserError, match="no speaker 'nobody' of FSDD to hold out: choose from george, jackson"):
        corpora.hold_out(clips, "nobody")
    others = corpora.speech_commands(data_dir)
    with pytest.raises(UserError, match="there is no FSDD"):  # nothing would judge that voice
        corpora.hold_out(others, others[0].speaker)


def test_a_folder_that_may_not_be_read_is_not_an_empty_one(tmp_path, monkeypatch):
    put(tmp_path / "open/a.wav")
    put(tmp_path / "locked/b.wav")
    assert len(list(sound_files(tmp_path))) == 2
    scan = os.scandir

    def scan_what_is_open(path):
        if Path(path).name == "locked":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", scan_what_is_open)  # root may read everything
    with pytest.raises(PermissionError, match="locked"):
        sound_files(tmp_path)


def test_hidden_files_beside_sound_are_left_out(tmp_path):
    """A regression: a folder copied from another system holds "._a.wav" beside "a.wav", and each was refused."""
    for name in ("a.wav", "._a.wav", ".trash/b.wav"):
        put(tmp_path / name)
    assert [path.name for path in sound_files(tmp_path)] == ["a.wav"]
    assert not list(sound_files(tmp_path / "nowhere"))


def test_a_stray_file_among_fsdd_is_named(tmp_path):
    put(tmp_path / "fsdd/recordings/0_theo_0.wav")
    put(tmp_path / "fsdd/recordings/copy of 1.wav")
    with pytest.raises(UserError, match=r"copy of 1\.wav: not named like an FSDD recording"):
        corpora.fsdd(tmp_path)


@pytest.fixture
def archive(tmp_path) -> Path:
    """The published layout of Speech Commands: words, lists that say .wav, and background noise."""
    root = tmp_path / "speech_commands"
    names = (
        "seven/aa_nohash_0 seven/bb_nohash_0 seven/cc_nohash_0 cat/aa_nohash_0 cat/cc_nohash_1 _background_noise_/hum"
    )
    for number, name in enumerate(names.split()):
        put(root / f"{name}.wav", number)
    (root / "validation_list.txt").write_text("seven/bb_nohash_0.wav\n")
    (root / "testing_list.txt").write_text("cat/cc_nohash_1.wav\nseven/cc_nohash_0.wav\n")
    (root / "README.md").write_text("no sound")
    return tmp_path


def test_the_whole_archive_gives_digits_other_words_and_noise(archive):
    found = {f"{clip.path.parent.name}/{clip.path.stem}": clip for clip in corpora.speech_commands(archive)}
    assert {name: (clip.label, clip.split, clip.corpus) for name, clip in found.items()} == {
        "seven/aa_nohash_0": ("7", TRAIN, "speech_commands"),
        "seven/bb_nohash_0": ("7", VALIDATION, "speech_commands"),
        "seven/cc_nohash_0": ("7", TEST, "speech_commands"),
        "cat/aa_nohash_0": (REJECT, TRAIN, "other_words"),
        "cat/cc_nohash_1": (REJECT, TEST, "other_words"),
    }
    assert found["cat/cc_nohash_1"].speaker == "cc"
    assert [(clip.path.stem, clip.split) for clip in corpora.noise(archive)] == [("hum", TRAIN)]


def test_negatives_that_the_whole_archive_tests_with_are_left_out(archive):
    put(archive / "negatives/speech_commands/cat/cc_nohash_1.wav")
    put(archive / "negatives/speech_commands/cat/dd_nohash_0.wav")
    put(archive / "negatives/wake_words/alexa/one.wav")
    assert [clip.speaker for clip in corpora.negatives(archive)] == ["dd", "alexa/one"]


def test_nothing_there_is_an_empty_corpus(tmp_path):
    for read in (corpora.fsdd, corpora.speech_commands, corpora.negatives, corpora.noise):
        assert read(tmp_path / "absent") == []


SPEAKERS = [f"person{number}" for number in range(20)]


def test_own_words_are_split_by_speaker_where_names_carry_one(tmp_path):
    for word in ("yes", "no"):
        for speaker in SPEAKERS:
            for take in range(3):
                put(tmp_path / "mine" / word / f"{speaker}_{take}.wav")
    clips = corpora.words(tmp_path / "mine")
    assert len(clips) == 120
    assert {clip.speaker for clip in clips} == set(SPEAKERS)
    assert all(len(splits) == 1 for splits in sides(clips, "own_words").values())
    assert set(counts(clips, "own_words")) == {TRAIN, VALIDATION}
    assert [clip.split for clip in corpora.words(tmp_path / "mine")] == [clip.split for clip in clips]


@pytest.mark.parametrize("name", ["take {number}", "{word}_{number}", "{number}"])
def test_own_words_are_split_by_file_where_names_carry_no_speaker(tmp_path, name):
    """`yes/yes_03.wav` names the word: taken for a speaker, a whole word would be missing from training."""
    words = ("yes", "no", "left", "right", "stop")
    for word in words:
        for number in range(30):
            put(tmp_path / word / f"{name.format(word=word, number=number)}.wav")
    clips = corpora.words(tmp_path)
    assert {clip.speaker for clip in clips} == {tmp_path.name}
    for split in (TRAIN, VALIDATION):
        assert {clip.label for clip in clips if clip.split == split} == set(words)
    assert 0.1 < counts(clips, "own_words")[VALIDATION] / 150 < 0.3


@given(st.sets(st.integers(0, 10_000), min_size=1, max_size=50))
def test_a_split_depends_on_the_name_alone(numbers):
    fractions = {number: corpora._fraction(f"speaker{number}") for number in numbers}
    assert all(0 <= fraction < 1 for fraction in fractions.values())
    assert fractions == {number: corpora._fraction(f"speaker{number}") for number in sorted(numbers)}


def test_own_words_know_what_is_no_word(tmp_path):
    for name in ("yes", "no", "_reject_", "_background_noise_"):
        put(tmp_path / name / "a.wav")
    put(tmp_path / "stray.wav")
    assert {clip.label for clip in corpora.words(tmp_path)} == {"yes", "no", REJECT}


def test_own_words_in_any_format_and_deep_folders(tmp_path):
    put(tmp_path / "yes" / "a.flac")
    put(tmp_path / "no" / "B.WAV")
    (tmp_path / "no" / "notes.txt").write_text("")
    assert {clip.path.name for clip in corpora.words(tmp_path)} == {"a.flac", "B.WAV"}


@pytest.mark.parametrize("folders", [[], ["yes"], ["yes", "reject"]])
def test_too_few_words_are_one_clear_line(tmp_path, folders):
    for name in folders:
        put(tmp_path / "mine" / name / "a.wav")
    with pytest.raises(UserError, match=r"mine: (no such folder: it should hold|needs at least two words)"):
        corpora.words(tmp_path / "mine")
