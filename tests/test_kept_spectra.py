"""Spectra that outlast a run: a stream is heard as if each window were heard whole, on a fraction of the sound."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tone_model import METADATA, write_tone_model

from dwindle.errors import UserError
from dwindle.export.formats import to_onnx
from dwindle.export.onnx_file import metadata_of, read_onnx, write_onnx
from dwindle.infer.model_file import ModelError
from dwindle.infer.speech.enrolled import EnrolledWord, EnrolledWords
from dwindle.infer.speech.kept_spectra import EARLIER, HOP_KEY, SAMPLES_KEY, SPECTRA, KeptSpectra, declared
from dwindle.infer.speech.model import Recogniser
from dwindle.infer.speech.stream_window import StreamWindow
from dwindle.tasks.speech.front_ends import FRONT_ENDS
from dwindle.tasks.speech.network import SpeechNet
from dwindle.tasks.speech.words import SpokenWords

KEEPING = ("log_mel", "sinc")
HOP = 384  # 48 ms
WINDOW = 6_144


@pytest.fixture(scope="module", params=KEEPING)
def recogniser(request, tmp_path_factory) -> Recogniser:
    torch.manual_seed(0)
    network = SpeechNet(11, channels=24, blocks=2, front_end=request.param).eval()
    says = METADATA | {SAMPLES_KEY: str(network.front_end.spectrum_samples), HOP_KEY: "128"}
    path = tmp_path_factory.mktemp(request.param) / "model.onnx"
    example = {"audio": torch.zeros(1, 8_000)}
    to_onnx(network, example, path, SpokenWords.inputs, SpokenWords.outputs, says)
    return Recogniser(path)


@given(waits=st.lists(st.integers(1, 20), min_size=1, max_size=8), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_a_stream_is_heard_as_its_windows_are(recogniser, waits, seed):
    random, window = np.random.default_rng(seed), StreamWindow(recogniser)
    for hops in waits:  # between two runs: the network rests while nobody speaks
        for _ in range(hops):
            window.append(random.uniform(0.01, 1) * random.standard_normal(HOP).astype(np.float32))
        whole = recogniser.frames(window.samples)
        assert np.allclose(window.frames(15), whole[-15:], atol=1e-5)


def test_the_network_is_given_what_is_new(recogniser, monkeypatch):
    fed, unheard = [], KeptSpectra.unheard

    def noting(self, *arguments):
        fed.append(unheard(self, *arguments))
        return fed[-1]

    monkeypatch.setattr(KeptSpectra, "unheard", noting)
    window = StreamWindow(recogniser)
    for hops in (1, 1, 3, 40, 1):
        for _ in range(hops):
            window.append(np.ones(HOP, np.float32))
        window.frames(5)
        window.frames(9)  # of the same run
    spectrum = int(metadata_of(read_onnx(recogniser.path))[SAMPLES_KEY])
    assert [len(audio) for audio, _ in fed] == [WINDOW, *(spectrum + n * 128 for n in (2, 8)), WINDOW, spectrum + 256]
    assert [earlier is None for _, earlier in fed] == [True, False, False, True, False]
    window.reset()
    window.append(np.ones(HOP, np.float32))
    window.frames(5)
    assert len(fed[-1][0]) == WINDOW


def test_an_enrolled_word_is_looked_for_in_the_same_run(recogniser, monkeypatch):
    direction = np.eye(1, 24)[0]
    monkeypatch.setattr(recogniser, "enrolled", EnrolledWords({"door": EnrolledWord(direction, 5, 0.6)}))
    monkeypatch.setattr(recogniser, "crowd", type("Crowd", (), {"direction": lambda self, embedding: embedding})())
    random, window, runs = np.random.default_rng(0), StreamWindow(recogniser), []
    heard = recogniser.heard
    monkeypatch.setattr(recogniser, "heard", lambda *arguments: runs.append(1) or heard(*arguments))
    for hop in range(1, 4):
        window.append(random.standard_normal(HOP).astype(np.float32))
        assert np.allclose(window.direction(), recogniser.direction(window.samples), atol=1e-4)
        window.frames(15)
        assert len(runs) == hop


def test_to_everybody_else_the_file_is_as_any_other(recogniser):
    graph = read_onnx(recogniser.path).graph
    assert [value.name for value in graph.input] == ["audio"]
    assert [value.name for value in graph.output] == ["logits", "frames", "embedding"]
    assert EARLIER in [tensor.name for tensor in graph.initializer]
    merged = type(read_onnx(recogniser.path)).FromString(recogniser.path.read_bytes() + declared()).graph
    assert [value.name for value in merged.input] == ["audio", EARLIER]
    assert [value.name for value in merged.output][-1] == SPECTRA
    assert len(merged.node) == len(graph.node)


def test_a_file_that_does_not_say_how_its_spectra_lie_is_run_on_whole_windows(recogniser, tmp_path):
    model = read_onnx(recogniser.path)
    write_onnx(model, tmp_path / "silent.onnx", {k: v for k, v in metadata_of(model).items() if k != SAMPLES_KEY})
    silent, sound = Recogniser(tmp_path / "silent.onnx"), np.random.default_rng(0).standard_normal((4, HOP), np.float32)
    one, other = StreamWindow(silent), StreamWindow(recogniser)
    for hop in sound:
        one.append(hop)
        other.append(hop)
        assert np.allclose(one.frames(15), other.frames(15), atol=1e-5)
    assert silent.heard(one.samples, None, 0)[1] is None


@pytest.mark.parametrize(("key", "value"), [(HOP_KEY, None), (HOP_KEY, "0"), (SAMPLES_KEY, "many")])
def test_odd_statements_are_refused(recogniser, tmp_path, key, value):
    model = read_onnx(recogniser.path)
    says = metadata_of(model) | {key: value}
    write_onnx(model, tmp_path / "odd.onnx", {k: v for k, v in says.items() if v is not None})
    with pytest.raises(ModelError, match=key):
        Recogniser(tmp_path / "odd.onnx")


def test_a_file_that_says_so_and_keeps_nothing_is_refused(tmp_path):
    path = write_tone_model(tmp_path / "says so.onnx", **{SAMPLES_KEY: "320", HOP_KEY: "320"})
    with pytest.raises(ModelError, match="export it again"):
        Recogniser(path)


@pytest.mark.parametrize("name", FRONT_ENDS)
def test_a_spectrum_is_of_its_own_samples_alone(name):
    """Or it could not be kept: a change anywhere else leaves it as it is."""
    front_end = FRONT_ENDS[name]().eval()
    if name not in KEEPING:
        assert not hasattr(front_end, "spectrum_samples")
        return
    heard, sound = front_end.spectrum_samples, torch.randn(1, WINDOW, generator=torch.Generator().manual_seed(0))
    first = 10 * 128
    changed = torch.randn(1, WINDOW, generator=torch.Generator().manual_seed(1))
    changed[:, first : first + heard] = sound[:, first : first + heard]
    before, after = front_end.energies(sound), front_end.energies(changed)
    assert before.shape[2] == (WINDOW - heard) // 128 + 1
    assert torch.allclose(before[:, :, 10], after[:, :, 10], rtol=1e-4)
    assert not torch.allclose(before[:, :, 11], after[:, :, 11], rtol=1e-4)


def test_a_front_end_without_such_a_place_is_not_exported(tmp_path, monkeypatch):
    monkeypatch.setattr(FRONT_ENDS["log_mel"], "spectra_go_to", frozenset({"Softmax"}))
    network = SpeechNet(11, channels=24, blocks=1).eval()
    example = {"audio": torch.zeros(1, 8_000)}
    with pytest.raises(UserError, match="could be kept"):
        to_onnx(network, example, tmp_path / "x.onnx", SpokenWords.inputs, SpokenWords.outputs, {})
