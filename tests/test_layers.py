"""What carries weights: one registry for pruning, quantising and measuring."""

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn
from torch.nn import functional

from dwindle.compress.prune import MagnitudePruner, sparsity
from dwindle.compress.quantize_weights import store_as_int8
from dwindle.engine import onnx_engine
from dwindle.export.formats import to_onnx
from dwindle.export.layers import matrices_in, stored_weights
from dwindle.export.onnx_file import lean
from dwindle.export.onnx_graph import remove_unread


class Tagger(nn.Module):
    """Tokens to a class each: an embedding, a recurrent layer, and an answer by the embedding itself."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(40, 16)
        self.recurrent = nn.LSTM(16, 16, batch_first=True, bidirectional=True)
        self.answer = nn.Linear(32, 16)

    def forward(self, tokens):
        read, _ = self.recurrent(self.embedding(tokens))
        return functional.linear(self.answer(read), self.embedding.weight)


@pytest.fixture
def tagger() -> Tagger:
    torch.manual_seed(0)
    return Tagger().eval()


def test_every_kind_of_matrix_is_found_once(tagger):
    names = [(type(layer).__name__, name) for layer, name in matrices_in(tagger)]
    assert names == [
        ("Embedding", "weight"),
        *(("LSTM", f"weight_{part}_l0{way}") for way in ("", "_reverse") for part in ("ih", "hh")),
        ("Linear", "weight"),
    ]


def test_a_recurrent_network_with_tied_weights_is_pruned_and_still_trains(tagger):
    tokens = torch.arange(12).reshape(2, 6)
    pruner = MagnitudePruner(tagger, 0.5, steps=1)
    pruner.step()
    assert sparsity(tagger) == pytest.approx(0.5, abs=0.001)
    before = tagger(tokens)
    tagger.train()(tokens).square().mean().backward()
    assert tagger.recurrent.weight_hh_l0_orig.grad is not None
    pruner.remove()
    assert torch.allclose(tagger.eval()(tokens), before, atol=1e-6)
    assert sparsity(tagger) == pytest.approx(0.5, abs=0.001)
    assert (tagger.recurrent.weight_hh_l0 == 0).any()


def test_the_weights_of_every_operator_are_stored_as_int8(tagger, tmp_path):
    example = {"tokens": torch.arange(6).reshape(1, 6)}
    axes = {0: "batch", 1: "time"}
    to_onnx(tagger, example, tmp_path / "float.onnx", {"tokens": axes}, {"logits": axes}, {})
    model = onnx.load(tmp_path / "float.onnx")
    operators = {node.op_type for node in model.graph.node}
    assert {"Gather", "LSTM"} <= operators
    weights = sum(tensor.numel() for tensor in tagger.state_dict().values() if tensor.ndim > 1)
    assert sum(int(np.prod(tensor.dims)) for tensor, _ in stored_weights(model)) >= weights
    store_as_int8(model)
    onnx.save(model, tmp_path / "int8.onnx")
    floating, whole = (onnx_engine(tmp_path / name)(example)["logits"] for name in ("float.onnx", "int8.onnx"))
    assert 0 < float((floating - whole).abs().max()) < 0.05 * float(floating.std())


def branching_model() -> onnx.ModelProto:
    """An If whose branches read a value of the graph around them, which no other node reads."""
    numbers = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])
    answer = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])

    def branch(operator: str) -> onnx.GraphProto:
        made = helper.make_tensor_value_info(f"{operator}_made", TensorProto.FLOAT, ["n"])
        return helper.make_graph([helper.make_node(operator, ["outer", "two"], [made.name])], operator, [], [made])

    nodes = [
        helper.make_node("Abs", ["x"], ["outer"]),
        helper.make_node("ReduceSum", ["x"], ["total"], keepdims=0),
        helper.make_node("Greater", ["total", "zero"], ["is_positive"]),
        helper.make_node("If", ["is_positive"], ["y"], then_branch=branch("Mul"), else_branch=branch("Add")),
        helper.make_node("Neg", ["x"], ["unread"]),
    ]
    constants = [numpy_helper.from_array(np.float32(value), name) for name, value in (("two", 2), ("zero", 0))]
    graph = helper.make_graph(nodes, "branching", [numbers], [answer], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


@pytest.mark.parametrize("change", [remove_unread, lean], ids=["remove_unread", "lean"])
def test_a_branch_keeps_the_outer_values_that_it_reads(change):
    """A regression: what only the body of an If reads was taken for unread, and a valid model broke."""
    model = branching_model()
    wanted = {sign: onnx_engine(model.SerializeToString())({"x": sign * torch.ones(3)})["y"] for sign in (1, -1)}
    changed = change(model) or model
    assert "Neg" not in {node.op_type for node in changed.graph.node}
    onnx.checker.check_model(changed, full_check=True)
    for sign, answer in wanted.items():
        assert torch.equal(onnx_engine(changed.SerializeToString())({"x": sign * torch.ones(3)})["y"], answer)
