"""The digits task: what it trains on, what it is judged by, and what it says when data is missing."""

import base64
import copy
import json
from dataclasses import replace

import numpy as np
import pytest
import soundfile
import torch
from tiny_corpus import TAKES, chord, write_fsdd

from dwindle.errors import UsageError, UserError
from dwindle.infer.speech import REJECT, SAMPLE_RATE
from dwindle.infer.speech.model import RUNNING_THRESHOLD
from dwindle.task import open_task, options_of
from dwindle.tasks.speech.augment import HISSES
from dwindle.tasks.speech.digits import LABELS
from dwindle.tasks.speech.losses import PARENT_SHARE, spelling_loss
from dwindle.tasks.speech.store import store_of_voices
from dwindle.tasks.speech.voices import SpokenClip
from dwindle.tasks.speech.words import (
    BURSTS,
    CLIPS_PER_STRING,
    JUST_SAID_SHARE,
    JUST_SAID_WINDOW,
    STRING_SAMPLES,
    WINDOW_SPREAD,
    SpokenWords,
)
from dwindle.train.distillation import KnowledgeDistillationLoss


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """FSDD, the whole archive's layout of Speech Commands, and noise of one second or less."""
    data = tmp_path_factory.mktemp("data")
    write_fsdd(data)
    rng = np.random.default_rng(0)
    names = [f"{word}/{speaker}_nohash_0" for word in ("seven", "cat") for speaker in ("aa", "bb", "cc", "dd")]
    for name in [*names, "_background_noise_/hum"]:
        path = data / "speech_commands" / f"{name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        sound = rng.standard_normal(3 * SAMPLE_RATE) if "hum" in name else chord(7 if "seven" in name else 12, 1.2, rng)
        soundfile.write(path, 0.1 * sound, SAMPLE_RATE)
    for word, listed in (("validation", "bb"), ("testing", "cc")):
        lines = "".join(f"{name}.wav\n" for name in names if f"/{listed}_" in name)
        (data / "speech_commands" / f"{word}_list.txt").write_text(lines)
    return data


def opened(data_dir, *corpora: str, **more):
    return open_task("spoken_digits", options_of("spoken_digits", data_dir=data_dir, corpora=corpora or None, **more))


def oracle(task, sets) -> dict[bytes, int]:
    """The right class of each clip, by its samples."""
    known = {}
    for clips in sets.values():
        for audio, label in zip(clips.audio, clips.labels, strict=True):
            known[audio.numpy().tobytes()] = task.class_numbers[label]
    return known


def test_the_whole_archive_and_fsdd_are_parted_by_use(tiny):
    task = opened(tiny, "fsdd", "speech_commands")
    assert task.labels == (*"0123456789", REJECT)
    assert {name: len(clips.labels) for name, clips in task.data.validation.items()} == {
        "fsdd_validation": 30, "unseen_speakers": 1, "other_words_validation": 1
    }  # fmt: skip
    assert {name: len(clips.labels) for name, clips in task.data.tests.items()} == {
        "fsdd_test": 30, "speech_commands_test": 1, "other_words_test": 1
    }  # fmt: skip
    trained = [clip for clip in task.data.training.clips if clip.corpus == "fsdd"]
    assert len(trained) == 30 * len([take for take in TAKES if take >= 10])
    assert {clip.speaker for clip in task.data.training.clips if clip.corpus == "other_words"} == {"aa", "dd"}
    assert sum(clip.corpus == "noise" for clip in task.data.training.clips) == 3  # a second each
    assert task.data.calibration == "unseen_speakers"


def test_a_perfect_reader_scores_one_and_a_stubborn_one_its_share(tiny):
    task = opened(tiny, "fsdd", "speech_commands")
    right = oracle(task, {**task.data.validation, **task.data.tests})

    def perfect(feed):
        classes = torch.tensor([right[row.numpy().tobytes()] for row in feed["audio"]])
        return {"logits": 20.0 * torch.nn.functional.one_hot(classes, 11)}

    scores = task.evaluate(perfect)
    assert {name: score.value for name, score in scores.items()} == dict.fromkeys(scores, 1.0)
    assert {"other_words_validation_rejected", "other_words_test_rejected"} <= set(scores)
    assert task.validate(perfect).value == 1.0
    stubborn = task.validate(lambda feed: {"logits": torch.eye(11)[[3] * len(feed["audio"])]})
    assert (stubborn.correct, stubborn.count) == (3, 32)


def test_one_speaker_is_held_out_of_training_and_judged_apart(tiny):
    task = opened(tiny, "fsdd", hold_out_speaker="theo")
    assert {clip.speaker for clip in task.data.training.clips if clip.corpus == "fsdd"} == {"george", "lucas"}
    assert set(task.data.tests["held_out_speaker"].speakers) == {"theo"}
    assert len(task.data.tests["held_out_speaker"].labels) == 60


