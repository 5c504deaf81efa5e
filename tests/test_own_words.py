"""A person's own words: any vocabulary, format and rate, through the same pipeline as the digits."""

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from tiny_corpus import chord

from dwindle.errors import UsageError, UserError
from dwindle.infer.speech import REJECT
from dwindle.task import open_task, options_of
from dwindle.tasks.speech.augment import HISSES
from dwindle.tasks.speech.own_words import thinned
from dwindle.tasks.speech.words import CLIPS_PER_STRING
from dwindle.train.distillation import KnowledgeDistillationLoss

FORMATS = (("wav", 44_100), ("flac", 16_000), ("ogg", 48_000), ("mp3", 22_050))


def write_words(folder: Path, *words: str, count: int = 24, seconds: int = 1) -> Path:
    rng = np.random.default_rng(0)
    for number, word in enumerate(words):
        (folder / word).mkdir(parents=True)
        for take in range(count):
            suffix, rate = FORMATS[take % len(FORMATS)]
            sound = np.tile(chord(number, 1.0, rng, rate), 4 * seconds if seconds > 1 else 1)
            soundfile.write(folder / word / f"take {take}.{suffix}", sound, rate)
    return folder


def options(words_dir: Path | None, **more) -> argparse.Namespace:
    return options_of("own_words", data_dir="no such folder", words_dir=words_dir, **more)


def test_any_words_formats_and_rates_become_a_task(tmp_path):
    task = open_task("own_words", options(write_words(tmp_path / "mine", "yes", "no", "größer", "_reject_")))
    assert task.labels == ("größer", "no", "yes", REJECT)
    assert task.corpora == ("hiss", "own_words")
    assert not task.stricter  # commands are said one at a time
    assert set(task.data.validation) == {"validation"}
    batch = task.augment(next(iter(task.training_batches(16))))
    model, arguments = task.build("student", width=8)
    assert arguments["classes"] == 4
    task.loss(model, batch, KnowledgeDistillationLoss()).backward()
    always_yes = torch.nn.functional.one_hot(torch.tensor(2), 4) * 9.0
    scores = task.evaluate(lambda feed: {"logits": always_yes.repeat(len(feed["audio"]), 1)})
    assert scores["validation"].count > 10


def test_calibration_inputs_come_whatever_the_number_of_recordings(tmp_path):
    task = open_task("own_words", options(write_words(tmp_path / "mine", "a", "b", count=40)))
    batches = list(task.calibration_inputs())
    assert sum(len(batch["audio"]) for batch in batches) == len(task.data.training) - HISSES
    assert all(batch["audio"].shape[1] == 8000 for batch in batches)


def test_whole_sentences_train_too(tmp_path):
    """Nothing in them is short enough to string together, whatever else there is."""
    write_words(tmp_path / "mine", "_reject_", count=40)
    task = open_task("own_words", options(write_words(tmp_path / "mine", "a", "b", count=20, seconds=2)))
    for batch in task.training_batches(8):
        assert batch["spelling_lengths"].tolist() == [0] * (8 // CLIPS_PER_STRING)
    model, _ = task.build("student", width=8)
    assert task.loss(model, task.augment(batch), KnowledgeDistillationLoss()).isfinite()


@pytest.mark.parametrize(
    ("words", "count", "complaint"),
    [(("a", "b"), 1, "too few recordings"), (("a",), 9, "needs at least two words"), ((), 0, "no such folder")],
)
def test_too_little_is_one_clear_line(tmp_path, words, count, complaint):
    write_words(tmp_path / "mine", *words, count=count)
    with pytest.raises(UserError, match=complaint):
        open_task("own_words", options(tmp_path / "mine"))


def test_own_words_need_their_folder():
    with pytest.raises(UsageError, match="words_dir"):
        open_task("own_words", options(None))


def test_what_a_vocabulary_is_told_from_takes_no_more_time_than_the_vocabulary(tmp_path):
    """A regression: an epoch heard thirty times as many other sounds as words, and took two minutes."""
    assert thinned(range(10), 4) == [0, 2, 5, 7]
    assert thinned("abc", 4) == ["a", "b", "c"]
    folder = write_words(tmp_path / "mine", "a", "b", count=40)
    for name in ("negatives/speech_commands", "negatives/wake_words", "noise/esc10"):
        write_words(tmp_path / "data" / name, "x", count=120, seconds=2)
    task = open_task("own_words", options_of("own_words", data_dir=tmp_path / "data", words_dir=folder))
    heard = Counter(clip.corpus for clip in task.data.training.clips)
    assert heard["own_words"] > 60
    assert heard["other_words"] == heard["wake_words"] == heard["noise"] == 32
    assert len(task.training_batches(1)) == heard.total()  # none of them is heard twice
    assert len(task.data.noises) > 32  # all are added to words
