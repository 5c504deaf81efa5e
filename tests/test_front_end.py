"""The front end: torchaudio's values, the same at every level, and small in every exported form."""

import io
import warnings

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import torchaudio
from hypothesis import given, settings
from hypothesis import strategies as st

from dwindle.infer.speech import SAMPLE_RATE
from dwindle.tasks.speech.front_end import (
    FRAME_SAMPLES,
    HIGHEST_HZ,
    HOP_SAMPLES,
    LOWEST_HZ,
    MEL_BANDS,
    LogMel,
)

MOST_CONSTANT_BYTES = 64 * 1024


@pytest.fixture(scope="module")
def front_end() -> LogMel:
    return LogMel().eval()


@pytest.fixture(scope="module")
def exported(front_end) -> bytes:
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        torch.onnx.export(
            front_end,
            (torch.zeros(1, SAMPLE_RATE),),
            file,
            opset_version=17,
            dynamo=False,
            do_constant_folding=False,
            input_names=["audio"],
            output_names=["picture"],
            dynamic_axes={"audio": {0: "batch", 1: "samples"}, "picture": {0: "batch", 2: "frames"}},
        )
    return file.getvalue()


def sounds() -> torch.Tensor:
    rng = torch.Generator().manual_seed(0)
    time_s = torch.arange(SAMPLE_RATE) / SAMPLE_RATE
    noise = torch.randn(SAMPLE_RATE, generator=rng)
    sweep = torch.sin(2 * torch.pi * (50 + 1900 * time_s) * time_s)
    click = torch.zeros(SAMPLE_RATE)
    click[4000] = 1.0
    return torch.stack([0.1 * noise, 0.8 * sweep, click, 0.3 * sweep * (time_s > 0.5) + 1e-3 * noise])


def test_energies_agree_with_torchaudio(front_end):
    reference = torchaudio.transforms.MelSpectrogram(
        SAMPLE_RATE,
        n_fft=FRAME_SAMPLES,
        hop_length=HOP_SAMPLES,
        f_min=LOWEST_HZ,
        f_max=HIGHEST_HZ,
        n_mels=MEL_BANDS,
        center=False,
        power=2.0,
    )
    theirs = torch.log(reference(sounds()) + 1e-3)
    assert theirs.std() > 1  # a picture of something
    for mode in (front_end, LogMel().train()):  # as it is exported, and as it trains
        mine = torch.log(mode.energies(sounds()) + 1e-3)
        assert mine.shape == theirs.shape
        torch.testing.assert_close(mine, theirs, atol=1e-4, rtol=0)


def test_hum_far_above_the_voice_moves_only_the_bands_that_it_fills(front_end):
    """A recording like that made a level of the whole sound push its voice below everything ever trained on."""
    voice = sounds()[:1]
    hum = 10 * voice.std() * torch.sin(2 * torch.pi * 100 * torch.arange(SAMPLE_RATE) / SAMPLE_RATE)
    moved = (front_end(voice + hum) - front_end(voice)).abs().amax(dim=(0, 2))
    assert moved[0] > 3
    assert moved[MEL_BANDS // 4 :].max() < 0.3


@given(gain_db=st.floats(-40, 20))
def test_the_level_of_a_clip_does_not_matter(gain_db):
    front_end, audio = LogMel(), sounds()
    torch.testing.assert_close(front_end(audio * 10 ** (gain_db / 20)), front_end(audio), atol=0.02, rtol=0)


def test_silence_and_faint_sound_stay_finite_and_below_speech(front_end):
    silent = front_end(torch.zeros(2, SAMPLE_RATE))
    assert silent.isfinite().all()
    assert silent.max() < front_end(sounds()).mean()
    assert front_end(1e-20 * sounds()).isfinite().all()
    assert front_end(1e3 * sounds()).isfinite().all()


@settings(max_examples=25)
@given(batch=st.integers(1, 4), samples=st.integers(2_000, 20_000))
def test_every_exported_form_takes_any_batch_and_length(front_end_forms, batch, samples):
    module, session, traced = front_end_forms
    audio = 0.1 * torch.randn(batch, samples, generator=torch.Generator().manual_seed(samples))
    wanted = module(audio)
    assert wanted.shape == (batch, MEL_BANDS, samples // HOP_SAMPLES - 1)
    torch.testing.assert_close(traced(audio), wanted, atol=1e-5, rtol=0)
    (heard,) = session.run(None, {"audio": audio.numpy()})
    np.testing.assert_allclose(heard, wanted.numpy(), atol=1e-3)


@pytest.fixture(scope="module")
def front_end_forms(front_end, exported):
    traced_file = io.BytesIO()
    torch.jit.save(torch.jit.trace(front_end, torch.zeros(1, SAMPLE_RATE)), traced_file)
    traced_file.seek(0)
    session = onnxruntime.InferenceSession(exported, providers=["CPUExecutionProvider"])
    return front_end, session, torch.jit.load(traced_file)


def test_the_onnx_form_is_opset_17_and_its_constants_are_small(exported):
    model = onnx.load_from_string(exported)
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 17)]
    onnx.checker.check_model(model, full_check=True)
    stored = [tensor.ByteSize() for tensor in model.graph.initializer]
    stored += [field.t.ByteSize() for node in model.graph.node for field in node.attribute if field.HasField("t")]
    assert 1_000 < sum(stored) < MOST_CONSTANT_BYTES
    assert len(exported) < MOST_CONSTANT_BYTES


def test_each_frame_depends_on_its_own_samples_alone(front_end):
    """What streams must equal what was read whole: a frame computed from a piece is the frame of the whole."""
    audio = sounds()
    whole = front_end.energies(audio)
    for first in (0, 7, 40):
        piece = front_end.energies(audio[:, first * HOP_SAMPLES :][:, : 10 * HOP_SAMPLES])
        torch.testing.assert_close(piece, whole[:, :, first : first + 9], atol=1e-5, rtol=1e-6)
