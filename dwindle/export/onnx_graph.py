"""An ONNX graph that is changed: who makes and who reads a value, which stored weights belong to layers."""

import numpy as np
import onnx
from onnx import NodeProto, TensorProto, numpy_helper

SMALLEST_WORTH_IT = 64  # numbers; a shorter tensor saves less than the nodes that restore it cost


def size(tensor: TensorProto) -> int:
    """How many numbers a stored tensor holds."""
    return int(np.prod(tensor.dims))


def layer_weights(model: onnx.ModelProto) -> list[tuple[TensorProto, int]]:
    """The stored float weights of convolutions and matrix products, each with the axis of its output channels."""
    stored = {tensor.name: tensor for tensor in model.graph.initializer if tensor.data_type == TensorProto.FLOAT}
    found = {}
    for node in model.graph.node:
        if node.op_type in ("Conv", "Gemm", "MatMul") and len(node.input) > 1 and node.input[1] in stored:
            tensor = stored[node.input[1]]
            transposed = any(one.name == "transB" and one.i for one in node.attribute)
            axis = 0 if node.op_type == "Conv" or transposed else len(tensor.dims) - 1
            if size(tensor) >= SMALLEST_WORTH_IT:
                found[tensor.name] = (tensor, axis)
    return list(found.values())


def zero_weights(model: onnx.ModelProto) -> int:
    """How many weights of layers are zero, stored as floats or as whole numbers."""
    whole = [tensor for tensor in model.graph.initializer if tensor.data_type == TensorProto.INT8]
    tensors = [*whole, *(tensor for tensor, _ in layer_weights(model))]
    tensors = [tensor for tensor in tensors if size(tensor) >= SMALLEST_WORTH_IT]  # and no zero points
    return sum(size(tensor) - int(np.count_nonzero(numpy_helper.to_array(tensor))) for tensor in tensors)


def makers_of(model: onnx.ModelProto) -> dict[str, NodeProto]:
    """For each value the node that computes it."""
    return {output: node for node in model.graph.node for output in node.output}


def readers_of(model: onnx.ModelProto) -> dict[str, list[NodeProto]]:
    """For each value the nodes that read it."""
    readers: dict[str, list[NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    return readers


def remove_unread(model: onnx.ModelProto) -> None:
    """Take out nodes and tensors whose values nothing reads."""
    outputs = {value.name for value in model.graph.output}
    kept, read = [], set(outputs)
    for node in reversed(model.graph.node):
        if any(name in read for name in node.output):
            kept.append(node)
            read.update(node.input)
    tensors = [tensor for tensor in model.graph.initializer if tensor.name in read]
    nodes = list(reversed(kept))
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(tensors)
