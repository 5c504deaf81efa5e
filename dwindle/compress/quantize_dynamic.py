"""Dynamic INT8: weights of linear layers as INT8, ranges of activations found anew for every input.

Both libraries leave convolutions alone; a network without linear layers comes out as it went in, and the note says so.
"""

import copy
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path

import torch
from onnxruntime.quantization import QuantType
from onnxruntime.quantization import quantize_dynamic as quantize_with_runtime
from torch import nn

from dwindle.compress.compare import Version
from dwindle.compress.workshop import Workshop
from dwindle.export.onnx_file import lean, metadata_of, read_onnx, write_onnx
from dwindle.export.onnx_graph import layer_weights

CONVERTED = {nn.Linear, nn.LSTM, nn.GRU}


def quantized_dynamic(parent: Version, workshop: Workshop) -> Version:
    """Both the network in PyTorch and its file, as far as there is something to convert."""
    name = f"{parent.name}_dynamic"
    path = workshop.folder / f"{name}.onnx"
    model = read_onnx(parent.onnx_path)
    metadata = metadata_of(model)
    layers = [layer for layer in parent.in_pytorch.modules() if type(layer) in CONVERTED]
    others = len(layer_weights(model)) - len(layers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its removal in a later torch
        network = torch.ao.quantization.quantize_dynamic(copy.deepcopy(parent.in_pytorch), CONVERTED)
    if layers:
        with tempfile.TemporaryDirectory() as folder:
            quantize_with_runtime(
                parent.onnx_path,
                Path(folder) / "int8.onnx",
                per_channel=True,
                weight_type=QuantType.QInt8,
                reduce_range=True,  # 7-bit weights: without VNNI the sums of two 8-bit products overflow 16 bits
                op_types_to_quantize=["MatMul", "Gemm", "LSTM"],
            )
            model = lean(read_onnx(Path(folder) / "int8.onnx"))
    write_onnx(model, path, metadata)
    note = f"{len(layers)} linear layers INT8; it converts no convolution, so {others} layers stay float"
    return replace(parent, name=name, stage="quantised", onnx_path=path, network=network, note=note)