def test_training_on_other_phrases_is_another_training(tiny):
    """A regression: a run was resumed, or taken for done, though its phrases had changed."""
    data = opened(tiny, "fsdd").data

    def digest(*said: str) -> str:
        spoken = [SpokenClip(text, "a voice", np.full(4000, 9, np.int16)) for text in said]
        phrases = store_of_voices(spoken, dict.fromkeys(said, "1 2"))
        return SpokenWords("t", LABELS, lambda: replace(data, phrases=lambda: phrases)).training_data()

    assert digest("one two") == digest("one two") != digest("one two", "one two")


def test_hiss_is_there_to_be_rejected_whatever_was_recorded(tiny):
    training = opened(tiny, "fsdd").data.training
    hiss = [index for index, clip in enumerate(training.clips) if clip.corpus == "hiss"]
    assert len(hiss) == HISSES
    assert {training.clips[index].label for index in hiss} == {REJECT}
    assert training.centred(hiss, SAMPLE_RATE).std(axis=1).min() > 0.01


def undecided(feed):
    count, samples = feed["audio"].shape
    return {"logits": torch.zeros(count, 11), "frames": torch.zeros(count, samples // 256, 12)}


def test_a_model_names_what_it_heard_and_not_what_it_might_have_heard(tiny):
    assert opened(tiny, "fsdd").corpora == ("fsdd", "hiss", "noise")
    task = opened(tiny, "fsdd", "speech_commands")
    said = task.metadata(undecided, [*task.corpora, "wake_words"])
    licences = dict(part.split(": ") for part in said["licence"].split("; "))
    assert licences.pop("wake_words") == "Apache-2.0"  # heard before, though not on this disk
    assert licences == {"fsdd": "CC BY-SA 4.0", "noise": "CC BY", **dict.fromkeys(task.corpora[3:], "CC BY 4.0")}
    assert task.corpora == ("fsdd", "hiss", "noise", "other_words", "speech_commands")


def test_the_threshold_is_written_down_and_not_up(tiny):
    """Rounded up it would refuse the very word that set it."""
    task = opened(tiny, "fsdd")
    task.calibrate = lambda engine: 0.99999996
    assert task.metadata(undecided, [])["threshold"] == "0.999999"


def test_digits_come_in_company(tiny):
    """So a file of digits asks more of one that stands alone than of others, and amid noise still more."""
    metadata = opened(tiny, "fsdd").metadata(undecided, [])
    assert RUNNING_THRESHOLD < float(metadata["lone_threshold"]) < float(metadata["noisy_threshold"]) < 1


def test_other_recordings_are_other_training_data(tiny):
    first, other, again = (opened(tiny, "fsdd", hold_out_speaker=name) for name in ("theo", "lucas", "theo"))
    assert first.training_data() == again.training_data() != other.training_data()


def test_a_batch_is_seeded_and_of_a_length_of_its_own(tiny):
    task = opened(tiny, "fsdd")
    batches = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        batches.append(task.augment(next(iter(task.training_batches(16)))))
    assert all(torch.equal(batches[0][name], batches[1][name]) for name in batches[0])
    assert batches[0]["audio"].shape != batches[2]["audio"].shape
    assert batches[0]["audio"].shape[0] == 16
    assert batches[0]["strings"].shape[0] == 16 // CLIPS_PER_STRING
    assert batches[0]["strings"].shape[1] <= STRING_SAMPLES


def test_some_batches_are_as_short_as_what_a_listener_judges(tiny):
    task = opened(tiny, "fsdd")
    batches = task.training_batches(4)
    seconds = np.array([batch["audio"].shape[1] / SAMPLE_RATE for _ in range(3) for batch in batches])
    short = seconds < 1 - WINDOW_SPREAD - 0.01
    assert 0 < short.mean() < 2 * JUST_SAID_SHARE
    shortest, longest = JUST_SAID_WINDOW
    assert ((shortest - 0.01 < seconds[short]) & (seconds[short] < longest + 0.01)).all()


def test_noises_are_mostly_heard_as_bursts(tiny):
    task = opened(tiny, "fsdd")
    noise = next(iter(task.strings.noises.indices))
    task.strings.burst = lambda samples, rng, just_said: np.full(samples, 7.0, np.float32)
    torch.manual_seed(0)
    is_burst = (task._batch([noise] * 400)["audio"] == 7).all(dim=1)
    assert is_burst.float().mean() == pytest.approx(BURSTS, abs=0.06)


def test_what_is_made_smaller_is_to_answer_over_time_as_before(tiny):
    task = opened(tiny, "fsdd")
    batch = next(iter(task.training_batches(8)))
    parent = task.build("student", 8)[0].eval()
    child = copy.deepcopy(parent)
    alone, kept = (spelling_loss(child, batch, len(LABELS), one).item() for one in (None, parent))
    assert kept == pytest.approx((1 - PARENT_SHARE) * alone, rel=1e-3)  # the rest is how far it went: nowhere yet
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in child.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    alone, kept = (spelling_loss(child, batch, len(LABELS), one) for one in (None, parent))
    assert kept > (1 - PARENT_SHARE) * alone + 0.01
    kept.backward()
    assert any(parameter.grad is not None for parameter in child.parameters())
    assert all(parameter.grad is None for parameter in parent.parameters())


def test_a_teacher_teaches_its_frames_where_it_has_as_many(tiny):
    task = opened(tiny, "fsdd")
    batch = next(iter(task.training_batches(8)))
    student, wide, strided = (task.rebuild({"classes": 11, "channels": 8, "time_stride": n}) for n in (1, 1, 2))
    losses = []
    for teacher in (None, strided, wide):
        losses.append(spelling_loss(student.eval(), batch, len(LABELS), teacher, 1.0, 1.0).item())
    assert losses[1] == pytest.approx(losses[0]) and losses[2] != pytest.approx(losses[0], rel=0.01)
    itself = spelling_loss(student, batch, len(LABELS), student, 1.0, 1.0).item()
    assert itself == pytest.approx(0, abs=1e-4)


def test_a_teacher_is_not_asked_about_what_was_made_up(tiny):
    """It takes half a word for the whole one; everything else it may doubt."""
    task = opened(tiny, "fsdd")
    batch = next(iter(task.training_batches(240)))
    made_up = batch["made_up"]
    assert 0 < made_up.sum() < 30
    assert (batch["target"][made_up] == task.reject_class).all()
    doubting = torch.nn.Module()
    doubting.forward = lambda audio: (torch.zeros(len(audio), len(task.labels)),)
    asked = []

    class Distill(KnowledgeDistillationLoss):
        def forward(self, logits, taught, targets):
            asked.append(taught)
            return logits.sum()

    task.loss(task.build("student", 8)[0], batch, Distill(), teacher=doubting)
    opinions = asked[0].softmax(dim=1)
    assert (opinions[made_up, task.reject_class] > 0.9).all()
    assert opinions[~made_up].numpy() == pytest.approx(1 / len(task.labels))


@pytest.mark.parametrize(
    ("corpora", "complaint"),
    [
        (("fsdd",), "no recordings of fsdd there: get it with: python -m dwindle.data fetch fsdd"),
        (("fsdd", "negatives"), "no recordings of fsdd"),
        ((), "no spoken digits there: get some with: python -m dwindle.data fetch fsdd"),
    ],
)
def test_missing_data_names_the_command_that_fetches_it(tmp_path, corpora, complaint):
    with pytest.raises(UserError, match=complaint):
        _ = opened(tmp_path, *corpora).data


def test_flags_that_make_no_sense(tiny):
    with pytest.raises(UsageError, match="unknown corpus 'fsd': choose from fsdd, speech_commands"):
        opened(tiny, "fsd")
    with pytest.raises(UserError, match="no speaker 'nobody' of FSDD to hold out"):
        _ = opened(tiny, "fsdd", hold_out_speaker="nobody").data


def test_digits_that_are_all_on_one_side_are_told(tmp_path):
    folder = write_fsdd(tmp_path)
    for path in folder.glob("*_5.wav"):
        path.unlink()
    with pytest.raises(UserError, match="no digits for validation are left in fsdd: choose more --corpora"):
        _ = opened(tmp_path, "fsdd").data


def test_a_model_with_an_embedding_says_what_a_crowd_of_them_looks_like(tiny):
    torch.manual_seed(0)
    task = opened(tiny, "fsdd")
    directions = torch.randn(3, 4)

    def engine(feed):
        spread = torch.stack([feed["audio"].std(dim=1), feed["audio"].abs().amax(dim=1), feed["audio"].mean(dim=1)], 1)
        return {**undecided(feed), "embedding": spread @ directions}

    crowd = json.loads(task.metadata(engine, [])["crowd"])
    mean, axes = (np.frombuffer(base64.b64decode(crowd[name]), "<f2") for name in ("mean", "axes"))
    assert mean.shape == (4,)
    assert axes.shape == (10,)
    assert crowd["clips"] > len(task.data.validation["fsdd_validation"].audio)
    assert "crowd" not in task.metadata(undecided, [])
