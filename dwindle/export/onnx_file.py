"""ONNX files: made lean, told what they are, checked after writing."""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import onnx
from google.protobuf.message import DecodeError
from onnx_ir.passes import common
from onnxscript import ir, optimizer, rewriter
from onnxscript.rewriter.rules.common import fuse_batchnorm_into_conv_rule, fuse_batchnorm_into_gemm_rule

from dwindle.errors import UserError
from dwindle.export.onnx_graph import bodies_of, name_copied_sizes
from dwindle.files import written_whole
from dwindle.task import Axes

OPSET = 17
LARGEST_FOLDED_BYTES = 600  # shapes and indices are; the front end's matrices stay derived, a runtime folds them


def lean(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph in fewer bytes: normalisation and shape arithmetic folded, names short."""
    graph = ir.from_proto(model)
    # not optimizer.optimize: its rules take an addition of 1e-10 for one of nothing, and silence becomes no number
    fold_constants = {"input_size_limit": LARGEST_FOLDED_BYTES, "output_size_limit": LARGEST_FOLDED_BYTES}
    optimizer.fold_constants(graph, onnx_shape_inference=False, **fold_constants)
    rewriter.rewrite(graph, [fuse_batchnorm_into_conv_rule, fuse_batchnorm_into_gemm_rule])
    common.LiftConstantsToInitializersPass(lift_all_constants=True, size_limit=0)(graph)
    common.DeduplicateInitializersPass()(graph)
    common.RemoveUnusedNodesPass()(graph)
    model = ir.to_proto(graph)
    name_copied_sizes(model)
    graph = model.graph
    fixed = {value.name for value in [*graph.input, *graph.output]}
    short: dict[str, str] = {"": ""}

    def renamed(name: str) -> str:
        return name if name in fixed else short.setdefault(name, f"v{len(short)}")

    for tensor in graph.initializer:
        tensor.name = renamed(tensor.name)

    def rename(node: onnx.NodeProto) -> None:
        node.input[:] = [renamed(name) for name in node.input]
        node.output[:] = [renamed(name) for name in node.output]
        for body in bodies_of(node):  # which reads values of the graph around it by their names
            for value in [*body.input, *body.output, *body.initializer]:
                value.name = renamed(value.name)
            del body.value_info[:]
            for inner in body.node:
                rename(inner)

    for number, node in enumerate(graph.node):
        rename(node)
        scope = node.name.split("/")[1] if node.name.count("/") > 1 else ""
        node.name = f"{scope}.{number}"  # the outermost module says what the node belongs to
        node.doc_string = ""
        del node.metadata_props[:]
    for value in [*graph.input, *graph.output]:
        del value.metadata_props[:]
    del graph.value_info[:]
    del graph.metadata_props[:]
    return model


def write_onnx(model: onnx.ModelProto, path: str | Path, metadata: dict[str, str]) -> None:
    """One file that holds everything, whole."""
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, metadata)
    with written_whole(path) as temporary:
        temporary.write_bytes(model.SerializeToString())


def read_onnx(path: str | Path) -> onnx.ModelProto:
    """A file's graph; what cannot be read gives one line."""
    try:
        return onnx.load_model_from_string(Path(path).read_bytes())
    except FileNotFoundError:
        raise UserError(f"{path}: no such file: run the stage that makes it first") from None
    except DecodeError as error:
        raise UserError(f"{path}: damaged, or not an ONNX file") from error


def metadata_of(model: onnx.ModelProto) -> dict[str, str]:
    """What the file says of itself; what is no text of its, damaged, is left out."""
    said = {}
    for entry in model.metadata_props:
        with suppress(UnicodeDecodeError):
            said[entry.key] = entry.value
    return said


def check_onnx(path: str | Path, inputs: Axes, outputs: Axes, metadata: dict[str, str]) -> None:
    """Read a written file back and see that it is what was asked for."""
    path, model = Path(path), read_onnx(path)
    opsets = {entry.domain or "ai.onnx": entry.version for entry in model.opset_import}
    domains = {node.domain or "ai.onnx" for node in model.graph.node}
    stored_apart = [t.name for t in model.graph.initializer if t.data_location == onnx.TensorProto.EXTERNAL]
    found = {
        "opset": (opsets.get("ai.onnx"), OPSET),
        "operators of": (domains, {"ai.onnx"}),
        "inputs": (_free_axes(model.graph.input), inputs),
        "outputs": (_free_axes(model.graph.output), outputs),
        "metadata": (metadata_of(model), metadata),
        "tensors outside the file": (stored_apart, []),
    }
    for what, (is_there, wanted) in found.items():
        if is_there != wanted:
            raise UserError(f"{path.name}: {what} {is_there}, where {wanted} was asked for: not exported")
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise UserError(f"{path.name}: not a valid ONNX model: {str(error).strip().splitlines()[0]}") from error


def _free_axes(values: Iterable[onnx.ValueInfoProto]) -> Axes:
    return {
        value.name: {
            axis: dimension.dim_param
            for axis, dimension in enumerate(value.type.tensor_type.shape.dim)
            if not dimension.HasField("dim_value")
        }
        for value in values
    }
