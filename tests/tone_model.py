"""A real, tiny ONNX model for tests: it hears pure tones as digits, and says `reject` to any other sound.

Digit d is a tone of 400 + 300 d Hz. The arithmetic is exact, so tests know what each sound must give. Several tones at
once are a word that it does not know, and whose embedding says how much of each tone there is.
"""

import base64
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

RATE = 8_000
FRAME = 320
DIGITS = [str(digit) for digit in range(10)]
METADATA = {
    "labels": json.dumps([*DIGITS, "reject"]),
    "sample_rate": "8000",
    "window_samples": "8000",
    "threshold": "0.8",
    "peak_after_start_ms": "150",
    "peak_before_end_ms": "150",
    "task": "tones",
    "speeds": "[1.0]",
}
CROWD_MEAN = 0.1  # of each tone's share
SILENCE = 0.01  # energy of a frame that counts as nothing


def tone(digit: int, duration_s: float = 0.3, amplitude: float = 0.3, rate: int = RATE) -> np.ndarray:
    """What the model hears as this digit."""
    time_s = np.arange(round(duration_s * rate)) / rate
    return (amplitude * np.sin(2 * np.pi * (400 + 300 * digit) * time_s)).astype(np.float32)


def silence(duration_s: float, rate: int = RATE) -> np.ndarray:
    return np.zeros(round(duration_s * rate), np.float32)


def spoken(text: str, gap_s: float = 0.2) -> np.ndarray:
    """Tones for a string of digits, with silence before, between and after."""
    parts = [silence(gap_s)]
    for digit in text:
        parts += [tone(int(digit)), silence(gap_s)]
    return np.concatenate(parts)


def chord(*digits: int, duration_s: float = 0.4, amplitude: float = 0.5, rate: int = RATE) -> np.ndarray:
    """The tones of several digits at once."""
    return sum(tone(digit, duration_s, amplitude / len(digits), rate) for digit in digits)


def crowd() -> str:
    """The metadata of a model whose embeddings scatter alike along every tone."""
    triangle = np.eye(len(DIGITS))[np.tril_indices(len(DIGITS))]
    arrays = {"mean": np.full(len(DIGITS), CROWD_MEAN), "axes": triangle}
    return json.dumps({key: base64.b64encode(one.astype("<f2").tobytes()).decode() for key, one in arrays.items()})


def write_tone_model(path: Path, labels: list[str] | None = None, outputs: int = 11, **metadata: str | None) -> Path:
    """Write the model; metadata given as None is left out."""
    samples = np.arange(FRAME) / RATE
    phases = 2 * np.pi * np.outer(400 + 300 * np.arange(10), samples)
    filters = np.concatenate([np.cos(phases), np.sin(phases)])[:, None, :].astype(np.float32)
    constants = {
        "filters": filters,
        "ones": np.ones((1, 1, FRAME), np.float32),
        "channel": np.array([1], np.int64),
        "span": np.float32(FRAME / 2),
        "floor": np.float32(SILENCE),
        "digit_gain": np.float32(20),
        "reject_level": np.float32(8),
        "blank_gain": np.float32(15 * SILENCE),
        "begin": np.array([0], np.int64),
        "end": np.array([outputs], np.int64),
        "class_axis": np.array([2], np.int64),
        "time_axis": np.array([1], np.int64),
    }
    nodes = [
        helper.make_node("Unsqueeze", ["audio", "channel"], ["wave"]),
        helper.make_node("Conv", ["wave", "filters"], ["parts"], strides=[FRAME]),
        helper.make_node("Split", ["parts"], ["cosines", "sines"], axis=1, num_outputs=2),
        helper.make_node("Mul", ["cosines", "cosines"], ["cosines2"]),
        helper.make_node("Mul", ["sines", "sines"], ["sines2"]),
        helper.make_node("Add", ["cosines2", "sines2"], ["power"]),
        helper.make_node("Mul", ["wave", "wave"], ["wave2"]),
        helper.make_node("Conv", ["wave2", "ones"], ["energy"], strides=[FRAME]),
        helper.make_node("Add", ["energy", "floor"], ["energy_floored"]),
        helper.make_node("Mul", ["energy_floored", "span"], ["most"]),
        helper.make_node("Div", ["power", "most"], ["purity"]),
        helper.make_node("Mul", ["purity", "digit_gain"], ["digits"]),
        helper.make_node("Sub", ["energy", "energy"], ["nothing"]),
        helper.make_node("Add", ["nothing", "reject_level"], ["reject"]),
        helper.make_node("Div", ["blank_gain", "energy_floored"], ["blank"]),
        helper.make_node("Concat", ["digits", "reject", "blank"], ["by_class"], axis=1),
        helper.make_node("Transpose", ["by_class"], ["frames"], perm=[0, 2, 1]),
        helper.make_node("Slice", ["frames", "begin", "end", "class_axis"], ["heard"]),
        helper.make_node("ReduceMax", ["heard", "time_axis"], ["logits"], keepdims=0),
        helper.make_node("ReduceMax", ["purity", "class_axis"], ["embedding"], keepdims=0),
    ]
    graph = helper.make_graph(
        nodes,
        "tones",
        [helper.make_tensor_value_info("audio", TensorProto.FLOAT, ["batch", "samples"])],
        [
            helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", outputs]),
            helper.make_tensor_value_info("frames", TensorProto.FLOAT, ["batch", "time", 12]),
            helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", 10]),
        ],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    values = METADATA | ({"labels": json.dumps(labels)} if labels is not None else {}) | metadata
    helper.set_model_props(model, {key: value for key, value in values.items() if value is not None})
    onnx.save(model, path)
    return path
