"""Every front end: pictures of one geometry, the same at every level, exported as they train, kept by checkpoints."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from script_process import run_script

from dwindle.checkpoint import Checkpoint, load_checkpoint
from dwindle.compress.prune_channels import narrowed, without_channels
from dwindle.compress.quantize_aware import QuantizedModel
from dwindle.compress.quantize_static import worth_quantising
from dwindle.compress.quantize_weights import store_as_int8
from dwindle.engine import onnx_engine, torch_engine
from dwindle.errors import UsageError, UserError
from dwindle.export.formats import load_torchscript, to_onnx, to_torchscript
from dwindle.export.microcontroller import as_header
from dwindle.export.onnx_file import read_onnx, write_onnx
from dwindle.infer.speech import SAMPLE_RATE
from dwindle.task import open_task, options_of
from dwindle.tasks.speech.front_end import HOP_SAMPLES, LogMel
from dwindle.tasks.speech.front_ends import FRONT_ENDS, new_front_end
from dwindle.tasks.speech.network import SpeechNet
from dwindle.tasks.speech.stream_network import StreamNet
from dwindle.tasks.speech.words import SpokenWords

OTHERS = [name for name in FRONT_ENDS if name != "log_mel"]
LABELS = (*"0123456789", "reject")
LARGEST_INT8 = SpokenWords.budget.bytes["model_int8.onnx"]


def sounds() -> torch.Tensor:
    """Noise, a tone that rises and throbs, a click."""
    time_s = torch.arange(SAMPLE_RATE) / SAMPLE_RATE
    noise = torch.randn(SAMPLE_RATE, generator=torch.Generator().manual_seed(0))
    throb = 1 + 0.8 * torch.sin(2 * torch.pi * 90 * time_s)
    click = torch.zeros(SAMPLE_RATE)
    click[4000] = 1.0
    return torch.stack([0.1 * noise, 0.3 * throb * torch.sin(2 * torch.pi * (200 + 800 * time_s) * time_s), click])


def opened(front_end: str | None) -> SpokenWords:
    return open_task("spoken_digits", options_of("spoken_digits", data_dir="no such folder", front_end=front_end))


@pytest.fixture(scope="module", params=OTHERS)
def made(request) -> tuple[SpokenWords, SpeechNet, dict]:
    """A student that has settled on what it hears."""
    torch.manual_seed(0)
    task = opened(request.param)
    network, arguments = task.build("student")
    with torch.no_grad():
        for _ in range(5):
            network(sounds())
    return task, network.eval(), arguments


@pytest.fixture(scope="module")
def exported(made, tmp_path_factory) -> Path:
    task, network, _ = made
    path = tmp_path_factory.mktemp("exported") / "model.onnx"
    to_onnx(network, task.example_inputs(), path, task.inputs, task.outputs, {"labels": str(list(LABELS))})
    return path


@pytest.mark.parametrize("name", FRONT_ENDS)
@settings(max_examples=5)
@given(batch=st.integers(1, 3), samples=st.integers(2_000, 12_000))
def test_pictures_have_the_frames_of_log_mel_pictures(name, batch, samples):
    front_end = new_front_end(name).eval()
    picture = front_end(torch.zeros(batch, samples))
    bands = (front_end.bands,) if front_end.maps == 1 else (front_end.maps, front_end.bands)
    assert picture.shape == (batch, *bands, samples // HOP_SAMPLES - 1)


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_a_click_is_heard_when_it_is(name):
    click = torch.zeros(1, SAMPLE_RATE)
    click[0, 30 * HOP_SAMPLES] = 1.0  # where two frames of two hops meet: the middle of the one between them
    picture = new_front_end(name).eval()(click).reshape(-1, SAMPLE_RATE // HOP_SAMPLES - 1)
    assert picture.exp().sum(dim=0).argmax() == 29


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_the_level_of_a_clip_does_not_matter_and_any_level_stays_finite(name):
    front_end = new_front_end(name).eval()
    whole = front_end(sounds())
    for gain in (0.03, 10.0):
        torch.testing.assert_close(front_end(gain * sounds()[:2]), whole[:2], atol=0.02, rtol=0)
    silent = front_end(torch.zeros(2, SAMPLE_RATE))
    assert silent.isfinite().all() and silent.max() < whole.mean()
    for gain in (1e-20, 1e3):
        assert front_end(gain * sounds()).isfinite().all()


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_a_tone_stands_in_the_band_of_its_frequency(name):
    time_s = torch.arange(SAMPLE_RATE) / SAMPLE_RATE
    loudest = []
    for hz in (250, 500, 1000, 2000, 3300):
        picture = new_front_end(name).eval()(0.1 * torch.sin(2 * torch.pi * hz * time_s).unsqueeze(0))
        loudest.append(int((picture if picture.ndim == 3 else picture[:, 0])[0, :, 20:40].mean(dim=1).argmax()))
    assert loudest == sorted(set(loudest))


def test_the_scattering_is_kymatios():
    from kymatio.scattering1d.frontend.numpy_frontend import ScatteringNumPy1D  # kymatio.numpy needs an older scipy

    samples = 8_192
    audio = torch.nn.functional.pad(sounds()[:2], (0, samples - SAMPLE_RATE), mode="constant")
    reference = ScatteringNumPy1D(J=5, shape=samples, Q=(8, 1), T=32, oversampling=5)
    theirs, meta = reference(audio.numpy()), reference.meta()
    mine = new_front_end("scattering").eval().amplitudes(audio).numpy()
    middles = HOP_SAMPLES * np.arange(1, mine.shape[-1] + 1)  # between two samples, so that two are averaged
    theirs = (theirs[..., middles - 1] + theirs[..., middles]) / 2
    inside = slice(6, -10)  # kymatio mirrors a sound at its ends
    filled = np.zeros(mine.shape[1:3], bool)
    for row, (order, path) in enumerate(zip(meta["order"], meta["n"], strict=True)):
        if order == 0:
            continue
        band = mine.shape[2] - 1 - int(path[0])
        number = 0 if order == 1 else mine.shape[1] + 2 - int(path[1])
        filled[number, band] = True
        wanted, found = theirs[:, row, inside], mine[:, number, band, inside]
        level = theirs[:, 1 + int(path[0]), inside].mean(axis=1, keepdims=True) + 1e-3
        assert np.abs((found - wanted) / level).max() < 0.15, (order, path)
        assert np.abs(found.mean(axis=1) - wanted.mean(axis=1)).max() < 0.03 * level.max(), (order, path)
    assert filled.sum() == 30 + 53
    assert not mine[:, ~filled].any()


def test_the_filterbank_begins_as_mel_bands_and_learns_their_edges():
    front_end, log_mel, noise = new_front_end("sinc").eval(), LogMel().eval(), sounds()[:1]
    begun = front_end(noise).mean(dim=-1)
    assert torch.corrcoef(torch.cat([begun, log_mel(noise).mean(dim=-1)]))[0, 1] > 0.95
    network = SpeechNet(3, channels=8, stem_channels=4, blocks=1, front_end="sinc")
    network(sounds())[0].square().sum().backward()
    for edges in (network.front_end.raised, network.front_end.widened):
        assert (edges.grad.abs() > 0).all()
    with torch.no_grad():
        front_end.raised += 5
    assert (front_end(noise).mean(dim=-1) - begun).abs().max() > 0.3


def test_masks_hide_the_same_bands_and_frames_in_every_map():
    network = SpeechNet(3, channels=8, stem_channels=4, blocks=1, front_end="scattering").train()
    maps = torch.randn(4, 3, 30, 61) + torch.tensor([0.0, 5.0, -5.0]).reshape(1, 3, 1, 1)
    torch.manual_seed(0)
    mean = maps.mean(dim=(2, 3), keepdim=True)
    hidden = (network.spec_augment(maps) - mean).abs() < 1e-6
    assert 0 < hidden.float().mean() < 0.5
    assert (hidden == hidden[:, :1]).all()


@pytest.mark.parametrize("samples", [6_144, 8_000, 18_000])
def test_files_answer_as_pytorch_does(made, exported, samples):
    """to_onnx checks that the operators are ONNX's own, and that no axis but the batch's and time's is free."""
    task, network, _ = made
    audio = {"audio": 0.1 * torch.randn(3, samples, generator=torch.Generator().manual_seed(samples))}
    wanted, found = torch_engine(network, task.inputs, task.outputs)(audio), onnx_engine(exported)(audio)
    assert wanted["frames"].shape[1] == samples // 256
    for name, tensor in wanted.items():
        torch.testing.assert_close(found[name], tensor, atol=1e-4, rtol=1e-4)


