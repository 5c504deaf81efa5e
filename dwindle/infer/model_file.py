"""Model files: which are released, and what a file says of itself, without opening it in a runtime."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnxruntime

from dwindle.errors import UserError

PACKAGED = Path(__file__).parents[1] / "released"  # in an installed package: a file for each task
CHECKOUT = Path(__file__).parents[2] / "artifacts"  # beside the scripts
DEFAULT_TASK = "spoken_digits"
SENSES = {  # what a file does, and the module that does it: add_options(parser), run(arguments), open_model(path)
    "listen": "dwindle.infer.speech.command",
    "look": "dwindle.infer.images.command",
    "read": "dwindle.infer.text.read",
    "write": "dwindle.infer.text.write",
}
_METADATA_FIELD = 14  # of ModelProto
_VARINT, _EIGHT_BYTES, _LENGTH, _FOUR_BYTES = 0, 1, 2, 5  # wire types of a protocol buffer


class ModelError(UserError):
    """A model file that cannot be used; says which and why."""


def released_model(task: str) -> Path:
    """The file that a task ships."""
    in_checkout = CHECKOUT / ("" if task == DEFAULT_TASK else task) / "model_int8.onnx"
    packaged = PACKAGED / f"{task}.onnx"
    return packaged if packaged.is_file() else in_checkout


def metadata_of(path: Path) -> dict[str, str]:
    """What an ONNX file says of itself: its last fields, read without the graph before them."""
    content = _content(path)
    try:
        entries = [dict(_fields(entry)) for field, entry in _fields(content) if field == _METADATA_FIELD]
        return {bytes(entry[1]).decode(): bytes(entry.get(2, b"")).decode() for entry in entries}
    except UnicodeDecodeError as error:
        raise ModelError(f"{path}: its metadata are damaged: export it again") from error
    except (ValueError, KeyError, IndexError) as error:
        raise ModelError(f"{path}: not an ONNX model that can be read: export it again") from error


def sense_of(path: Path) -> str:
    """Whether a model listens, looks, reads or writes; those of the first release, which do not say, listen."""
    sense = metadata_of(path).get("sense", "listen")
    if sense not in SENSES:
        raise ModelError(f"{path}: made to {sense!r}, which this version cannot: install a newer one")
    return sense


def outputs_of(
    session: onnxruntime.InferenceSession, names: Sequence[str], feed: Mapping[str, np.ndarray]
) -> list[np.ndarray]:
    """What a session gives for this input: arrays all, as no network here has another kind of output."""
    return [np.asarray(output) for output in session.run(list(names), dict(feed))]


def open_session(path: Path, threads: int = 1, more: bytes = b"") -> onnxruntime.InferenceSession:
    """The file in ONNX Runtime, on so many threads of the CPU; `more` of its message may follow on it."""
    _ = metadata_of(path)  # says what is wrong with a file better than the runtime does
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = min(threads, os.cpu_count() or 1)
    options.inter_op_num_threads = 1
    options.log_severity_level = 4  # the one line below says it better
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # many short runs: leave the cores alone
    content = path.read_bytes() + more if more else str(path)
    try:
        # enable_fallback=0: it prints on standard output before it tries the same again
        session = onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"], enable_fallback=0)
        _ = [node.name for node in (*session.get_inputs(), *session.get_outputs())]  # decoded when they are asked for
        return session
    except Exception as error:  # onnxruntime has no common base class for its errors
        raise ModelError(f"{path}: not an ONNX model that can be read: export it again") from error


def _content(path: Path) -> memoryview:
    if not path.is_file():
        raise ModelError(f"{path}: no such model file: name one with --model, or make one with export_models.py")
    if not os.access(path, os.R_OK):
        raise ModelError(f"{path}: no permission to read it")
    return memoryview(path.read_bytes())


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """The numbered fields of a protocol buffer, with their content; raises ValueError for what is none."""
    at = 0
    while at < len(message):
        key, at = _varint(message, at)
        field, kind = key >> 3, key & 7
        size = 0
        if kind == _LENGTH:
            size, at = _varint(message, at)
        elif kind == _VARINT:
            _, at = _varint(message, at)
        elif kind in (_EIGHT_BYTES, _FOUR_BYTES):
            size = 8 if kind == _EIGHT_BYTES else 4
        else:
            raise ValueError(f"wire type {kind}")
        if at + size > len(message):
            raise ValueError("truncated")
        yield field, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
        if shift > 63:
            raise ValueError("a number of more than 64 bits")
