"""The corpora themselves: their splits, what the check of them says, and what the digits task makes of them."""

from collections import Counter, defaultdict
from pathlib import Path

import pytest
import torch

from dwindle.data import __main__ as data_commands
from dwindle.infer.speech import REJECT
from dwindle.infer.speech.sound_file import sound_files
from dwindle.task import open_task, options_of
from dwindle.tasks.speech import corpora
from dwindle.tasks.speech.corpora import TRAIN, VALIDATION, Clip
from dwindle.tasks.speech.store import open_store
from dwindle.tasks.speech.vocabulary import DIGIT_WORDS

pytestmark = pytest.mark.timeout(900)  # on a busy machine; two minutes on a quiet one
RECORDED = ("fsdd", "speech_commands", "negatives")
CHECKED_SHARE = 10  # of the training clips of Speech Commands, one in so many


def counts(clips: list[Clip], corpus: str) -> dict[str, int]:
    return dict(Counter(clip.split for clip in clips if clip.corpus == corpus))


@pytest.fixture(scope="module")
def clips(data_dir) -> list[Clip]:
    """In the order in which the task asks for them: what is decoded for one test is there for the others."""
    return [clip for name in RECORDED for clip in getattr(corpora, name)(data_dir)]


def test_the_splits_of_the_real_corpora(data_dir):
    fsdd = corpora.fsdd(data_dir)
    assert counts(fsdd, "fsdd") == {TRAIN: 2400, VALIDATION: 300, corpora.TEST: 300}
    assert {clip.speaker for clip in fsdd} == set(corpora.FSDD_SPEAKERS)
    assert set(Counter((clip.label, clip.speaker) for clip in fsdd).values()) == {50}
    commands = corpora.speech_commands(data_dir)
    listed = {
        split: (data_dir / "speech_commands" / f"{name}_list.txt").read_text(encoding="utf-8").split()
        for split, name in ((TRAIN, "training"), (VALIDATION, "validation"))
    }
    for corpus, is_digit in (("speech_commands", True), ("other_words", False)):
        wanted = {
            split: sum((name.split("/")[0] in DIGIT_WORDS) is is_digit for name in names)
            for split, names in listed.items()
        }
        assert counts(commands, corpus) == wanted
        assert min(wanted.values()) > 500
    present = {f"{clip.path.parent.name}/{clip.path.stem}" for clip in commands}
    assert present == {name.rsplit(".", 1)[0] for names in listed.values() for name in names}
    assert {clip.label for clip in commands} == {*"0123456789", REJECT}
    said = {name.rsplit("/")[1].split("_nohash_")[0] for name in listed[VALIDATION]}
    assert {clip.speaker for clip in commands if clip.split == VALIDATION} == said
    negatives = corpora.negatives(data_dir)
    assert {clip.label for clip in negatives} == {REJECT}
    for corpus in ("other_words", "wake_words"):
        shares = counts(negatives, corpus)
        assert shares[TRAIN] > 2 * shares[VALIDATION] > 0 < shares[corpora.TEST]
    noise = corpora.noise(data_dir)
    assert {clip.split for clip in noise} == {TRAIN, VALIDATION}
    assert all(clip.path.name.startswith("3-") for clip in noise if clip.split == VALIDATION)


def test_no_speaker_of_the_real_corpora_stands_on_two_sides(clips):
    splits = defaultdict(set)
    for clip in clips:
        if clip.corpus != "fsdd":  # where every speaker stands in every split, by design
            splits[clip.corpus, clip.speaker].add(clip.split)
    assert {speaker: found for speaker, found in splits.items() if len(found) > 1} == {}
    assert {corpus for corpus, _ in splits} == {"speech_commands", "other_words", "wake_words"}


@pytest.mark.slow(seconds=120)
def test_the_real_data_gives_every_set_with_noise_at_its_level(data_dir):
    """Every recording of it can be read, or this fails."""
    options = options_of("spoken_digits", data_dir=data_dir, corpora=RECORDED, hold_out_speaker="theo")
    task = open_task("spoken_digits", options)
    sizes = {name: len(clips.labels) for name, clips in {**task.data.validation, **task.data.tests}.items()}
    listed = (data_dir / "speech_commands" / "validation_list.txt").read_text(encoding="utf-8").split()
    count = sum(name.split("/")[0] in DIGIT_WORDS for name in listed)  # more data breaks nothing
    assert sizes["unseen_speakers"] == sizes["noise_10_db"] == count > 1500
    assert sizes["held_out_speaker"] == 500
    assert sizes["fsdd_test"] == 250
    assert min(sizes.values()) > 20
    clean = task.data.validation["unseen_speakers"].audio
    quiet, loud = (task.data.tests[f"noise_{level}_db"].audio - clean for level in (20, 0))
    difference_db = 10 * torch.log10(loud.square().mean(1) / quiet.square().mean(1))
    torch.testing.assert_close(difference_db, torch.full((count,), 20.0), atol=0.5, rtol=0)
    validation_noise = {clip.path.name for clip in task.data.noises.clips}
    assert not any(name.startswith("3-") for name in validation_noise)


def test_no_identical_recording_of_the_real_corpora_stands_on_two_sides(data_dir, clips):
    found = defaultdict(set)
    for store in (open_store(clips), open_store(corpora.noise(data_dir))):
        for index, clip in enumerate(store.clips):
            samples = store.whole(index)
            if samples.any():  # silence is the same everywhere
                found[samples.tobytes()].add((clip.split, clip.path.name))
    twice = [names for names in found.values() if len({split for split, _ in names}) > 1]
    assert twice == []
    assert len(found) > 0.98 * len(clips)


@pytest.fixture(scope="module")
def checked_dir(data_dir, tmp_path_factory) -> Path:
    """The corpora with fewer of the clips that the tests above have read: the rest would take a minute or two."""
    folder = tmp_path_factory.mktemp("checked")
    for name in ("fsdd", "mnist", "sst2"):
        (folder / name).symlink_to(data_dir / name)
    whole, part = data_dir / "speech_commands", folder / "speech_commands"
    part.mkdir()
    path_of = {f"{path.parent.name}/{path.stem}": path for path in sound_files(whole)}
    for split, share in (("training", CHECKED_SHARE), ("validation", 1)):
        names = (whole / f"{split}_list.txt").read_text(encoding="utf-8").split()[::share]
        (part / f"{split}_list.txt").write_text("\n".join(names), encoding="utf-8")
        for path in (path_of[name.rsplit(".", 1)[0]] for name in names):
            (part / path.parent.name).mkdir(exist_ok=True)
            (part / path.parent.name / path.name).symlink_to(path)
    return folder


@pytest.mark.slow(seconds=20)
def test_the_corpora_pass(checked_dir, capsys):
    folder = str(checked_dir)
    assert data_commands.main(["check", "fsdd", "speech_commands", "mnist", "sst2", "--data_dir", folder]) == 0
    assert "WRONG" not in capsys.readouterr().out
