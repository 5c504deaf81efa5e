"""Smaller weights, float arithmetic: float16 or per-channel INT8 in the file, turned back into floats at load.

A cast and a product restore each weight. A runtime folds them once while it opens the file (ONNX Runtime does not
fold DequantizeLinear, and would run it on every call), so an answer takes as long as in float.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from dwindle.compress.compare import Version
from dwindle.compress.workshop import Workshop
from dwindle.export.onnx_file import metadata_of, read_onnx, write_onnx
from dwindle.export.onnx_graph import SMALLEST_WORTH_IT, layer_weights, size, zero_weights

INT8_LEVELS = 127
SMALLEST_HALF, LARGEST_HALF = 2.0**-14, 65_504.0  # that float16 holds in full precision


def with_float16_weights(parent: Version, workshop: Workshop) -> Version:
    """Every float tensor of any size as float16."""
    name = f"{parent.name}_fp16"
    model = read_onnx(parent.onnx_path)
    count = store_as_float16(model)
    path = workshop.folder / f"{name}.onnx"
    write_onnx(model, path, metadata_of(model))
    note = f"{count} tensors in float16, float arithmetic"
    return replace(parent, name=name, stage="quantised", onnx_path=path, network=None, note=note)


def with_int8_weights(parent: Version, workshop: Workshop) -> Version:
    """The weights of convolutions and matrix products as INT8, with a scale for each output channel."""
    name = f"{parent.name}_int8_weights"
    model = read_onnx(parent.onnx_path)
    count = store_as_int8(model)
    path = workshop.folder / f"{name}.onnx"
    write_onnx(model, path, metadata_of(model))
    note = f"weights of {count} layers INT8 per channel, float arithmetic"
    left = nonzeros_left(parent, path)
    return replace(parent, name=name, stage="quantised", onnx_path=path, network=None, nonzeros=left, note=note)


def nonzeros_left(parent: Version, path: Path) -> int:
    """Rounding to whole numbers makes zeros of the smallest weights."""
    return parent.nonzeros + zero_weights(read_onnx(parent.onnx_path)) - zero_weights(read_onnx(path))


def store_as_float16(model: onnx.ModelProto) -> int:
    """Change the model; gives how many tensors were converted."""
    count = 0
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or size(tensor) < SMALLEST_WORTH_IT:
            continue
        halves = numpy_helper.to_array(tensor).astype(np.float16)
        if np.isfinite(halves).all():
            name = tensor.name
            tensor.CopyFrom(numpy_helper.from_array(halves, f"{name}h"))
            model.graph.node.insert(0, helper.make_node("Cast", [f"{name}h"], [name], to=TensorProto.FLOAT))
            count += 1
    return count


def store_as_int8(model: onnx.ModelProto) -> int:
    """Change the model; gives how many layers were converted."""
    weights = layer_weights(model)
    for tensor, axis in weights:
        levels, scales = int8_levels(numpy_helper.to_array(tensor), axis)
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(levels, f"{name}q"))
        model.graph.initializer.append(numpy_helper.from_array(scales, f"{name}s"))
        restore = [
            helper.make_node("Cast", [f"{name}q"], [f"{name}w"], to=TensorProto.FLOAT),
            helper.make_node("Cast", [f"{name}s"], [f"{name}c"], to=TensorProto.FLOAT),
            helper.make_node("Mul", [f"{name}w", f"{name}c"], [name]),
        ]
        for node in reversed(restore):
            model.graph.node.insert(0, node)
    return len(weights)


def int8_levels(weights: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers from -127 to 127 and each channel's scale (float16 if it can be), whose product is the weight."""
    others = tuple(index for index in range(weights.ndim) if index != axis)
    largest = np.abs(weights).max(axis=others, keepdims=True)
    scales = np.where(largest > 0, largest / INT8_LEVELS, 1.0).astype(np.float32)
    if scales.min() >= SMALLEST_HALF and scales.max() <= LARGEST_HALF:
        scales = scales.astype(np.float16)
    return np.clip(np.round(weights / scales.astype(np.float32)), -INT8_LEVELS, INT8_LEVELS).astype(np.int8), scales