def test_files_are_small_and_stay_finite_in_silence_and_noise(made, exported, tmp_path):
    model = read_onnx(exported)
    assert worth_quantising(model)[1] == 24, "the front end stays float"
    store_as_int8(model)
    write_onnx(model, tmp_path / "int8.onnx", {})
    assert (tmp_path / "int8.onnx").stat().st_size < 0.9 * LARGEST_INT8
    for gain in (0.0, 1e-20, 1e3):
        answers = onnx_engine(tmp_path / "int8.onnx")({"audio": gain * sounds()})
        assert all(answer.isfinite().all() for answer in answers.values())


def test_torchscript_answers_alike(made, tmp_path):
    task, network, _ = made
    to_torchscript(network, task.example_inputs(), tmp_path / "model.pt", {})
    script, _ = load_torchscript(tmp_path / "model.pt", [])
    for audio in (sounds(), sounds()[:1, :6_000]):
        torch.testing.assert_close(script(audio)[0], network(audio)[0], atol=1e-5, rtol=1e-4)


def test_quantising_in_training_leaves_the_front_end_as_it_is(made):
    task, network, _ = made
    model = QuantizedModel(network, [{"audio": sounds()}]).freeze(task.example_inputs())
    assert model.quantised_layers() == 24
    torch.testing.assert_close(model.network.front_end(sounds()), network.front_end(sounds()))


