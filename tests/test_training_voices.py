"""Kokoro's voices and people reading, as the digits task trains on them: optional, and in proportion."""

from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch
from beep import Beep
from tiny_corpus import write_fsdd

from dwindle.errors import UserError
from dwindle.infer.speech import REJECT, SAMPLE_RATE
from dwindle.task import open_task, options_of
from dwindle.tasks.speech import datasets
from dwindle.tasks.speech.kokoro import speak_all
from dwindle.tasks.speech.voices import SpokenClip


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """FSDD, and nothing else."""
    data = tmp_path_factory.mktemp("data")
    write_fsdd(data)
    return data


def opened(data_dir, *corpora: str):
    return open_task("spoken_digits", options_of("spoken_digits", data_dir=data_dir, corpora=corpora or None))


def undecided(inputs):
    count = len(inputs["audio"])
    return {"logits": torch.zeros(count, 11), "frames": torch.zeros(count, inputs["audio"].shape[1] // 256, 12)}


def test_kokoros_voices_are_left_out_in_one_line_until_they_are_made(tiny, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("DWINDLE_CACHE", str(tmp_path))
    monkeypatch.delenv("DWINDLE_KOKORO", raising=False)
    assert "kokoro" not in opened(tiny, "fsdd").corpora and not capsys.readouterr().err
    one = SpokenClip("one", "flite:slt", np.ones(800, np.int16))
    monkeypatch.setattr(datasets, "synthesise", lambda words, per_word, seed: [one])
    monkeypatch.setattr(datasets, "foreign_voices", lambda per_digit, seed: [])
    task = opened(tiny)
    assert "kokoro" not in task.corpora and "running" not in task.corpora
    (said,) = capsys.readouterr().err.splitlines()
    assert "no voices of Kokoro" in said and "fetch kokoro" in said and "dwindle.tasks.speech.kokoro" in said
    with pytest.raises(UserError, match="no voices of Kokoro"):
        _ = opened(tiny, "fsdd", "kokoro").data
    with pytest.raises(UserError, match="no recordings of running there"):
        _ = opened(tiny, "fsdd", "running").data


def test_training_hears_kokoros_voices_and_people_reading(tiny, monkeypatch, tmp_path, speechlike):
    monkeypatch.setenv("DWINDLE_CACHE", str(tmp_path / "cache"))
    speak_all(Beep(), 300)
    data = tmp_path / "data"
    (data / "running").mkdir(parents=True)
    (data / "fsdd").symlink_to(tiny / "fsdd")
    soundfile.write(data / "running" / "1.flac", np.tile(speechlike, 20), SAMPLE_RATE)
    (data / "running" / "transcripts.csv").write_text(f"path,speaker,text\n1.flac,7,{'word ' * 30}\n")
    task = opened(data, "fsdd", "kokoro", "running")
    assert task.corpora == ("fsdd", "hiss", "kokoro", "running")
    assert "kokoro: Apache-2.0; running: CC BY 4.0" in task.metadata(undecided, task.corpora)["licence"]
    maker = task.strings
    assert {clip.corpus for clip in maker.phrases.clips} == {"kokoro", "running"}
    assert not [index for index in maker.words if task.data.training.clips[index].corpus == "running"]
    assert {task.data.training.clips[index].corpus for index in maker.synthetic_others} == {"kokoro"}
    spelled = next(iter(task.training_batches(240)))["spelling_lengths"]
    longest = max(len(clip.label.split()) for clip in maker.phrases.clips)
    assert longest > 6 and spelled.max() <= longest == maker.most_words


@pytest.mark.parametrize(("others", "times"), [(1, 5), (1_300, 4), (2_500, 2), (9_000, 1)])
def test_few_other_words_are_heard_several_times_an_epoch(tiny, others, times):
    task = opened(tiny, "fsdd")
    clip = replace(task.data.training.clips[0], corpus="other_words", label=REJECT)
    rest = len(task.training_batches(1).dataset)
    task.data.training.clips.extend([clip] * others)
    del task.targets  # of the clips that there were
    assert len(task.training_batches(1).dataset) - rest == times * others
