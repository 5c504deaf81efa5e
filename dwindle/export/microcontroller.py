"""A speech network as C99 for a microcontroller: int8 weights in a header, a front end and layers in whole numbers.

    python -m dwindle.export.microcontroller --output_dir digits
    cc -std=c99 -O2 -o hear digits/*.c && ./hear < clip.raw     16-bit PCM at 8 kHz

Takes an ONNX file whose weights are INT8 and whose arithmetic is float, as model_int8.onnx is, or one in float, whose
weights it rounds in the same way. No float, no heap, no threads, no file system; answers as ONNX Runtime does.
"""

import argparse
import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from dwindle import errors
from dwindle.cli import FlagParser, pathname
from dwindle.engine import open_session
from dwindle.errors import UserError
from dwindle.export.onnx_file import metadata_of, read_onnx
from dwindle.export.onnx_graph import makers_of
from dwindle.files import make_writable, written_whole

MODEL = Path(__file__).parents[2] / "artifacts" / "model_int8.onnx"
SOURCES = Path(__file__).parent / "c"
STEM_LAYERS, LAYERS_BEHIND = 6, 3  # depthwise and pointwise in turn; attention, word, spelling
LEVELS = 127
NUMBERS_A_LINE = 16
# as dwindle.h and dwindle_front_end.c have them
SAMPLE_RATE, FRAME_SAMPLES = 8_000, 256
ONE = 1024
SCALE_BITS, COSINE_BITS, MEL_BITS, LEVEL_SHARE_BITS, NORM_BITS, TABLE_BITS = 24, 14, 10, 13, 16, 15
LEVEL_BITS = 43
FILTER_BITS, PLACES, POOLING_UNIT = 17, 8, 4  # of learnt filters
TABLE_ENTRIES = 64
MOST_PRODUCTS = 516  # of a whole number of 16 bits and one of 8, whose sum fits into 32


@dataclass(frozen=True)
class Layer:
    """A convolution: whole numbers, what each output channel's are multiplied by, and biases."""

    levels: np.ndarray  # (outputs, inputs, high, wide)
    scales: np.ndarray
    biases: np.ndarray


def main() -> None:
    parser = FlagParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=pathname, default=MODEL, metavar="FILE", help="default: the released one")
    parser.add_argument("--output_dir", type=pathname, required=True, help="where the C files go")
    arguments = parser.parse_args()
    print(f"{arguments.output_dir}: {', '.join(write_c(arguments.model, arguments.output_dir))}")


def write_c(model: Path, folder: Path) -> list[str]:
    """All that a compiler needs; gives the names of the files."""
    header = as_header(model)
    make_writable(folder)
    other_front_end = "dwindle_log_mel.c" if "dwindle_pooling" in header else "dwindle_sinc.c"
    (folder / other_front_end).unlink(missing_ok=True)  # of another network that was written there
    sources = sorted(source for source in SOURCES.glob("*.[ch]") if source.name != other_front_end)
    for source in sources:
        shutil.copyfile(source, folder / source.name)
    with written_whole(folder / "dwindle_model.h") as temporary:
        temporary.write_text(header, encoding="utf-8")
    return ["dwindle_model.h", *(source.name for source in sources)]


def as_header(path: Path) -> str:
    """The network of a file as a C header; one line says what is wrong with a file that cannot be one."""
    model = read_onnx(path)
    try:
        return "\n".join(_lines(model, path.name))
    except (KeyError, IndexError, ValueError, RuntimeError) as error:  # a StopIteration in a generator is one
        kind = "with float arithmetic and log-mel bands or learnt filters, as model_int8.onnx is"
        raise UserError(f"{path}: not a speech network {kind}") from error


def convolutions(model: onnx.ModelProto) -> list[Layer]:
    """The layers in the order that they are computed in; the front end's are none."""
    values, makers = _constants(model), makers_of(model)
    layers = []
    for node in model.graph.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            raise ValueError("computes in whole numbers between layers")
        is_layer = node.op_type == "Conv" and not node.name.startswith("front_end.")
        if not is_layer or node.input[1] not in values | makers:
            continue
        if node.input[1] in values:
            levels, scales = _rounded(values[node.input[1]])
        elif (maker := makers[node.input[1]]).op_type == "Mul":
            levels, scales = (values[makers[name].input[0]] for name in maker.input)
        else:
            continue
        biases = values[node.input[2]] if len(node.input) > 2 else np.zeros(len(levels))
        layers.append(Layer(levels, scales.astype(np.float32).reshape(-1), biases))
    return layers