def test_channels_can_be_cut_out(made):
    task, network, arguments = made
    smaller = task.rebuild(narrowed(arguments, 0.5))
    cut = without_channels(network, smaller, task.example_inputs()).eval()
    assert cut.attention.in_channels == 40
    torch.testing.assert_close(cut.front_end(sounds()), network.front_end(sounds()))


def test_a_checkpoint_remembers_what_it_hears_with(made, tmp_path):
    task, network, arguments = made
    saved = Checkpoint(task.name, list(LABELS), "student", "trained", arguments, network.state_dict(), seed=0)
    saved.save(tmp_path / "student.pt")
    loaded = load_checkpoint(tmp_path / "student.pt")
    later = open_task(task.name, options_of(task.name), loaded)  # as a later stage does, without the flag
    assert later.front_end == task.front_end
    again = later.restored(loaded, tmp_path / "student.pt").eval()
    for mine, theirs in zip(again(sounds()), network(sounds()), strict=True):
        torch.testing.assert_close(mine, theirs)
    with pytest.raises(UsageError, match=f"hears with {task.front_end}"):
        open_task(task.name, options_of(task.name, front_end="log_mel"), loaded)


def test_who_begins_as_a_student_hears_as_it_does(tmp_path):
    """A person's own words begin as the released digits, whatever those hear with."""
    network = SpeechNet(len(LABELS), channels=8, blocks=1, front_end="sinc")
    arguments = {"classes": len(LABELS), "channels": 8, "blocks": 1, "front_end": "sinc"}
    checkpoint = Checkpoint("spoken_digits", list(LABELS), "student", "trained", arguments, network.state_dict(), 0)
    checkpoint.save(tmp_path / "student.pt")
    for start, named, hears_with in (
        (None, None, "log_mel"),
        ("student.pt", None, "sinc"),
        ("student.pt", "log_mel", "log_mel"),
    ):
        options = options_of("spoken_digits", front_end=named)
        options.start_from = start and str(tmp_path / start)
        assert open_task("spoken_digits", options).front_end == hears_with


def test_checkpoints_of_before_hear_log_mel_energies(tmp_path):
    shape = {"classes": len(LABELS), "channels": 8, "blocks": 1}  # there were no others
    weights = SpeechNet(**shape).state_dict()
    before = Checkpoint("spoken_digits", list(LABELS), "student", "trained", shape, weights, 0)
    task = open_task(before.task, options_of(before.task), before)
    assert task.front_end == "log_mel"
    assert isinstance(task.restored(before, tmp_path / "student.pt").front_end, LogMel)


def test_a_wrong_name_is_refused_in_one_line(tmp_path):
    done = run_script(tmp_path, "model_student.py", "--front_end", "ear")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert all(name in done.stderr for name in FRONT_ENDS)
    task = opened(None)
    arguments = task.build("student", 8)[1]
    strange = Checkpoint(task.name, list(LABELS), "student", "trained", {**arguments, "front_end": "ear"}, {}, seed=0)
    with pytest.raises(UserError, match="unknown front end 'ear'"):
        task.restored(strange, tmp_path / "student.pt")


def test_without_kymatio_one_line_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "kymatio.scattering1d.filter_bank", None)
    with pytest.raises(UserError, match="pip install 'kymatio"):
        new_front_end("scattering")


def test_forms_that_know_not_every_front_end_say_so(made, exported):
    task, network, _ = made
    if task.front_end == "scattering":
        with pytest.raises(UserError, match="each of their own samples"):
            StreamNet(network)
        with pytest.raises(UserError, match="log-mel bands or learnt filters"):
            as_header(exported)
