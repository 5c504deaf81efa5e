"""Quantising: INT8 and float16 files on the real runtime, close to float, with the scales that were trained."""

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, numpy_helper
from torch import Tensor, nn

from dwindle.compress.prune import hold_zeros, sparsity, without_masks
from dwindle.compress.qdq import store_trained_scales
from dwindle.compress.quantize_static import quantize_static
from dwindle.compress.quantize_weights import int8_levels, store_as_float16, store_as_int8
from dwindle.engine import Tensors, open_session
from dwindle.errors import UserError
from dwindle.export.formats import to_onnx
from dwindle.export.onnx_file import metadata_of, read_onnx, write_onnx
from dwindle.tasks.speech.network import SpeechNet
from prune_and_quantize import QuantizedModel

INPUTS = {"audio": {0: "batch", 1: "samples"}}
OUTPUTS = {"logits": {0: "batch"}, "frames": {0: "batch", 1: "time"}, "embedding": {0: "batch"}}
SAYS = {"task": "a test"}


@pytest.fixture(scope="module")
def network() -> nn.Module:
    """Normalised as a trained one is: statistics of its own, not the ones it was born with."""
    torch.manual_seed(0)
    model = SpeechNet(classes=11, channels=16, stem_channels=8, blocks=2)
    with torch.no_grad():
        for _ in range(20):
            model(audio(8))
    return model.eval()


def audio(count: int, seed: int | None = None) -> Tensor:
    generator = None if seed is None else torch.Generator().manual_seed(seed)
    return 0.1 * torch.randn(count, 8000, generator=generator)


EXAMPLE = {"audio": torch.zeros(1, 8000)}


def calibration() -> list[Tensors]:
    return [{"audio": audio(8, seed)} for seed in range(4)]


def exported(model: nn.Module, path: Path) -> Path:
    to_onnx(model, EXAMPLE, path, INPUTS, OUTPUTS, SAYS)
    return path


@pytest.fixture(scope="module")
def float_path(network, tmp_path_factory) -> Path:
    return exported(network, tmp_path_factory.mktemp("float") / "float.onnx")


def answers(path: Path, inputs: Tensor) -> list[np.ndarray]:
    return open_session(path).run(None, {"audio": inputs.numpy()})


def stored(path: Path, kind: int) -> list[TensorProto]:
    return [tensor for tensor in onnx.load(path).graph.initializer if tensor.data_type == kind]


def distance(path: Path, other: Path) -> float:
    """The largest difference of an answer, as a share of the answers' spread."""
    pairs = zip(answers(path, audio(4, 9)), answers(other, audio(4, 9)), strict=True)
    return max(float(np.abs(ours - theirs).max() / theirs.std()) for ours, theirs in pairs)


@pytest.mark.parametrize("signed", [False, True])
def test_static_int8_is_near_float_and_keeps_what_the_file_says(float_path, tmp_path, signed):
    out = tmp_path / "int8.onnx"
    layers = quantize_static(float_path, calibration(), out, signed)
    assert layers == 16  # all but the three that give the answer
    assert distance(out, float_path) < 0.3
    assert metadata_of(read_onnx(out)) == SAYS
    assert out.stat().st_size < float_path.stat().st_size
    operations = [node.op_type for node in onnx.load(out).graph.node]
    assert operations.count("MatMul") == 2, "the front end stays float"
    wide = [tensor for tensor in stored(out, TensorProto.INT8) if len(tensor.dims) == 4]
    scales = [tensor for tensor in stored(out, TensorProto.FLOAT) if list(tensor.dims) == [16]]
    assert len(wide) >= layers
    assert scales, "a scale for each channel"


def test_the_static_file_takes_any_length_and_batch(float_path, tmp_path):
    out = tmp_path / "int8.onnx"
    quantize_static(float_path, calibration(), out)
    logits, frames, embedding = answers(out, 0.1 * torch.randn(3, 12000))
    assert logits.shape == (3, 11)
    assert embedding.shape == (3, 16)
    assert frames.shape[0] == 3


