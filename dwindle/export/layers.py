"""What carries weights: layers in PyTorch, operators in ONNX. Pruning, quantising and measuring all ask here."""

from collections.abc import Iterator

from onnx import ModelProto, NodeProto, TensorProto
from torch import nn

MATRICES = {  # layer: its weight matrices, by the beginning of their names (recurrent layers have one per level)
    nn.Conv1d: ("weight",),
    nn.Conv2d: ("weight",),
    nn.Linear: ("weight",),
    nn.Embedding: ("weight",),
    nn.LSTM: ("weight_ih", "weight_hh"),
}
OPERATORS = {  # operator: which inputs are weights, and along which axis an output channel lies
    "Conv": {1: 0},
    "Gemm": {1: -1},  # the first where it is stored transposed
    "MatMul": {1: -1},
    "Gather": {0: 0},  # of an embedding: a row for each token
    "LSTM": {1: 1, 2: 1},
}
REARRANGING = ("Concat", "Identity", "Reshape", "Slice", "Squeeze", "Transpose", "Unsqueeze")


def matrices_in(model: nn.Module) -> Iterator[tuple[nn.Module, str]]:
    """Every weight matrix as its layer and its name there; one that two layers share is named once."""
    seen = set()
    for layer in model.modules():
        beginnings = next((names for kind, names in MATRICES.items() if isinstance(layer, kind)), ())
        for name, parameter in layer.named_parameters(recurse=False):
            original = name.removesuffix("_orig")  # as torch calls it under a pruning mask
            if original.startswith(beginnings) and id(parameter) not in seen:
                seen.add(id(parameter))
                yield layer, original


def weights_of_node(node: NodeProto) -> Iterator[tuple[str, int]]:
    """The names of a node's weight inputs, each with the axis of its output channels."""
    for position, axis in OPERATORS.get(node.op_type, {}).items():
        if position < len(node.input):
            transposed = node.op_type == "Gemm" and any(one.name == "transB" and one.i for one in node.attribute)
            yield node.input[position], 0 if transposed else axis


def stored_weights(model: ModelProto) -> list[tuple[TensorProto, int]]:
    """The float tensors that layers of the graph weigh with, each with its output axis.

    A recurrent layer's gates are put in another order on the way from the stored tensor to the operator, and a linear
    layer's matrix is turned: such tensors still lie as PyTorch has them, an output channel a row.
    """
    stored = {tensor.name: tensor for tensor in model.graph.initializer if tensor.data_type == TensorProto.FLOAT}
    makers = {output: node for node in model.graph.node for output in node.output}
    found: dict[str, tuple[TensorProto, int]] = {}

    def find(name: str, axis: int) -> None:
        if name in stored:
            dimensions = len(stored[name].dims)
            if dimensions > 1:
                found.setdefault(name, (stored[name], axis % dimensions))
        elif name in makers and makers[name].op_type in REARRANGING:
            for source in makers[name].input if makers[name].op_type == "Concat" else makers[name].input[:1]:
                find(source, 0)

    for node in model.graph.node:
        for name, axis in weights_of_node(node):
            find(name, axis)
    return list(found.values())
