"""A real ONNX network that reads digits without any training: how well an image fits the mean of each drawn digit."""

import json
from functools import cache
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from dwindle.infer.images import SIDE
from dwindle.tasks.images.datasets import drawn_digits


@cache
def templates() -> np.ndarray:
    """(pixels, 10), of unit length."""
    drawn = drawn_digits(300, seed=9)
    means = np.stack([drawn.images[drawn.targets == digit].mean(dim=0).flatten().numpy() for digit in range(10)])
    return (means / np.linalg.norm(means, axis=1, keepdims=True)).T.astype(np.float32)


def write_template_model(path: Path, **metadata: str) -> Path:
    """A model file with the metadata that the reader asks for; named ones are changed."""
    nodes = [helper.make_node("Flatten", ["image"], ["flat"]), helper.make_node("MatMul", ["flat", "w"], ["logits"])]
    graph = helper.make_graph(
        nodes,
        "templates",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["batch", 1, SIDE, SIDE])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 10])],
        [numpy_helper.from_array(templates(), "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    said = {"sense": "look", "labels": json.dumps(list("0123456789")), "temperature": "0.3"} | metadata
    helper.set_model_props(model, said)
    onnx.save(model, path)
    return path
