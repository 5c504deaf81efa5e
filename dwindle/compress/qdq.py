"""The file of a model trained with rounding in place: its weights as the whole numbers that they were rounded to."""

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from dwindle.compress.quantize_weights import store_as_int8
from dwindle.export.onnx_file import lean, metadata_of, read_onnx, write_onnx
from dwindle.export.onnx_graph import makers_of, remove_unread


def store_trained_scales(path: Path) -> None:
    """Rewrite an exported file in place: INT8 weights, int32 biases, scalar scales; unread values go."""
    model = read_onnx(path)
    graph = model.graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            constants[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        elif node.op_type == "Cast" and node.input[0] in constants:
            kind = helper.tensor_dtype_to_np_dtype(node.attribute[0].i)
            constants[node.output[0]] = constants[node.input[0]].astype(kind)
        elif node.op_type == "Identity" and node.input[0] in constants:
            constants[node.output[0]] = constants[node.input[0]]

    def stored(name: str, value: np.ndarray) -> str:
        graph.initializer.append(numpy_helper.from_array(np.array(value, order="C"), name))
        return name

    rounded: dict[str, tuple[np.ndarray, str]] = {}  # what a weight's rounding gives: its levels' scales
    for number, node in enumerate(list(graph.node)):
        if node.op_type not in ("QuantizeLinear", "DequantizeLinear"):
            continue
        scale, zero = constants[node.input[1]], constants[node.input[2]]
        scale, zero = (one.reshape(()) if one.size == 1 else one for one in (scale, zero))  # the runtime wants a scalar
        node.input[1], node.input[2] = stored(f"scale{number}", scale), stored(f"zero{number}", zero)
        if node.op_type == "QuantizeLinear" and node.input[0] in constants:
            weight, axis = constants[node.input[0]], _axis(node) or 0
            shape = [-1 if index == axis else 1 for index in range(weight.ndim)]
            levels = np.clip(np.round(weight / scale.reshape(shape)), -128, 127).astype(np.int8)
            rounded[node.output[0]] = (scale, stored(f"levels{number}", levels))
        elif node.op_type == "DequantizeLinear" and node.input[0] in rounded:
            node.input[0] = rounded[node.input[0]][1]
    _store_biases(model, constants, stored)
    remove_unread(model)
    metadata = metadata_of(model)
    model = lean(model)
    store_as_int8(model)
    write_onnx(model, path, metadata)


def _store_biases(model: onnx.ModelProto, constants: dict[str, np.ndarray], stored) -> None:
    """A bias is added to products of input and weight levels, so its scale is the product of theirs."""
    makers = makers_of(model)
    added = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for node in list(model.graph.node):
        sources = [makers[name] for name in node.input[:2] if name in makers]
        if node.op_type not in ("Conv", "Gemm") or len(node.input) < 3 or node.input[2] not in constants:
            continue
        if len(sources) < 2 or any(source.op_type != "DequantizeLinear" for source in sources):
            continue
        scale = (added[sources[0].input[1]] * added[sources[1].input[1]]).astype(np.float32)
        bias = np.round(constants[node.input[2]].astype(np.float64) / scale)
        name = node.output[0]
        levels = stored(f"{name}.bias", np.clip(bias, -(2**31), 2**31 - 1).astype(np.int32))
        scales = stored(f"{name}.bias_scale", np.broadcast_to(scale, bias.shape))
        place = list(model.graph.node).index(node)
        restored = helper.make_node("DequantizeLinear", [levels, scales], [f"{name}.restored"], axis=0)
        node.input[2] = f"{name}.restored"
        model.graph.node.insert(place, restored)


def _axis(node: onnx.NodeProto) -> int | None:
    """The axis of per-channel scales; None for one scale for all."""
    return next((one.i for one in node.attribute if one.name == "axis"), None)
