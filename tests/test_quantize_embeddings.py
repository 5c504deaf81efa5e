"""Tables in 8 and 4 bits: close to what they were, and as small as they should be."""

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from torch import nn

from dwindle.compress.quantize_embeddings import int4_levels, store_tables, tables_of
from dwindle.engine import onnx_engine
from dwindle.export.formats import to_onnx
from dwindle.export.onnx_file import check_onnx, read_onnx, write_onnx

AXES = {"tokens": {0: "batch", 1: "length"}}, {"rows": {0: "batch", 1: "length"}}


class Table(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.table = nn.Embedding(1000, width, padding_idx=0)

    def forward(self, tokens):
        return self.table(tokens)


@pytest.fixture(params=[64, 37], ids=["even", "odd"])
def written(request, tmp_path):
    network, path = Table(request.param), tmp_path / "table.onnx"
    to_onnx(network, {"tokens": torch.tensor([[1, 2]])}, path, *AXES, {})
    return network, path


@pytest.mark.parametrize(("bits", "largest", "share"), [(8, 0.014, 0.3), (4, 0.35, 0.18)])
def test_rows_come_back_nearly_as_they_were_from_a_smaller_file(written, bits, largest, share):
    network, path = written
    before, model = path.stat().st_size, read_onnx(path)
    assert store_tables(model, bits) == 1
    write_onnx(model, path, {})
    check_onnx(path, *AXES, {})
    tokens = torch.arange(1000).reshape(10, 100)
    with torch.no_grad():
        wanted = network(tokens)
    given = onnx_engine(path)({"tokens": tokens})["rows"]
    assert float((given - wanted).square().mean().sqrt()) < largest / 2
    assert given[0, 0].count_nonzero() == 0  # padding
    assert path.stat().st_size < share * before + 1500


def test_every_number_finds_its_own_place(tmp_path):
    network, path = Table(64), tmp_path / "table.onnx"
    with torch.no_grad():
        network.table.weight.copy_(torch.randint(-7, 8, (1000, 64)))
        network.table.weight[:, 0] = 7  # a scale of one
    to_onnx(network, {"tokens": torch.tensor([[1, 2]])}, path, *AXES, {})
    model = read_onnx(path)
    store_tables(model, 4)
    write_onnx(model, path, {})
    tokens = torch.arange(1, 1000).unsqueeze(0)
    with torch.no_grad():
        torch.testing.assert_close(onnx_engine(path)({"tokens": tokens})["rows"], network(tokens))


def test_clipping_is_chosen_where_it_helps():
    rng = np.random.default_rng(0)
    table = rng.normal(size=(50, 384)).astype(np.float32)
    levels, scales = int4_levels(table)
    plain = np.abs(table).max(axis=1, keepdims=True) / 7
    unclipped = np.clip(np.round(table / plain), -7, 7) * plain
    error = np.square(levels * scales.astype(np.float32) - table).mean()
    assert error < 0.9 * np.square(unclipped - table).mean()


def test_a_small_table_and_a_constant_look_up_stay(written):
    model = read_onnx(written[1])
    assert len(tables_of(model)) == 1
    (gather,) = tables_of(model)
    model.graph.initializer.append(numpy_helper.from_array(np.array([[1]]), "constant"))
    gather.input[1] = "constant"
    assert tables_of(model) == []
    tiny = onnx.helper.make_model(model.graph)
    for tensor in tiny.graph.initializer:
        if len(tensor.dims) == 2:
            tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor)[:10], tensor.name))
    assert tables_of(tiny) == []
