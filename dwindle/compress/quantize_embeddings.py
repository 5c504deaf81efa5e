"""Tables that are looked up row by row (embeddings), stored in 8 or 4 bits with a scale for each row.

The rows that an input asks for are fetched first and turned into floats then: the table itself stays small in memory,
and an answer takes no longer. All of it is plain ONNX. A table is most of a small language or text model.
"""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from dwindle.compress.compare import Version
from dwindle.compress.quantize_weights import int8_levels
from dwindle.compress.workshop import Workshop
from dwindle.export.onnx_file import metadata_of, read_onnx, write_onnx
from dwindle.export.onnx_graph import remove_unread, size

SMALLEST_TABLE = 16_384  # numbers; below it there is nothing to gain
BITS = (8, 4)
CLIPPED = (1.0, 0.92, 0.85, 0.78, 0.71, 0.64)  # of a row's largest value: less of it is rounded away, more cut off


def with_small_tables(parent: Version, workshop: Workshop) -> Version:
    """The parent's file with its tables in few bits; all else is as it was. One without tables stays itself."""
    if workshop.table_bits is None:
        return parent
    name = f"{parent.name}_table{workshop.table_bits}"
    path = workshop.folder / f"{name}.onnx"
    model = read_onnx(parent.onnx_path)
    metadata = metadata_of(model)
    count = store_tables(model, workshop.table_bits)
    if not count:
        return parent
    write_onnx(model, path, metadata)
    note = f"{count} tables in {workshop.table_bits} bits with a scale for each row, float arithmetic"
    return replace(parent, name=name, stage="quantised", onnx_path=path, note=note)


def shrink_tables_of(path: Path, bits: int | None) -> None:
    """The same of a file that lies there already; None leaves it as it is."""
    if bits is None:
        return
    model = read_onnx(path)
    metadata = metadata_of(model)
    if store_tables(model, bits):
        write_onnx(model, path, metadata)


def tables_of(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """The look-ups of stored float matrices of any size, row by row."""
    stored = {
        tensor.name: tensor
        for tensor in model.graph.initializer
        if tensor.data_type == TensorProto.FLOAT and len(tensor.dims) == 2 and size(tensor) >= SMALLEST_TABLE
    }
    constants = {tensor.name for tensor in model.graph.initializer}
    return [
        node
        for node in model.graph.node
        if node.op_type == "Gather"
        and node.input[0] in stored
        and node.input[1] not in constants
        and not any(one.name == "axis" and one.i for one in node.attribute)
    ]


def store_tables(model: onnx.ModelProto, bits: int) -> int:
    """Change the model; gives how many look-ups were converted. A table that something else reads too stays as well."""
    stored = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    found = tables_of(model)
    for number, node in enumerate(found):
        table, rows, out = stored[node.input[0]], node.input[1], node.output[0]
        name = f"table{number}"
        nodes = _whole_bytes(model, name, table, rows) if bits == 8 else _half_bytes(model, name, table, rows)
        nodes.append(helper.make_node("Mul", [f"{name}.levels", f"{name}.scale"], [out]))
        place = list(model.graph.node).index(node)
        model.graph.node.remove(node)
        for further in reversed(nodes):
            model.graph.node.insert(place, further)
    remove_unread(model)
    return len(found)


def _whole_bytes(model: onnx.ModelProto, name: str, table: np.ndarray, rows: str) -> list[onnx.NodeProto]:
    levels, scales = int8_levels(table, axis=0)
    return [
        *_fetched(model, f"{name}.bytes", levels, rows),
        helper.make_node("Cast", [f"{name}.bytes"], [f"{name}.levels"], to=TensorProto.FLOAT),
        *_scales(model, name, scales, rows),
    ]


def _half_bytes(model: onnx.ModelProto, name: str, table: np.ndarray, rows: str) -> list[onnx.NodeProto]:
    """Two numbers in a byte: the first half of a row in the lower bits, the second in the upper ones."""
    levels, scales = int4_levels(table)
    half = math.ceil(table.shape[1] / 2)
    shifted = np.full((len(table), 2 * half), 8, np.uint8)
    shifted[:, : table.shape[1]] = levels + 8
    pairs = shifted[:, :half] | (shifted[:, half:] << 4)
    for constant, value in (("four", np.uint8(4)), ("zero", np.float32(8))):
        model.graph.initializer.append(numpy_helper.from_array(np.array(value), f"{name}.{constant}"))
    nodes = [
        *_fetched(model, f"{name}.pairs", pairs, rows),
        helper.make_node("BitShift", [f"{name}.pairs", f"{name}.four"], [f"{name}.upper"], direction="RIGHT"),
        helper.make_node("BitShift", [f"{name}.pairs", f"{name}.four"], [f"{name}.raised"], direction="LEFT"),
        helper.make_node("BitShift", [f"{name}.raised", f"{name}.four"], [f"{name}.lower"], direction="RIGHT"),
        helper.make_node("Concat", [f"{name}.lower", f"{name}.upper"], [f"{name}.bytes"], axis=-1),
        helper.make_node("Cast", [f"{name}.bytes"], [f"{name}.floats"], to=TensorProto.FLOAT),
        helper.make_node("Sub", [f"{name}.floats", f"{name}.zero"], [f"{name}.all"]),
    ]
    if 2 * half == table.shape[1]:
        nodes[-1].output[0] = f"{name}.levels"
    else:
        for constant, value in (("from", 0), ("to", table.shape[1]), ("axis", -1)):
            model.graph.initializer.append(numpy_helper.from_array(np.array([value], np.int64), f"{name}.{constant}"))
        cut = [f"{name}.all", f"{name}.from", f"{name}.to", f"{name}.axis"]
        nodes.append(helper.make_node("Slice", cut, [f"{name}.levels"]))
    return [*nodes, *_scales(model, name, scales, rows)]


def _scales(model: onnx.ModelProto, name: str, scales: np.ndarray, rows: str) -> list[onnx.NodeProto]:
    return [
        *_fetched(model, f"{name}.stored_scale", scales, rows),
        helper.make_node("Cast", [f"{name}.stored_scale"], [f"{name}.scale"], to=TensorProto.FLOAT),
    ]


def _fetched(model: onnx.ModelProto, name: str, table: np.ndarray, rows: str) -> list[onnx.NodeProto]:
    model.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(table), f"{name}.table"))
    return [helper.make_node("Gather", [f"{name}.table", rows], [name])]


def int4_levels(table: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers from -7 to 7 and each row's scale; of several, the one that changes the row least."""
    largest = np.abs(table).max(axis=1, keepdims=True)
    largest = np.where(largest > 0, largest, 1.0)
    best = np.full((len(table), 1), np.inf)
    levels, scales = np.zeros(table.shape, np.int8), np.ones((len(table), 1), np.float16)
    for share in CLIPPED:
        tried = np.maximum(largest * share / 7, 2.0**-14).astype(np.float16)
        rounded = np.clip(np.round(table / tried.astype(np.float32)), -7, 7)
        error = np.square(rounded * tried.astype(np.float32) - table).sum(axis=1, keepdims=True)
        better = error < best
        best = np.where(better, error, best)
        levels, scales = np.where(better, rounded.astype(np.int8), levels), np.where(better, tried, scales)
    return levels, scales
