"""State that is carried from hop to hop: the frames are those of one run over the whole recording."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from bench.stream_form import export
from dwindle.checkpoint import load_checkpoint
from dwindle.errors import UserError
from dwindle.infer.model_file import ModelError
from dwindle.infer.speech.sound_file import read_audio
from dwindle.infer.speech.stream_frames import StreamFrames
from dwindle.task import open_task, options_of
from dwindle.tasks.speech.front_end import ENERGY_FLOOR, SILENCE_ENERGY
from dwindle.tasks.speech.network import SpeechNet
from dwindle.tasks.speech.stream_network import LEVEL_SPECTRA, StreamNet

ROOT = Path(__file__).parents[1]
STUDENT = ROOT / "artifacts/student.pt"
FRAME = 256
STEPS = (1, 3, 2, 8)  # frames at a time, over and over


@pytest.fixture(scope="module", params=["released", "log_mel"])
def checkpoint(request, tmp_path_factory) -> Path:
    """The released student, and one that hears with the other front end that can carry its state."""
    if request.param == "released":
        return STUDENT
    saved = load_checkpoint(STUDENT)
    torch.manual_seed(0)
    arguments = {**saved.arguments, "front_end": "log_mel"}
    other = SpeechNet(**arguments).state_dict()
    weights = {name: saved.weights.get(name, tensor) for name, tensor in other.items()}
    path = tmp_path_factory.mktemp("other") / "student.pt"
    replace(saved, arguments=arguments, weights=weights).save(path)
    return path


@pytest.fixture(scope="module")
def network(checkpoint) -> SpeechNet:
    saved = load_checkpoint(checkpoint)
    return open_task(saved.task, options_of(saved.task), saved).restored(saved, checkpoint).eval()


@pytest.fixture(scope="module")
def path(checkpoint, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("stream") / "stream.onnx"
    export(checkpoint, path)
    return path


@pytest.fixture(scope="module")
def recordings() -> np.ndarray:
    """Three streams of some seconds: speech, the same fainter and backwards, and amid noise."""
    names = ("four_two", "one_seven_three", "hello")
    sound = np.concatenate([read_audio(ROOT / f"samples/{name}.wav") for name in names])
    sound = sound[: len(sound) // (FRAME * sum(STEPS)) * FRAME * sum(STEPS)]
    noise = np.random.default_rng(0).normal(0, 0.05, len(sound))
    return np.stack([sound, 0.05 * sound[::-1], np.clip(sound + noise, -1, 1)]).astype(np.float32)


def in_one_run(network: SpeechNet, sound: np.ndarray, silent_frames: int) -> np.ndarray:
    """Frames of a whole recording between stretches of silence, with the level of the sound around each spectrum."""
    before, behind = torch.zeros(silent_frames * FRAME + FRAME // 2), torch.zeros(silent_frames * FRAME)
    audio = torch.cat([before, torch.from_numpy(sound), behind]).unsqueeze(0)
    with torch.no_grad():
        margin = (network.front_end.spectrum_samples - FRAME) // FRAME  # of spectra that need more sound
        energies = functional.pad(network.front_end.energies(audio), (margin, margin), mode="replicate")
        ahead = StreamNet(network).kept_spectra_ahead
        power = (energies * network.front_end.level_shares.unsqueeze(1)).sum(dim=1, keepdim=True)
        around = functional.pad(power, (LEVEL_SPECTRA - 1 - ahead, ahead))
        level = functional.avg_pool1d(around, LEVEL_SPECTRA, stride=1)
        frames = network.read(torch.log(energies / (level + SILENCE_ENERGY) + ENERGY_FLOOR))[1]
    return frames.softmax(dim=2)[0, silent_frames : silent_frames + len(sound) // FRAME].numpy()


def carried(frames: StreamFrames, sounds: np.ndarray) -> np.ndarray:
    """Frames of the recordings, fed in steps of several lengths, with silence behind them."""
    sounds = np.pad(sounds, ((0, 0), (0, 3 * sum(STEPS) * FRAME)))
    parts, at = [], 0
    while at < sounds.shape[1]:
        for step in STEPS:
            parts.append(frames.process(sounds[:, at : at + step * FRAME]))
            at += step * FRAME
    return np.concatenate(parts, axis=1)


def test_frames_are_those_of_one_run_over_the_whole_recording(network, path, recordings):
    streams = StreamFrames(path, len(recordings))
    assert streams.lag_frames <= 3 * sum(STEPS)
    found = carried(streams, recordings)
    count = recordings.shape[1] // FRAME
    for stream, sound in zip(found, recordings, strict=True):
        wanted = in_one_run(network, sound, 2 * streams.lag_frames)
        assert wanted[:, :10].max() > 0.3  # a digit is heard
        np.testing.assert_allclose(stream[streams.lag_frames : streams.lag_frames + count], wanted, atol=1e-4)


def test_another_recording_begins_as_if_nothing_went_before(path, recordings):
    streams = StreamFrames(path, len(recordings))
    first = carried(streams, recordings)
    streams.process(recordings[:, : 100 * FRAME])
    streams.begin(1)
    again = carried(streams, recordings)
    np.testing.assert_allclose(again[1], first[1], atol=1e-6)
    assert np.abs(again[0] - first[0]).max() > 0.01  # that one went on


def test_what_carries_no_state_is_refused():
    with pytest.raises(ModelError, match="carries no state: make it with"):
        StreamFrames(ROOT / "artifacts/model.onnx", 1)
    with pytest.raises(UserError, match="strides over time twice"):
        StreamNet(SpeechNet(classes=11, channels=16, time_stride=2))
