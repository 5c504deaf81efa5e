"""Static INT8: ONNX Runtime computes in whole numbers, with ranges read from a calibration set.

Only layers with stored weights are quantised, and the additions and rectifiers between them. What comes before (a
front end) and the layers that give the answer stay float; those have few weights, stored as INT8 all the same.
"""

import logging
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType
from onnxruntime.quantization import quantize_static as quantize_with_runtime

from dwindle.compress.compare import Version
from dwindle.compress.quantize_weights import nonzeros_left, store_as_int8
from dwindle.compress.workshop import Workshop
from dwindle.engine import Tensors, open_session, state_of, with_empty_state
from dwindle.errors import UserError
from dwindle.export.onnx_file import lean, metadata_of, read_onnx, write_onnx
from dwindle.export.onnx_graph import layer_weights, makers_of, readers_of

RESHAPING = ("Reshape", "Unsqueeze", "Squeeze", "Flatten", "Transpose", "MaxPool")
JOINING = ("Add", "Relu")
COMPUTED_IN_INT8 = ("Conv", "Gemm", "MatMul")


def static_versions(parent: Version, workshop: Workshop) -> list[Version]:
    """With unsigned and with signed activations; none of a network (an LSTM, for one) whose layers all stay float."""
    if not worth_quantising(read_onnx(parent.onnx_path))[1]:
        print(f"{parent.name}: no layer for static INT8")
        return []
    return [quantized_static(parent, workshop), quantized_static(parent, workshop, signed=True)]


def quantized_static(parent: Version, workshop: Workshop, signed: bool = False) -> Version:
    """Post-training static quantisation of the parent's file; activations from -128 or from 0."""
    kind = "int8" if signed else "uint8"
    name = f"{parent.name}_static_{kind}"
    path = workshop.folder / f"{name}.onnx"
    count = quantize_static(parent.onnx_path, workshop.task.calibration_inputs(), path, signed)
    note = f"{count} layers INT8 per channel with {kind} activations; front end and last layers float"
    left = nonzeros_left(parent, path)
    return replace(parent, name=name, stage="quantised", onnx_path=path, network=None, nonzeros=left, note=note)


def quantize_static(
    onnx_path: Path, calibration: Iterable[Tensors], out_path: Path, signed_activations: bool = False
) -> int:
    """Write an INT8 file of a float one; gives how many layers compute in whole numbers."""
    model = read_onnx(onnx_path)
    batches = checked_calibration(calibration)
    state = state_of(open_session(onnx_path))
    chosen, layers = worth_quantising(model)
    if not layers:
        raise UserError(f"{onnx_path}: no layer here can be quantised")
    for number, node in enumerate(model.graph.node):
        node.name = f"n{number}"
    with tempfile.TemporaryDirectory() as folder, _quiet():
        onnx.save(model, Path(folder) / "float.onnx")
        quantize_with_runtime(
            Path(folder) / "float.onnx",
            Path(folder) / "int8.onnx",
            _Batches([with_empty_state(batch, state) for batch in batches]),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QInt8 if signed_activations else QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            reduce_range=True,  # 7-bit weights: without VNNI the sums of two 8-bit products overflow 16 bits
            nodes_to_quantize=[node.name for node in model.graph.node if node.output[0] in chosen],
            op_types_to_quantize=sorted({node.op_type for node in model.graph.node if node.output[0] in chosen}),
            calibrate_method=CalibrationMethod.MinMax,
        )
        quantised = onnx.load(Path(folder) / "int8.onnx")
    quantised = lean(quantised)
    store_as_int8(quantised)
    write_onnx(quantised, out_path, metadata_of(model))
    return layers


def checked_calibration(calibration: Iterable[Tensors]) -> list[Tensors]:
    """The batches, if ranges can be read from them."""
    batches = [batch for batch in calibration if all(len(tensor) for tensor in batch.values())]
    if not batches:
        raise UserError("the calibration set is empty: quantising needs typical inputs to read ranges from")
    tensors = [tensor for batch in batches for tensor in batch.values()]
    if not any(tensor.count_nonzero() for tensor in tensors):
        raise UserError("the calibration set is silent: every number in it is zero, so no range can be read from it")
    if not all(tensor.isfinite().all() for tensor in tensors if tensor.is_floating_point()):
        raise UserError("the calibration set holds numbers that are not finite: take out the damaged recordings")
    return batches


def worth_quantising(model: onnx.ModelProto) -> tuple[set[str], int]:
    """The first outputs of the nodes to compute in INT8, and how many of these nodes are layers with weights."""
    weights = {tensor.name for tensor, _ in layer_weights(model)}
    makers, readers = makers_of(model), readers_of(model)
    with_weights = [
        node
        for node in model.graph.node
        if node.op_type in COMPUTED_IN_INT8 and len(node.input) > 1 and node.input[1] in weights
    ]
    outputs = {node.output[0] for node in with_weights}

    def is_read_again(value: str) -> bool:
        return any(
            user.output[0] in outputs
            or user.op_type == "Add"
            or (user.op_type in (*RESHAPING, "Relu") and is_read_again(user.output[0]))
            for user in readers.get(value, [])
        )

    def source(value: str) -> str:
        while (node := makers.get(value)) is not None and node.op_type in RESHAPING:
            value = node.input[0]
        return value

    chosen = {node.output[0] for node in with_weights if is_read_again(node.output[0])}
    layers = len(chosen)
    for node in model.graph.node:  # in order of computation
        if node.op_type in JOINING and all(source(value) in chosen for value in node.input):
            chosen.add(node.output[0])
    return chosen, layers


class _Batches(CalibrationDataReader):
    """Calibration batches as ONNX Runtime wants to be handed them."""

    def __init__(self, batches: list[Tensors]) -> None:
        feeds = [{name: tensor.numpy() for name, tensor in batch.items()} for batch in batches]
        self.waiting: Iterator[dict[str, np.ndarray]] = iter(feeds)

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.waiting, None)


@contextmanager
def _quiet() -> Iterator[None]:
    """The runtime advises a preparation that has been made already."""
    level = logging.root.level
    logging.root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logging.root.setLevel(level)