@pytest.mark.parametrize(
    ("batches", "complaint"),
    [
        ([], "empty"),
        ([{"audio": torch.zeros(0, 8000)}], "empty"),
        ([{"audio": torch.zeros(4, 8000)}], "silent"),
        ([{"audio": torch.full((4, 8000), torch.nan)}], "not finite"),
    ],
)
def test_a_calibration_set_that_teaches_nothing_is_refused(network, float_path, tmp_path, batches, complaint):
    with pytest.raises(UserError, match=complaint):
        quantize_static(float_path, batches, tmp_path / "int8.onnx")
    with pytest.raises(UserError, match=complaint):
        QuantizedModel(network, batches)
    assert list(tmp_path.iterdir()) == []


def test_int8_weights_are_restored_at_load_and_compute_in_float(float_path, tmp_path):
    model = onnx.load(float_path)
    before = sum(len(tensor.raw_data) for tensor in model.graph.initializer)
    assert store_as_int8(model) > 10
    write_onnx(model, tmp_path / "int8.onnx", SAYS)
    assert distance(tmp_path / "int8.onnx", float_path) < 0.1
    assert sum(len(tensor.raw_data) for tensor in model.graph.initializer) < 0.6 * before


def test_float16_weights_are_nearer_still(float_path, tmp_path):
    model = onnx.load(float_path)
    assert store_as_float16(model) > 10
    write_onnx(model, tmp_path / "half.onnx", SAYS)
    assert distance(tmp_path / "half.onnx", float_path) < 0.03


def test_levels_keep_zeros_and_the_scale_of_each_channel():
    weights = np.random.default_rng(0).normal(size=(5, 3, 1, 7)).astype(np.float32)
    weights *= np.logspace(-4, 2, 5, dtype=np.float32).reshape(5, 1, 1, 1)
    weights[2] = 0
    weights[1, 0] = 0
    levels, scales = int8_levels(weights, axis=0)
    assert levels.dtype == np.int8
    assert (levels[weights == 0] == 0).all()
    restored = levels * scales.astype(np.float32)
    error = np.abs(restored - weights).max(axis=(1, 2, 3))
    assert (error <= 0.6 * np.abs(weights).max(axis=(1, 2, 3)) / 127).all()


def test_a_quantised_model_is_used_like_any_other(network):
    model = QuantizedModel(network, calibration())
    assert not model.training
    inputs = audio(2, 9)
    first = model(inputs)[0]
    assert first.shape == (2, 11)
    torch.testing.assert_close(model(inputs)[0], first)  # judging moves no range
    again = QuantizedModel(network, calibration())
    again.load_state_dict(model.state_dict())
    torch.testing.assert_close(again(inputs)[0], first)
    model.train()
    model(inputs)[0].square().mean().backward()
    assert sum(int(p.grad is not None and p.grad.abs().sum() > 0) for p in model.parameters()) > 15


def test_training_with_rounding_gives_a_file_with_just_those_scales(network, tmp_path):
    model = QuantizedModel(network, calibration())
    with torch.no_grad():
        for parameter in model.parameters():
            parameter[parameter.abs() < 0.02] = 0
    hold_zeros(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    model.train()
    for seed in range(3):
        optimizer.zero_grad()
        model(audio(4, seed))[0].square().mean().backward()
        optimizer.step()
    zeros = sparsity(model)
    without_masks(model).freeze(EXAMPLE)
    assert sparsity(model) == zeros > 0.02
    path = exported(model, tmp_path / "qat.onnx")
    store_trained_scales(path)
    inputs = audio(4, 9)
    with torch.no_grad():
        ours, converted = model(inputs)[0], model.convert()(inputs)[0]
    spread = float(ours.std())
    assert float(np.abs(answers(path, inputs)[0] - ours.numpy()).max()) < 0.3 * spread
    assert float((converted - ours).abs().max()) < 0.3 * spread  # PyTorch's own INT8 arithmetic
    assert {numpy_helper.to_array(tensor).dtype for tensor in stored(path, TensorProto.INT32)} == {np.dtype("int32")}
    trained = {name: value for name, value in model.named_buffers() if name.endswith("weight_fake_quant.scale")}
    found = [numpy_helper.to_array(tensor) for tensor in onnx.load(path).graph.initializer]
    for name, scale in trained.items():
        assert any(array.shape == scale.shape and np.allclose(array, scale) for array in found), name


def test_a_network_that_cannot_be_traced_gives_one_line():
    class Choosy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 3)

        def forward(self, inputs: Tensor) -> Tensor:
            return self.layer(inputs) if inputs.sum() > 0 else inputs

    with pytest.raises(UserError, match="cannot be traced"):
        QuantizedModel(Choosy())
