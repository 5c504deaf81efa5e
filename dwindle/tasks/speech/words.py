"""Spoken words: the ten digits, or a person's own, recognised from the waveform by a network that may also refuse."""

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader

from dwindle.checkpoint import Checkpoint
from dwindle.data.source import DATA_SETS
from dwindle.engine import Engine, Tensors, in_batches
from dwindle.errors import UsageError
from dwindle.infer.speech import REJECT, SAMPLE_RATE, WINDOW_SAMPLES
from dwindle.metrics import Metric, accuracy, accuracy_by_group
from dwindle.task import Batch, Budget, Distill, PlainTask
from dwindle.tasks.speech.augment import WaveAugment
from dwindle.tasks.speech.corpora import HISS
from dwindle.tasks.speech.crowd import crowd_of
from dwindle.tasks.speech.datasets import HeardClips
from dwindle.tasks.speech.front_ends import DEFAULT_FRONT_END, how_spectra_lie
from dwindle.tasks.speech.losses import TEACHER_TEMPERATURE, spelling_loss
from dwindle.tasks.speech.network import SpeechNet
from dwindle.tasks.speech.rejection import Heard, best_in_both_readings, best_words, calibrated_threshold, rejected
from dwindle.tasks.speech.sequences import StringMaker
from dwindle.tasks.speech.store import ClipStore, balanced
from dwindle.tasks.speech.word_timing import Peak, frame_samples, middle_peak

TEACHER: dict[str, Any] = {"channels": 240, "stem_channels": 32, "blocks": 8, "time_stride": 2}
STUDENT: dict[str, Any] = {"channels": 80, "stem_channels": 16, "blocks": 4}
SHIFT_SAMPLES = SAMPLE_RATE // 10
JUST_SAID_SHARE = 0.25  # of the batches hold words as running speech has them judged
JUST_SAID_WINDOW = (0.4, 0.75)  # of a second: a listener does not wait for more
BURSTS = 0.85  # of the recordings without a voice are heard as a moment of one; the others fill the window
WINDOW_SPREAD = 0.15  # training windows are up to so much shorter or longer than a second
STRING_SAMPLES = SAMPLE_RATE * 9 // 4
CHANGES = {"none": 0.60, "crowded": 0.25, "closely cut": 0.12, "made up": 0.03}  # shares of the words in training
MADE_UP_LOGIT = 8.0  # about as certain as a teacher is of a clear word
CLIPS_PER_STRING = 2  # in a training batch
STRING_LOSS_WEIGHT = 1.0
READ_BATCH = 256
OTHER_LICENCES = {  # of what nobody fetches
    "other_words": "CC BY 4.0",
    "wake_words": "Apache-2.0",
    "noise": "CC BY",
    "running": "CC BY 4.0",
    "own_words": "of the recordings",
}
# in an epoch: few say a wake phrase, few noises are like words, few voices have as many accents as Kokoro's
REPEATED = {"wake_words": 2, "fsdd": 2, "noise": 8, "kokoro": 3}
OTHER_WORDS_AN_EPOCH, MOST_REPEATED = 6_000, 5  # few voices say none of the words, but not in the whole archive


@dataclass(frozen=True)
class SpokenData:
    """What a spoken task learns from and is judged by."""

    taught: Callable[[], ClipStore]  # its labels include the rejecting one; spoken and joined when training asks
    noises: ClipStore | None  # added to training clips
    validation: dict[str, HeardClips]  # choices are made by these
    tests: dict[str, HeardClips]  # reported, never chosen by
    calibration: str  # the validation set whose words set the threshold
    repeats: bool = True  # an epoch hears corpora of few voices several times
    phrases: Callable[[], ClipStore | None] = lambda: None  # several words in one breath; likewise
    reading: ClipStore | None = None  # stretches of people reading aloud, in which none of the words is said

    @cached_property
    def training(self) -> ClipStore:
        return self.taught()


