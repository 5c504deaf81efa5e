"""An ONNX graph that is changed: who makes and who reads a value, which stored weights belong to layers."""

import numpy as np
import onnx
from onnx import GraphProto, NodeProto, TensorProto, numpy_helper

from dwindle.export.layers import stored_weights

SMALLEST_WORTH_IT = 64  # numbers; a shorter tensor saves less than the nodes that restore it cost


def size(tensor: TensorProto) -> int:
    """How many numbers a stored tensor holds."""
    return int(np.prod(tensor.dims))


def layer_weights(model: onnx.ModelProto) -> list[tuple[TensorProto, int]]:
    """The stored float weights of layers, each with the axis of its output channels; tiny ones are left out."""
    return [(tensor, axis) for tensor, axis in stored_weights(model) if size(tensor) >= SMALLEST_WORTH_IT]


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
    """For each value the nodes that read it, themselves or in a branch or loop that they hold."""
    readers: dict[str, list[NodeProto]] = {}
    for node in model.graph.node:
        for name in read_by(node):
            readers.setdefault(name, []).append(node)
    return readers


def bodies_of(node: NodeProto) -> list[GraphProto]:
    """The graphs inside a node: the branches of an If, the body of a Loop or Scan."""
    return [graph for one in node.attribute for graph in ([one.g] if one.HasField("g") else list(one.graphs))]


def read_by(node: NodeProto) -> set[str]:
    """The outer values that a node reads; its bodies see those of the graph around them."""
    return set(node.input).union(*map(_free_values, bodies_of(node)))


def _free_values(body: GraphProto) -> set[str]:
    """What a body reads and does not make itself."""
    own = {tensor.name for tensor in body.initializer} | {value.name for value in body.input}
    own.update(output for node in body.node for output in node.output)
    read = {value.name for value in body.output}.union(*map(read_by, body.node))
    return read - own


def name_copied_sizes(model: onnx.ModelProto) -> None:
    """Let each Reshape that keeps sizes of its input say so with zeros, instead of asking for them at every run."""
    makers, stored = makers_of(model), {tensor.name: tensor for tensor in model.graph.initializer}
    outputs = {value.name: value.type.tensor_type.shape.dim for value in model.graph.output}

    def number(name: str) -> int | None:
        return int(numpy_helper.to_array(stored[name]).item()) if name in stored and size(stored[name]) == 1 else None

    def kept_or_stored(name: str, axis: int, whole: str) -> int | None:
        """0 where the value is that axis of the input, the number where it is stored, else nothing."""
        steps = []
        for kind in ("Unsqueeze", "Gather", "Shape"):
            if name not in makers or makers[name].op_type != kind:
                return number(name) if not steps else None
            steps.append(makers[name])
            name = steps[-1].input[0]
        return 0 if name == whole and number(steps[1].input[1]) == axis else None

    for node in model.graph.node:
        asked = makers.get(node.input[1]) if node.op_type == "Reshape" else None
        if (
            asked is None
            or asked.op_type != "Concat"
            or any(one.name == "allowzero" and one.i for one in node.attribute)
        ):
            continue
        sizes = [kept_or_stored(name, axis, node.input[0]) for axis, name in enumerate(asked.input)]
        known_sizes = [size for size in sizes if size is not None]
        if len(known_sizes) == len(sizes):
            node.input[1] = f"{node.output[0]}_sizes"
            model.graph.initializer.append(numpy_helper.from_array(np.array(known_sizes, np.int64), node.input[1]))
            for dimension, known in zip(outputs.get(node.output[0], ()), known_sizes, strict=False):
                if known > 0:
                    dimension.dim_value = known
    remove_unread(model)


def remove_unread(model: onnx.ModelProto) -> None:
    """Take out nodes and tensors whose values nothing reads."""
    outputs = {value.name for value in model.graph.output}
    kept, read = [], set(outputs)
    for node in reversed(model.graph.node):
        if any(name in read for name in node.output):
            kept.append(node)
            read.update(read_by(node))
    tensors = [tensor for tensor in model.graph.initializer if tensor.name in read]
    nodes = list(reversed(kept))
    del model.graph.node[:], model.graph.initializer[:]
    model.graph.node.extend(nodes)
    model.graph.initializer.extend(tensors)