def _lines(model: onnx.ModelProto, name: str) -> Iterable[str]:
    labels = json.loads(metadata_of(model)["labels"])
    first, *layers = convolutions(model)
    stem, (across, *trunk), (attention, word, spelling) = (
        layers[:STEM_LAYERS],
        layers[STEM_LAYERS:-LAYERS_BEHIND],
        layers[-LAYERS_BEHIND:],
    )
    shares, silence, floor = _level(model)
    spectrum_samples, front_end = _front_end(model)
    scale, shift = _input_norm(model)
    wide, channels = len(stem[1].levels), len(across.levels)
    bands = len(shares)
    fits = first.levels.shape[1:] == (1, 5, 5) and across.levels.shape[1] == wide * -(-bands // 4) <= MOST_PRODUCTS
    if not fits or len(trunk) % 4 or len(word.levels) != len(labels) or len(spelling.levels) != len(labels) + 1:
        raise ValueError("layers of another network")
    yield f"/* Made of {name} by python -m dwindle.export.microcontroller. */"
    yield "#ifndef DWINDLE_MODEL_H\n#define DWINDLE_MODEL_H\n\n#include <stdint.h>\n"
    for key, number in {
        "SPECTRUM_SAMPLES": spectrum_samples,
        "BANDS": bands,
        "CLASSES": len(labels),
        "STEM": len(first.levels),
        "WIDE": wide,
        "CHANNELS": channels,
        "BLOCKS": len(trunk) // 4,
        "SCALE_BITS": SCALE_BITS,
        "SILENCE_ENERGY": _whole(silence, 1 << LEVEL_BITS),
        "LOG2_ENERGY_FLOOR": f"({_whole(np.log2(floor), ONE)})",
        "INPUT_SCALE": _whole(scale * np.log(2), 1 << NORM_BITS),
        "INPUT_SHIFT": f"({_whole(shift, ONE)})",
    }.items():
        yield f"#define DWINDLE_{key} {number}"
    yield "\ntypedef struct {\n    const int8_t *weights;\n    const int32_t *scales, *biases;"
    yield "    int outputs, high, wide;\n} dwindle_layer;\n"
    quoted = ", ".join(json.dumps(label) for label in labels)
    yield f"static const char *const dwindle_labels[DWINDLE_CLASSES] = {{{quoted}}};"
    yield from _tables()
    yield from front_end
    yield _array("uint16_t", "dwindle_level_shares", _wholes(shares, 1 << LEVEL_SHARE_BITS))
    for group, members in {"stem": stem, "trunk": trunk}.items():
        for number, layer in enumerate(members):
            yield from _arrays(f"dwindle_{group}{number}", layer)
        entries = ",\n    ".join(_entry(f"dwindle_{group}{number}", layer) for number, layer in enumerate(members))
        yield f"static const dwindle_layer dwindle_{group}[] = {{\n    {entries}}};"
    # attention is a power of two in C
    attention = replace(attention, scales=attention.scales / np.log(2), biases=attention.biases / np.log(2))
    named = {"first": first, "across": across, "attention": attention, "word": word, "spelling": spelling}
    for key, layer in named.items():
        yield from _arrays(f"dwindle_{key}_layer", layer)
        yield f"static const dwindle_layer dwindle_{key} = {_entry(f'dwindle_{key}_layer', layer)};"
    yield "\n#endif\n"


def _tables() -> Iterable[str]:
    """Logarithms and powers of two behind the point, both ends given."""
    steps = np.arange(TABLE_ENTRIES + 1) / TABLE_ENTRIES
    yield _array("uint16_t", "dwindle_log2_table", _wholes(np.log2(1 + steps), 1 << TABLE_BITS))
    yield _array("uint16_t", "dwindle_exp2_table", _wholes(2**steps - 1, 1 << TABLE_BITS))


def _mel_filters(edges_hz: np.ndarray) -> Iterable[str]:
    """One period of the cosine; triangles from an edge over the next to the one after, without their zeros."""
    period = np.cos(2 * np.pi * np.arange(FRAME_SAMPLES) / FRAME_SAMPLES)
    yield _array("int16_t", "dwindle_cosines", _wholes(period, 1 << COSINE_BITS))
    hz = np.arange(FRAME_SAMPLES // 2 + 1) * SAMPLE_RATE / FRAME_SAMPLES
    low, middle, high = (edges_hz[n : len(edges_hz) - 2 + n, None] for n in range(3))
    filters = np.minimum((hz - low) / (middle - low), (high - hz) / (high - middle)).clip(0)
    passed = [np.flatnonzero(one) for one in filters]
    starts = np.cumsum([0, *map(len, passed)])
    yield _array("uint8_t", "dwindle_mel_first", (str(bins[0]) for bins in passed))
    yield _array("uint16_t", "dwindle_mel_starts", map(str, starts))
    yield _array("uint16_t", "dwindle_mel_shares", _wholes(filters[filters > 0], 1 << MEL_BITS))


def _constants(model: onnx.ModelProto) -> dict[str, np.ndarray]:
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def _rounded(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whole numbers from -127 to 127 and a scale for each output channel."""
    largest = np.abs(weights).reshape(len(weights), -1).max(axis=1)
    scales = np.where(largest > 0, largest / LEVELS, 1.0).astype(np.float32)
    return np.round(weights / scales.reshape(-1, 1, 1, 1)).astype(np.int8), scales


def _level(model: onnx.ModelProto) -> tuple[np.ndarray, float, float]:
    """Each band's share of the level, the energy of silence, and the floor of energies."""
    values, nodes = _constants(model), _front_end_nodes(model)
    shares = next(values[node.input[1]] for node in nodes if node.op_type == "MatMul" and node.input[1] in values)
    added = [values[node.input[1]] for node in nodes if node.op_type == "Add" and node.input[1] in values]
    silence, floor = (float(one) for one in added if one.ndim == 0)
    return shares.ravel(), silence, floor


def _front_end(model: onnx.ModelProto) -> tuple[int, Iterable[str]]:
    """How many samples a frame hears, and what the C form of this front end reads."""
    values, nodes = _constants(model), _front_end_nodes(model)
    first, *others = (node.input[1] for node in nodes if node.op_type == "Conv")
    if not others:
        edges = next(values[node.input[0]] for node in nodes if node.op_type == "Sub")
        return FRAME_SAMPLES, _mel_filters(edges.ravel())
    filters, pooling = _evaluated(model, [first, *others])
    if filters.shape[1:] != (1, FRAME_SAMPLES) or pooling.shape != (1, 1, 1, PLACES):
        raise ValueError("another front end")
    return 2 * FRAME_SAMPLES, _learnt_filters(filters[:, 0], pooling.ravel())


def _learnt_filters(filters: np.ndarray, pooling: np.ndarray) -> Iterable[str]:
    """The first half of each, as the other mirrors it; the weights of the places that a frame averages."""
    even, odd = np.split(filters[:, : FRAME_SAMPLES // 2], 2)
    yield _array("int16_t", "dwindle_even", _wholes(even, 1 << FILTER_BITS))
    yield _array("int16_t", "dwindle_odd", _wholes(odd, 1 << FILTER_BITS))
    yield _array("uint16_t", "dwindle_pooling", _wholes(pooling, POOLING_UNIT))


def _front_end_nodes(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    return [node for node in model.graph.node if node.name.startswith("front_end.")]


def _evaluated(model: onnx.ModelProto, names: list[str]) -> list[np.ndarray]:
    """What the graph derives from its constants."""
    stored = _constants(model)
    asked = onnx.ModelProto()
    asked.CopyFrom(model)
    derived = [name for name in names if name not in stored]
    asked.graph.output.extend(onnx.ValueInfoProto(name=name) for name in derived)
    silence = {"audio": np.zeros((1, SAMPLE_RATE), np.float32)}
    values = dict(zip(derived, open_session(asked.SerializeToString()).run(derived, silence), strict=True))
    return [np.asarray(values.get(name, stored.get(name))) for name in names]


def _input_norm(model: onnx.ModelProto) -> tuple[float, float]:
    values = _constants(model)
    node = next(node for node in model.graph.node if node.op_type == "BatchNormalization")
    gain, shift, mean, variance = (float(values[name][0]) for name in node.input[1:5])
    epsilon = next(one.f for one in node.attribute if one.name == "epsilon")
    scale = gain / np.sqrt(variance + epsilon)
    return scale, shift - mean * scale


def _arrays(name: str, layer: Layer) -> Iterable[str]:
    yield _array("int8_t", f"{name}_weights", map(str, layer.levels.ravel()))
    yield _array("int32_t", f"{name}_scales", _wholes(layer.scales, 1 << SCALE_BITS))
    yield _array("int32_t", f"{name}_biases", _wholes(layer.biases, ONE))


def _entry(name: str, layer: Layer) -> str:
    outputs, _, high, wide = layer.levels.shape
    return f"{{{name}_weights, {name}_scales, {name}_biases, {outputs}, {high}, {wide}}}"


def _array(kind: str, name: str, numbers: Iterable[str]) -> str:
    listed = list(numbers)
    lines = [", ".join(listed[at : at + NUMBERS_A_LINE]) for at in range(0, len(listed), NUMBERS_A_LINE)]
    return f"static const {kind} {name}[] = {{\n" + ",\n".join(lines) + "};"


def _wholes(values: np.ndarray, unit: int) -> Iterable[str]:
    return (str(_whole(value, unit)) for value in values.ravel())


def _whole(value: float, unit: int) -> int:
    """A number in whole units, as C holds it in 32 bits."""
    whole = round(float(value) * unit)
    if abs(whole) >= 1 << 31:
        raise ValueError("a number too large for 32 bits")
    return whole


if __name__ == "__main__":
    errors.run(main)