class SpokenWords(PlainTask):
    """One contract for digits and for any other vocabulary."""

    inputs: ClassVar = {"audio": {0: "batch", 1: "samples"}}
    outputs: ClassVar = {"logits": {0: "batch"}, "frames": {0: "batch", 1: "time"}, "embedding": {0: "batch"}}
    budget = Budget(
        bytes={"model_ts.pt": 1_000_000, "model.onnx": 600_000, "model_int8.onnx": 128_000},
        answers=("logits", "frames"),
    )

    def __init__(
        self,
        name: str,
        labels: tuple[str, ...],
        load: Callable[[], SpokenData],
        stricter: Mapping[str, float] | None = None,  # thresholds of running speech that are not as any other word's
        held_out_speaker: str | None = None,  # whom training never hears
        headline: tuple[str, ...] = (),
        front_end: str = DEFAULT_FRONT_END,  # of the networks that are built
    ) -> None:
        self.name, self.labels, self.load, self.stricter = name, labels, load, stricter or {}
        self.held_out_speaker, self.headline, self.front_end = held_out_speaker, headline, front_end
        self.class_numbers = {label: number for number, label in enumerate(labels)}

    @cached_property
    def data(self) -> SpokenData:
        """Loaded when first asked for: who only builds a network needs no recordings."""
        return self.load()

    @property
    def corpora(self) -> tuple[str, ...]:
        """What training hears, and not what it would hear if all of it were on the disk."""
        return tuple(sorted({clip.corpus for clip in self.data.training.clips}))

    @cached_property
    def targets(self) -> np.ndarray:
        return np.array([self.class_numbers[clip.label] for clip in self.data.training.clips])

    @cached_property
    def wave_augment(self) -> WaveAugment:
        noises = self.data.noises
        return WaveAugment([] if noises is None else [noises.whole(index) for index in range(len(noises))])

    @cached_property
    def strings(self) -> StringMaker:
        return StringMaker(self.data.training, self.class_numbers, STRING_SAMPLES, self.data.phrases())

    @property
    def reject_class(self) -> int:
        return self.class_numbers[REJECT]

    def provenance(self) -> dict[str, Any]:
        return {"held_out_speaker": self.held_out_speaker}

    def may_learn_from(self, checkpoint: Checkpoint, path: str | Path) -> None:
        """A model that has heard the voice held out would tell what it knows of it to any that is made from it."""
        speaker = self.held_out_speaker
        if speaker and "fsdd" in checkpoint.corpora and checkpoint.provenance.get("held_out_speaker") != speaker:
            raise UsageError(f"{path}: has heard {speaker}, who is held out: give a model that has not")

    def training_batches(self, batch_size: int) -> DataLoader:
        clips = self.data.training.clips
        others = max(1, sum(clip.corpus == "other_words" for clip in clips))
        repeated = REPEATED | {"other_words": max(1, min(MOST_REPEATED, OTHER_WORDS_AN_EPOCH // others))}
        times = [repeated.get(clip.corpus, 1) if self.data.repeats else 1 for clip in clips]
        words = [number for number in range(len(self.labels)) if self.data.repeats and number != self.reject_class]
        indices = balanced(np.repeat(np.arange(len(times)), times), self.targets, words)
        _ = self.strings  # whatever it has to synthesise, it does now
        return DataLoader(indices, batch_size=batch_size, shuffle=True, collate_fn=self._batch, drop_last=True)

    def training_data(self) -> str:
        heard = f"{len(self.data.training)} clips {self.data.training.digest:08x}"
        phrases = self.strings.phrases
        return heard if phrases is None else f"{heard}, {len(phrases)} phrases {phrases.digest:08x}"

    def _batch(self, indices: list[int]) -> Batch:
        rng = np.random.default_rng(int(torch.randint(2**62, ())))
        just_said = rng.random() < JUST_SAID_SHARE
        lengths = JUST_SAID_WINDOW if just_said else (1 - WINDOW_SPREAD, 1 + WINDOW_SPREAD)
        samples = round(WINDOW_SAMPLES * rng.uniform(*lengths))
        audio = self.data.training.shifted(indices, samples, rng, SHIFT_SAMPLES)
        targets, made_up = self.targets[indices], np.zeros(len(indices), bool)
        changes = rng.choice(list(CHANGES), len(indices), p=list(CHANGES.values()))
        for row, (index, change) in enumerate(zip(indices, changes, strict=True)):
            if index in self.strings.noises.indices and rng.random() < BURSTS:
                audio[row] = self.strings.burst(samples, rng, just_said)
            if index not in self.strings.words:
                continue
            if just_said and change in ("none", "crowded"):
                audio[row] = self.strings.just_said(index, samples, rng)
            elif change == "crowded":
                audio[row] = self.strings.crowded(index, samples, rng)
            elif change == "closely cut":
                audio[row] = self.strings.closely_cut(index, samples, rng)
            elif change == "made up" and self.strings.can_make_up:
                audio[row] = self.strings.made_up(samples, rng)
                targets[row], made_up[row] = self.reject_class, True
        strings = self.strings.draw(max(1, len(indices) // CLIPS_PER_STRING), rng)
        return {
            "audio": torch.from_numpy(audio),
            "target": torch.from_numpy(targets),
            "made_up": torch.from_numpy(made_up),
            "strings": torch.from_numpy(strings.audio),
            "spelling": torch.from_numpy(strings.spelling),
            "spelling_lengths": torch.from_numpy(strings.lengths),
        }

    def augment(self, batch: Batch) -> Batch:
        return {**batch, "audio": self.wave_augment(batch["audio"]), "strings": self.wave_augment(batch["strings"])}

    def loss(
        self,
        model: nn.Module,
        batch: Batch,
        distill: Distill,
        teacher: nn.Module | None = None,
        parent: nn.Module | None = None,
    ) -> Tensor:
        """Two readings of one network: the word of a clip, and the spelling (CTC) of a string of words."""
        logits, *_ = model(batch["audio"])
        taught = None
        if teacher is not None:  # whose opinion nobody needs of what was made up to be rejected
            with torch.no_grad():
                answers = teacher(batch["audio"])[0].float()
            known = MADE_UP_LOGIT * functional.one_hot(batch["target"], answers.shape[1]).to(answers.dtype)
            taught = torch.where(batch["made_up"].unsqueeze(1), known, answers)
        guide = (teacher, distill.alpha, TEACHER_TEMPERATURE) if parent is None else (parent,)
        spelled = spelling_loss(model, batch, len(self.labels), *guide)
        return distill(logits.float(), taught, batch["target"]) + STRING_LOSS_WEIGHT * spelled

    def build(self, role: str, width: int | None = None) -> tuple[nn.Module, dict[str, Any]]:
        shape = dict(TEACHER if role == "teacher" else STUDENT)
        shape |= {"front_end": self.front_end, **({"channels": width} if width else {})}
        arguments = {"classes": len(self.labels), **shape}
        return self.rebuild(arguments), arguments

    def rebuild(self, arguments: dict[str, Any]) -> nn.Module:
        return SpeechNet(**arguments).to(memory_format=torch.channels_last)

    def validate(self, engine: Engine) -> Metric:
        scores = self._scores(engine, self.data.validation)
        return accuracy(sum(score.correct for score in scores.values()), sum(score.count for score in scores.values()))

    def evaluate(self, engine: Engine) -> dict[str, Metric]:
        return self._scores(engine, {**self.data.validation, **self.data.tests})

    def calibrate(self, engine: Engine) -> float:
        """The threshold of this model: set on validation words, heard as files are."""
        audio = self.data.validation[self.data.calibration].audio
        return self._threshold(best_in_both_readings(engine, audio, READ_BATCH, self.reject_class))

    def example_inputs(self) -> Tensors:
        return {"audio": torch.zeros(1, WINDOW_SAMPLES)}

    def metadata(self, engine: Engine, corpora: Sequence[str]) -> dict[str, str]:
        known = {**OTHER_LICENCES, **{name: data_set.licence for name, data_set in DATA_SETS.items()}}
        licences = {name: known[name] for name in corpora if name in known}
        threshold, peak = self.calibrate(engine), self._peak(engine)
        crowd = crowd_of(engine, self.data.validation.values(), self.data.reading)
        return {
            "labels": json.dumps(self.labels),
            "sample_rate": str(SAMPLE_RATE),
            "window_samples": str(WINDOW_SAMPLES),
            "frame_samples": str(frame_samples(engine)),
            "threshold": f"{math.floor(1e6 * threshold) / 1e6:.6f}",  # up would refuse the word that set it
            **how_spectra_lie(self.front_end),
            **{name: str(value) for name, value in self.stricter.items()},
            "peak_after_start_ms": f"{peak.after_start_ms:.0f}",
            "peak_before_end_ms": f"{peak.before_end_ms:.0f}",
            **({"crowd": crowd} if crowd else {}),
            "corpora": json.dumps(list(corpora)),
            "licence": "; ".join(f"{name}: {licence}" for name, licence in licences.items()),
        }

    def trial_inputs(self, count: int) -> dict[str, Tensors]:
        """Real ones from the voices that it is validated on, which no quantiser was calibrated with."""
        unheard = torch.cat([clips.audio for clips in self.data.validation.values()])
        spread = torch.linspace(0, len(unheard) - 1, min(count, len(unheard))).long()
        return {**super().trial_inputs(count), "real": {"audio": unheard[spread]}}

    def calibration_inputs(self) -> Iterator[Tensors]:
        """Recordings and voices; hiss is typical of nothing."""
        training = self.data.training
        drawn = np.random.default_rng(0).permutation(len(training))[: 4 * READ_BATCH]
        chosen = [index for index in drawn if training.clips[index].corpus != HISS]
        for start in range(0, len(chosen), 64):
            yield {"audio": torch.from_numpy(training.centred(chosen[start : start + 64], WINDOW_SAMPLES))}

    def _scores(self, engine: Engine, sets: dict[str, HeardClips]) -> dict[str, Metric]:
        """Of words: whether the best word is right. Of all else: whether the threshold keeps it out."""
        heard = {name: self._heard(engine, clips) for name, clips in sets.items()}
        threshold = self._threshold(heard[self.data.calibration])
        scores = {}
        for name, clips in sets.items():
            are_words = self._wanted(clips) != self.reject_class
            words, others = heard[name].only(are_words), heard[name].only(~are_words)
            if are_words.any():
                right = words.words == self._wanted(clips)[are_words]
                scores[name] = accuracy_by_group(right.tolist(), _only(clips.speakers, are_words))
            if not are_words.all():
                scores[f"{name}_rejected"] = rejected(others, threshold, _only(clips.speakers, ~are_words))
        return scores

    def _peak(self, engine: Engine) -> Peak:
        clips = self.data.validation[self.data.calibration]
        classes = self._wanted(clips)
        words, classes = clips.audio[classes != self.reject_class], classes[classes != self.reject_class]
        return middle_peak(words, in_batches(engine, {"audio": words}, READ_BATCH)["frames"], classes)

    def _threshold(self, calibrating: Heard) -> float:
        words = self._wanted(self.data.validation[self.data.calibration]) != self.reject_class
        return calibrated_threshold(calibrating.only(words))

    def _wanted(self, clips: HeardClips) -> Tensor:
        return torch.tensor([self.class_numbers[label] for label in clips.labels])

    def _heard(self, engine: Engine, clips: HeardClips) -> Heard:
        return best_words(in_batches(engine, {"audio": clips.audio}, READ_BATCH)["logits"], self.reject_class)


def _only(names: list[str], chosen: Tensor) -> list[str]:
    return [name for name, wanted in zip(names, chosen.tolist(), strict=True) if wanted]
