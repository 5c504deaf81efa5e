"""An engine runs a model, whatever the model is: named tensors in, named tensors out."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from dwindle.errors import UserError, imported

if TYPE_CHECKING:
    import onnxruntime

Tensors = dict[str, Tensor]
Shapes = Mapping[str, tuple[int, ...]]  # of each input that is a state, for one example
Engine = Callable[[Mapping[str, Tensor]], Tensors]


def torch_engine(
    model: nn.Module,
    inputs: Iterable[str],
    outputs: Iterable[str],
    device: torch.device | str = "cpu",
    state: Shapes | None = None,  # the model's own unless given: a traced one has lost it
) -> Engine:
    """Any torch module in evaluation mode, TorchScript and exported programs included; tensors in this order."""
    inputs, outputs = tuple(inputs), tuple(outputs)
    state = state_of(model) if state is None else state

    def run(feed: Mapping[str, Tensor]) -> Tensors:
        with torch.inference_mode():
            whole = with_empty_state(feed, state)
            given = model(*(whole[name].to(device) for name in inputs))
        given = given if isinstance(given, tuple | list) else (given,)
        answers = {name: tensor.cpu() for name, tensor in zip(outputs, given, strict=True)}
        return {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in answers.items()}

    return run


def onnx_engine(model: "str | Path | bytes | onnxruntime.InferenceSession", threads: int = 1) -> Engine:
    """An ONNX file, or a session that is open already, in ONNX Runtime."""
    session = open_session(model, threads) if isinstance(model, str | Path | bytes) else model
    inputs = [node.name for node in session.get_inputs()]
    outputs = [node.name for node in session.get_outputs()]
    state = state_of(session)

    def run(feed: Mapping[str, Tensor]) -> Tensors:
        whole = with_empty_state(feed, state)
        given = session.run(outputs, {name: whole[name].contiguous().numpy() for name in inputs})
        return {name: torch.from_numpy(array) for name, array in zip(outputs, given, strict=True)}

    return run


def state_of(model: "nn.Module | onnxruntime.InferenceSession") -> Shapes:
    """What a model remembers between calls: a module's own `state`; of a file, float inputs of fixed shape."""
    if isinstance(model, nn.Module):
        return getattr(model, "state", {})
    shapes = {node.name: tuple(node.shape[1:]) for node in model.get_inputs() if node.type == "tensor(float)"}
    return {name: shape for name, shape in shapes.items() if shape and all(isinstance(size, int) for size in shape)}


def with_empty_state(feed: Mapping[str, Tensor], state: Shapes) -> Tensors:
    """Inputs that were not given are a state in which nothing has been seen yet: zeros. They come last."""
    batch = len(next(iter(feed.values())))
    return {**feed, **{name: torch.zeros(batch, *shape) for name, shape in state.items() if name not in feed}}


def executorch_engine(path: str | Path, inputs: Iterable[str], outputs: Iterable[str]) -> Engine:
    """A .pte file in ExecuTorch's own runtime; it takes inputs of the shape that it was lowered for."""
    runtime = imported("executorch.runtime", "pip install executorch==1.2.0").Runtime.get()
    method = runtime.load_program(str(path)).load_method("forward")
    inputs, outputs = tuple(inputs), tuple(outputs)

    def run(feed: Mapping[str, Tensor]) -> Tensors:
        given = method.execute([feed[name].contiguous() for name in inputs])
        return {name: tensor.clone() for name, tensor in zip(outputs, given, strict=True)}

    return run


def open_session(model: str | Path | bytes, threads: int = 1) -> "onnxruntime.InferenceSession":
    """An ONNX file (or its content) in ONNX Runtime on so many threads of the CPU."""
    runtime = imported("onnxruntime", "pip install -r requirements.txt")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.force_spinning_stop", "1")  # do not slow down what is timed next
    content = model if isinstance(model, bytes) else str(model)
    try:
        return runtime.InferenceSession(content, options, ["CPUExecutionProvider"], enable_fallback=0)  # it would print
    except Exception as error:  # onnxruntime has no common base class for its errors
        name = "the model" if isinstance(model, bytes) else model
        raise UserError(f"{name}: not an ONNX model that can be read: make it again") from error


def in_batches(engine: Engine, feed: Mapping[str, Tensor], size: int) -> Tensors:
    """Run many examples, so many at a time, and join the answers."""
    count = len(next(iter(feed.values())))
    parts = [
        engine({name: tensor[start : start + size] for name, tensor in feed.items()}) for start in range(0, count, size)
    ]
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def repeated(feed: Mapping[str, Tensor], axes: Mapping[str, Mapping[int, str]], times: int) -> Tensors:
    """The same inputs as a larger batch, along each input's axis named batch."""
    batch = {name: next((axis for axis, of in axes[name].items() if of == "batch"), 0) for name in feed}
    return {name: tensor.repeat_interleave(times, dim=batch[name]).contiguous() for name, tensor in feed.items()}
