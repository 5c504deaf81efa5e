"""What an exported network needs so that a listener may keep spectra from run to run (infer/speech/kept_spectra.py)."""

from collections.abc import Set

import numpy as np
import onnx
from onnx import helper, numpy_helper

from dwindle.errors import UserError
from dwindle.export.onnx_graph import readers_of


def let_spectra_be_kept(model: onnx.ModelProto, earlier: str, all_of_them: str, bands: int, go_to: Set[str]) -> None:
    """Put `earlier` spectra (batch, bands, time) before those of the given sound, which the operators `go_to` read."""
    readers = readers_of(model)
    made = [
        (place, node)
        for place, node in enumerate(model.graph.node)
        if node.name.startswith("front_end.") and {one.op_type for one in readers[node.output[0]]} == go_to
    ]
    if len(made) != 1:
        raise UserError("the exported front end has no spectra that could be kept: not exported")
    place, node = made[0]
    newest = node.output[0]
    for reader in readers[newest]:
        reader.input[:] = [all_of_them if name == newest else name for name in reader.input]
    follow = helper.make_node("Concat", [earlier, newest], [all_of_them], name="front_end.kept", axis=2)
    model.graph.node.insert(place + 1, follow)
    model.graph.initializer.append(numpy_helper.from_array(np.zeros((1, bands, 0), np.float32), earlier))
