"""Four-bit weights in groups: each 32 weights of an output channel share a scale; float arithmetic.

Two weights lie in one byte. Shifts and products restore them, which a runtime folds once while it opens the file; opset
17 has no type of four bits, and needs none.
"""

from dataclasses import replace

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from dwindle.compress.compare import Version
from dwindle.compress.workshop import Workshop
from dwindle.export.onnx_file import metadata_of, read_onnx, write_onnx
from dwindle.export.onnx_graph import layer_weights

GROUP = 32  # weights that share a scale
LEVELS = 7  # on each side of zero
OFFSET = 8  # of a level as it is stored, so that it is never negative
CLIPS = np.linspace(0.7, 1.0, 13)  # of a group's largest weight, tried out to find the smallest squared error


def with_int4_weights(parent: Version, workshop: Workshop) -> Version:
    """The weights of layers in four bits; their other numbers as they are."""
    name = f"{parent.name}_int4_weights"
    model = read_onnx(parent.onnx_path)
    count, zeros = store_as_int4(model)
    path = workshop.folder / f"{name}.onnx"
    write_onnx(model, path, metadata_of(model))
    note = f"weights of {count} layers in 4 bits, a scale for each {GROUP}, float arithmetic"
    left = parent.nonzeros - zeros
    return replace(parent, name=name, stage="quantised", onnx_path=path, network=None, nonzeros=left, note=note)


def store_as_int4(model: onnx.ModelProto) -> tuple[int, int]:
    """Change the model; gives how many tensors were converted, and how many of their weights became zero."""
    weights, zeros, restoring = layer_weights(model), 0, []
    for tensor, axis in weights:
        whole = numpy_helper.to_array(tensor)
        rows = np.moveaxis(whole, axis, 0)  # an output channel each
        levels, scales = int4_levels(rows.reshape(len(rows), -1))
        zeros += int(np.count_nonzero(whole)) - int(np.count_nonzero(levels[:, : rows[0].size]))
        stored = (levels + OFFSET).astype(np.uint8).reshape(-1)
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(stored[0::2] | (stored[1::2] << 4), f"{name}_packed"))
        model.graph.initializer.append(numpy_helper.from_array(scales[..., None], f"{name}_scales"))
        restoring += _restored(model, name, whole.shape, rows.shape, levels.shape, axis)
    for node in reversed(restoring):
        model.graph.node.insert(0, node)
    return len(weights), zeros


def int4_levels(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Levels from -7 to 7 (rows, padded columns) and float16 scales (rows, groups), whose product is the weight."""
    padded = np.pad(rows, ((0, 0), (0, -rows.shape[1] % GROUP)))
    groups = padded.reshape(len(rows), -1, GROUP).astype(np.float32)
    largest = np.abs(groups).max(axis=-1)
    best, scales = np.full(largest.shape, np.inf), np.ones_like(largest)
    for clip in CLIPS:
        tried = np.maximum(largest * clip / LEVELS, np.finfo(np.float16).tiny).astype(np.float16).astype(np.float32)
        error = ((_rounded(groups, tried) * tried[..., None] - groups) ** 2).sum(axis=-1)
        scales = np.where(error < best, tried, scales)
        best = np.minimum(error, best)
    return _rounded(groups, scales).reshape(padded.shape), scales.astype(np.float16)


def _rounded(groups: np.ndarray, scales: np.ndarray) -> np.ndarray:
    return np.clip(np.round(groups / scales[..., None]), -LEVELS, LEVELS).astype(np.int8)


def _restored(
    model: onnx.ModelProto,
    name: str,
    shape: tuple[int, ...],
    rows: tuple[int, ...],
    padded: tuple[int, ...],
    axis: int,
) -> list[onnx.NodeProto]:
    """The nodes that give the weight again under its own name."""

    def constant(what: str, value: np.ndarray) -> str:
        model.graph.initializer.append(numpy_helper.from_array(value, f"{name}_{what}"))
        return f"{name}_{what}"

    def node(kind: str, inputs: list[str], what: str, **attributes) -> onnx.NodeProto:
        return helper.make_node(kind, inputs, [f"{name}_{what}" if what else name], **attributes)

    columns = int(np.prod(rows[1:]))
    permutation = [index + 1 if index < axis else 0 if index == axis else index for index in range(len(shape))]
    four = constant("four", np.array(4, np.uint8))
    return [
        node("BitShift", [f"{name}_packed", four], "high", direction="RIGHT"),
        node("BitShift", [f"{name}_packed", four], "up", direction="LEFT"),  # what leaves the byte is gone
        node("BitShift", [f"{name}_up", four], "low", direction="RIGHT"),
        node("Unsqueeze", [f"{name}_low", constant("last", np.array([1]))], "low_column"),
        node("Unsqueeze", [f"{name}_high", f"{name}_last"], "high_column"),
        node("Concat", [f"{name}_low_column", f"{name}_high_column"], "pairs", axis=1),
        node("Cast", [f"{name}_pairs"], "numbers", to=TensorProto.FLOAT),
        node("Sub", [f"{name}_numbers", constant("offset", np.array(OFFSET, np.float32))], "levels"),
        node("Reshape", [f"{name}_levels", constant("grouped", np.array([padded[0], -1, GROUP]))], "groups"),
        node("Cast", [f"{name}_scales"], "float_scales", to=TensorProto.FLOAT),
        node("Mul", [f"{name}_groups", f"{name}_float_scales"], "scaled"),
        node("Reshape", [f"{name}_scaled", constant("matrix", np.array([padded[0], -1]))], "padded"),
        node(
            "Slice",
            [f"{name}_padded", constant("from", np.array([0])), constant("to", np.array([columns])), f"{name}_last"],
            "cut",
        ),
        node("Reshape", [f"{name}_cut", constant("shape", np.array(rows))], "rows"),
        node("Transpose", [f"{name}_rows"], "", perm=permutation),
    ]
