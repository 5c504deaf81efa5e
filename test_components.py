"""A short tour of Dwindle: one honest test for each component. The deeper ones live in tests/.

python -m pytest test_components.py
"""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torchaudio
from torch.nn import functional

from dwindle.compress.prune import MagnitudePruner, sparsity
from dwindle.compress.quantize_aware import QuantizedModel
from dwindle.engine import open_session
from dwindle.export.formats import to_onnx
from dwindle.infer.speech import SAMPLE_RATE, WINDOW_SAMPLES
from dwindle.infer.speech.listener import RealTimeInference
from dwindle.infer.speech.model import Recogniser
from dwindle.infer.speech.sound_file import read_audio
from dwindle.infer.speech.vad import VoiceActivityDetector
from dwindle.tasks.speech.front_end import FRAME_SAMPLES, HIGHEST_HZ, HOP_SAMPLES, LOWEST_HZ, MEL_BANDS, LogMel
from dwindle.tasks.speech.network import SpeechNet
from dwindle.tasks.speech.words import STUDENT
from dwindle.train.distillation import KnowledgeDistillationLoss

SAMPLES = Path(__file__).parent / "samples"
RELEASED = Path(__file__).parent / "artifacts" / "model_int8.onnx"
LABELS = [*"0123456789", "reject"]


@pytest.fixture
def student() -> SpeechNet:
    torch.manual_seed(0)
    return SpeechNet(len(LABELS), **STUDENT).eval()


@pytest.fixture
def spoken() -> np.ndarray:
    return np.concatenate([read_audio(SAMPLES / f"{word}.wav") for word in ("one", "seven", "three")])


@pytest.fixture
def exported(student, tmp_path) -> Path:
    metadata = {"labels": json.dumps(LABELS), "sample_rate": SAMPLE_RATE, "window_samples": WINDOW_SAMPLES}
    to_onnx(
        student,
        {"audio": torch.zeros(1, WINDOW_SAMPLES)},
        tmp_path / "model.onnx",
        {"audio": {0: "batch", 1: "samples"}},
        {"logits": {0: "batch"}, "frames": {0: "batch", 1: "time"}, "embedding": {0: "batch"}},
        {key: str(value) for key, value in metadata.items()},
    )
    return tmp_path / "model.onnx"


def test_the_front_end_is_torchaudios_log_mel(spoken):
    reference = torchaudio.transforms.MelSpectrogram(
        SAMPLE_RATE, FRAME_SAMPLES, None, HOP_SAMPLES, LOWEST_HZ, HIGHEST_HZ, n_mels=MEL_BANDS, center=False
    )
    audio = torch.from_numpy(spoken).unsqueeze(0)
    assert torch.allclose(LogMel().energies(audio).log1p(), reference(audio).log1p(), atol=1e-4)


def test_the_student_is_small_and_reads_a_word_and_its_frames(student):
    logits, frames, _ = student(torch.randn(2, WINDOW_SAMPLES))
    assert sum(parameter.numel() for parameter in student.parameters()) <= 85_000
    assert logits.shape == (2, 11)
    assert frames.shape[::2] == (2, 12)


def test_a_student_that_copies_its_teacher_pays_only_for_wrong_answers():
    logits, targets = torch.randn(8, 11), torch.randint(11, (8,))
    paid = KnowledgeDistillationLoss(temperature=4.0, alpha=0.7)(logits, logits, targets)
    assert paid == pytest.approx(0.3 * functional.cross_entropy(logits, targets).item(), rel=1e-5)


def test_pruning_sets_the_wanted_share_to_zero(student):
    pruner = MagnitudePruner(student, target_sparsity=0.4, steps=2)
    pruner.step()
    pruner.step()
    assert sparsity(pruner.remove()) == pytest.approx(0.4, abs=0.001)


def test_the_quantised_model_answers_like_the_float_one(student, spoken):
    clip = torch.from_numpy(spoken[:WINDOW_SAMPLES]).unsqueeze(0)
    quantized = QuantizedModel(student, calibration=[clip]).eval()
    wanted, got = student(clip)[0], quantized(clip)[0]
    assert functional.cosine_similarity(wanted, got).item() > 0.98


def test_the_exported_file_answers_like_pytorch(student, exported, spoken):
    clip = spoken[None, :WINDOW_SAMPLES]
    logits, *_ = open_session(exported).run(None, {"audio": clip})
    assert np.abs(logits - student(torch.from_numpy(clip))[0].detach().numpy()).max() < 1e-3


def test_the_voice_detector_hears_speech_and_not_silence(spoken):
    detector = VoiceActivityDetector("webrtc", SAMPLE_RATE)
    assert not any(detector.process(np.zeros(SAMPLE_RATE, np.float32)))
    assert any(detector.process(spoken))


def test_the_released_model_hears_the_same_digits_in_any_pieces(spoken):
    heard = []
    for piece in (len(spoken), 160, 777):
        listener = RealTimeInference(Recogniser(RELEASED))
        events = [e for start in range(0, len(spoken), piece) for e in listener.process(spoken[start : start + piece])]
        events += listener.finish()
        heard.append([(event.digit, event.start_s, event.end_s, event.emitted_s) for event in events])
    assert [digit for digit, *_ in heard[0]] == ["1", "7", "3"]
    assert heard[0] == heard[1] == heard[2]
