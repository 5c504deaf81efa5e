"""Exported files: complete in themselves, and answering as PyTorch does, silence included."""

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from dwindle.engine import Engine, Tensors, onnx_engine, torch_engine
from dwindle.errors import UserError
from dwindle.export.formats import load_torchscript, to_exported_program, to_onnx, to_torchscript
from dwindle.export.onnx_file import check_onnx, metadata_of, read_onnx, write_onnx
from dwindle.export.verify import TIE, agreement, check_float, check_quantised
from dwindle.tasks.speech.network import SpeechNet

INPUTS = {"audio": {0: "batch", 1: "samples"}}
OUTPUTS = {"logits": {0: "batch"}, "frames": {0: "batch", 1: "time"}, "embedding": {0: "batch"}}
EXAMPLE = {"audio": torch.zeros(1, 8000)}
METADATA = {"labels": '["yes", "ü"]', "sample_rate": "8000"}


@pytest.fixture(scope="module")
def network() -> nn.Module:
    torch.manual_seed(0)
    network = SpeechNet(classes=3, channels=16, stem_channels=4, blocks=1)
    network.train()
    network(torch.randn(4, 8000))  # running statistics other than those of a new network
    return network.eval()


@pytest.fixture(scope="module")
def onnx_path(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "model.onnx"
    to_onnx(network, EXAMPLE, path, INPUTS, OUTPUTS, METADATA)
    return path


def sounds(samples: int = 8000) -> Tensors:
    """Loud, quiet, almost nothing, nothing."""
    noise = torch.randn(5, samples, generator=torch.Generator().manual_seed(0))
    return {"audio": noise * torch.tensor([1.0, 0.01, 1e-5, 1e-7, 0.0]).unsqueeze(1)}


def in_torch(model: nn.Module) -> Engine:
    return torch_engine(model, INPUTS, OUTPUTS)


@pytest.mark.parametrize("samples", [2000, 8000, 12_345])
def test_onnx_answers_as_pytorch_at_every_level_and_length(network, onnx_path, samples):
    found = agreement(in_torch(network), onnx_engine(onnx_path), sounds(samples))
    check_float("model.onnx", "made", found)
    assert found.same_answer == 1.0


def test_onnx_is_one_lean_file_of_the_opset_that_was_asked_for(onnx_path):
    model = read_onnx(onnx_path)
    assert [path.name for path in onnx_path.parent.iterdir()] == ["model.onnx"]
    assert [(entry.domain, entry.version) for entry in model.opset_import] == [("", 17)]
    assert metadata_of(model) == METADATA
    kinds = [node.op_type for node in model.graph.node]
    assert kinds.count("BatchNormalization") <= 1  # those that follow a convolution are folded
    assert "Constant" not in kinds
    assert max(len(tensor.raw_data) for tensor in model.graph.initializer) < 20_000  # no Fourier matrix is stored


def test_torchscript_answers_as_pytorch_and_carries_its_metadata(network, tmp_path):
    to_torchscript(network, EXAMPLE, tmp_path / "model_ts.pt", METADATA)
    loaded, metadata = load_torchscript(tmp_path / "model_ts.pt", list(METADATA))
    assert metadata == METADATA
    for samples in (2000, 8000, 12_345):
        check_float(
            "model_ts.pt",
            "made",
            agreement(in_torch(network), torch_engine(loaded, INPUTS, OUTPUTS), sounds(samples)),
        )


def test_an_exported_program_answers_as_pytorch(network, tmp_path):
    to_exported_program(network, EXAMPLE, tmp_path / "model.pt2", INPUTS, METADATA)
    program = torch.export.load(tmp_path / "model.pt2").module()
    check_float(
        "model.pt2",
        "made",
        agreement(in_torch(network), torch_engine(program, INPUTS, OUTPUTS), sounds()),
    )


def test_exporting_leaves_the_model_in_its_mode(network, tmp_path):
    network.train()
    to_torchscript(network, EXAMPLE, tmp_path / "model_ts.pt", METADATA)
    assert network.training
    network.eval()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda model: setattr(model.opset_import[0], "version", 18), "opset"),
        (lambda model: model.metadata_props.pop(), "metadata"),
        (lambda model: setattr(model.graph.input[0].type.tensor_type.shape.dim[1], "dim_value", 8000), "inputs"),
        (lambda model: model.graph.output.pop(), "outputs"),
        (lambda model: model.graph.node.pop(0), "valid"),
    ],
)
def test_a_file_that_is_not_what_was_asked_for_fails_the_check(onnx_path, tmp_path, spoil, message):
    model = read_onnx(onnx_path)
    spoil(model)
    (tmp_path / "spoilt.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(UserError, match=message):
        check_onnx(tmp_path / "spoilt.onnx", INPUTS, OUTPUTS, METADATA)


def test_a_damaged_file_gives_one_line(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"\xff\xfenot a model")
    with pytest.raises(UserError, match="damaged"):
        read_onnx(tmp_path / "model.onnx")
    with pytest.raises(UserError, match="no such file"):
        read_onnx(tmp_path / "none.onnx")


def test_another_answer_is_noticed(network, onnx_path, tmp_path):
    model = read_onnx(onnx_path)
    bias = next(tensor for tensor in model.graph.initializer if list(tensor.dims) == [3])
    moved = onnx.numpy_helper.to_array(bias) + np.float32([9, 0, 0])
    bias.CopyFrom(onnx.numpy_helper.from_array(moved, bias.name))
    write_onnx(model, tmp_path / "other.onnx", METADATA)
    found = agreement(in_torch(network), onnx_engine(tmp_path / "other.onnx"), sounds())
    with pytest.raises(UserError, match="differs from PyTorch by 9"):
        check_float("other.onnx", "made", found)


def answering(table: torch.Tensor) -> Engine:
    """An engine that looks its logits up by the number of the example."""
    return lambda feed: {"logits": table[feed["number"]]}


def test_a_difference_that_is_no_number_is_no_agreement():
    found = agreement(
        lambda feed: {"logits": torch.ones_like(feed["x"])},
        lambda feed: {"logits": feed["x"] / feed["x"]},
        {"x": torch.zeros(3, 2)},
        (1, 2),
    )
    with pytest.raises(UserError, match="nan"):
        check_float("model.onnx", "made", found)


def test_one_wrong_answer_in_a_hundred_is_too_many_for_int8():
    wanted = torch.eye(100)
    given = wanted.clone()
    given[7] = wanted[8]
    found = agreement(answering(wanted), answering(given), {"number": torch.arange(100)})
    assert found.same_answer == pytest.approx(0.99)
    with pytest.raises(UserError, match=r"99\.00%"):
        check_quantised("model_int8.onnx", "made", found, least=0.995)
    check_quantised("model_int8.onnx", "made", found, least=0.99)


def test_every_answering_output_of_an_int8_file_must_agree():
    """A regression: running speech is read from the second, which nobody looked at."""
    logits, frames = torch.eye(4), torch.eye(5).repeat(4, 1, 1)
    for wrong, said in ((frames.flip(-1), r"20\.00%"), (frames / 0, "no number")):
        found = agreement(
            lambda _: {"logits": logits, "frames": frames},
            lambda _, w=wrong: {"logits": logits, "frames": w},
            {"x": torch.zeros(4, 1)},
            (4,),
            answers=("logits", "frames"),
        )
        with pytest.raises(UserError, match=said):
            check_quantised("model_int8.onnx", "made", found, least=0.995)


def test_a_cache_has_no_top_answer():
    logits, cache = torch.eye(4), torch.randn(4, 5)
    found = agreement(
        lambda _: {"logits": logits, "cache": cache},
        lambda _: {"logits": logits, "cache": -cache},
        {"x": torch.zeros(4, 1)},
        (4,),
    )
    assert found.same_answer == 1.0


def test_of_two_equally_right_answers_either_will_do():
    """A network trained on next to nothing answers noise with ties, and rounding decides them."""
    wanted = torch.tensor([[1.0, 1.0 - 0.9 * TIE], [1.0, 1.0 - 1.1 * TIE]])
    given = torch.tensor([[0.0, 1.0]]).repeat(2, 1)
    assert agreement(answering(wanted), answering(given), {"number": torch.arange(2)}, (1,)).same_answer == 0.5


def test_a_file_that_the_runtime_does_not_open_is_one_line(onnx_path, tmp_path, capsys):
    """A regression: a damaged quantised file ended stage 3 in the runtime's own error."""
    model = read_onnx(onnx_path)
    model.graph.node[0].op_type = "NoSuchOperator"
    write_onnx(model, tmp_path / "odd.onnx", {})
    with pytest.raises(UserError, match=r"odd\.onnx: not an ONNX model that can be read: make it again"):
        onnx_engine(tmp_path / "odd.onnx")
    assert capsys.readouterr() == ("", "")
