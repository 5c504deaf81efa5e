"""Quantisation-aware training: fuse, prepare, train with rounding in place, convert.

torch.ao's graph mode is used rather than its successor in torchao (PT2E), whose file was measured to answer otherwise
than the network that was trained, and more slowly: bench/pt2e.py, entry 61 of logs/design_log.md.
"""

import copy
import operator
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.ao import quantization
from torch.ao.quantization import quantize_fx
from torch.ao.quantization.fx.custom_config import PrepareCustomConfig
from torch.fx.proxy import TraceError
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from dwindle.compress.compare import Version
from dwindle.compress.prune import hold_zeros, without_masks
from dwindle.compress.qdq import store_trained_scales
from dwindle.compress.quantize_embeddings import shrink_tables_of
from dwindle.compress.quantize_static import checked_calibration
from dwindle.compress.quantize_weights import nonzeros_left
from dwindle.compress.workshop import Workshop
from dwindle.engine import Tensors
from dwindle.errors import UserError

LAYERS = (nn.Conv1d, nn.Conv2d, nn.Linear)
FOLDERS = {nn.Conv1d: fuse_conv_bn_eval, nn.Conv2d: fuse_conv_bn_eval, nn.Linear: fuse_linear_bn_eval}
ADDITIONS = (operator.add, operator.iadd, torch.add)
RESHAPING = ("flatten", "unflatten", "unsqueeze", "squeeze", "reshape", "view", "transpose", "permute", torch.flatten)
# a layer behind one of these reads what came before
PASSED_ON = (nn.ReLU, nn.GELU, nn.Dropout, nn.functional.relu, torch.matmul, operator.mul)
RATE_SHARE = 0.8  # of the fine-tuning's learning rate: the weights need only settle between levels
AVERAGING = 0.01  # of activation ranges, per batch

ACTIVATIONS = quantization.FakeQuantize.with_args(
    observer=quantization.MovingAverageMinMaxObserver,
    quant_min=0,
    quant_max=255,
    dtype=torch.quint8,
    averaging_constant=AVERAGING,
)


class SevenBits(quantization.MovingAveragePerChannelMinMaxObserver):
    """Twice the step of eight bits, as quantize_static has it; exporters know no range but that of eight."""

    def calculate_qparams(self) -> tuple[Tensor, Tensor]:
        scales, zero_points = super().calculate_qparams()
        return 2 * scales, zero_points


WEIGHTS = quantization.FakeQuantize.with_args(
    observer=SevenBits,
    quant_min=-128,
    quant_max=127,
    dtype=torch.qint8,
    qscheme=torch.per_channel_symmetric,
    averaging_constant=1.0,  # the scale of a weight is that of the weight as it is now
)


class QuantizedModel(nn.Module):
    """A model that computes as its INT8 file will, and is called, trained and saved like the one it was made from.

    Ranges of activations are learnt while it trains, starting from the calibration set where one is given.
    """

    def __init__(self, model: nn.Module, calibration: Iterable[Tensors | Tensor] | None = None) -> None:
        super().__init__()
        batches = None
        if calibration is not None:  # a bare tensor is the only input of a model that has one
            named = (batch if isinstance(batch, dict) else {"input": batch} for batch in calibration)
            batches = checked_calibration(named)
        with _without_warnings():
            fused = folded(model)
            settings = quantization.QConfigMapping().set_global(None)
            for kind in (*LAYERS, nn.ReLU, nn.functional.relu, *ADDITIONS):
                settings.set_object_type(kind, quantization.QConfig(activation=ACTIVATIONS, weight=WEIGHTS))
            for name in _answering_layers(fused):
                settings.set_module_name(name, None)
            whole = PrepareCustomConfig().set_non_traceable_module_names(kept_whole(model))
            self.network = quantize_fx.prepare_qat_fx(fused.train(), settings, (), prepare_custom_config=whole)
        _share_ranges_across_reshaping(self.network)
        if batches is not None:
            self.eval()
            self._observe(True)
            with torch.no_grad():
                for batch in batches:
                    self.network(*batch.values())
        self.train(model.training)

    def forward(self, *inputs: Tensor) -> Any:
        return self.network(*inputs)

    def train(self, mode: bool = True) -> "QuantizedModel":
        """Only training moves the ranges; judging a model must not."""
        super().train(mode)
        self._observe(mode)
        return self

    def freeze(self, example: Tensors) -> "QuantizedModel":
        """Fix every scale, those of the weights as they are now: training is over."""
        self.eval()
        with torch.no_grad():
            self.network(*example.values())
        self.network.apply(quantization.disable_observer)
        return self

    def convert(self) -> nn.Module:
        """The model in PyTorch's own INT8 arithmetic."""
        with _without_warnings():
            return quantize_fx.convert_fx(copy.deepcopy(self.network).cpu().eval())

    def quantised_layers(self) -> int:
        """How many layers compute in INT8."""
        return sum(hasattr(module, "weight_fake_quant") for module in self.modules())

    def _observe(self, mode: bool) -> None:
        for name, module in self.network.named_modules():
            if isinstance(module, quantization.FakeQuantize) and not name.endswith("weight_fake_quant"):
                module.enable_observer(mode)


def quantized_aware(parent: Version, workshop: Workshop, epochs: int) -> Version:
    """Train the parent's network with rounding in place; zeros stay zeros."""
    name = f"{parent.name}_qat"
    model = QuantizedModel(parent.in_pytorch, workshop.task.calibration_inputs())
    hold_zeros(model)
    workshop.fine_tune(model, name, epochs, RATE_SHARE)
    without_masks(model)
    model.freeze(workshop.task.example_inputs())
    path = workshop.folder / f"{name}.onnx"
    note = f"{model.quantised_layers()} layers INT8 per channel with uint8 activations, {epochs} epochs of training"
    made = {"onnx_path": path, "network": model.convert()}
    if workshop.is_main_process:
        with _without_warnings():
            workshop.write_onnx(model, path)
        shrink_tables_of(path, workshop.table_bits)
        store_trained_scales(path)
        made["nonzeros"] = nonzeros_left(parent, path)
    return replace(parent, name=name, stage="quantised", **made, note=note)


class _Value(fx.Proxy):
    """A traced value; a network may ask it for its device, which is the CPU here."""

    device = property(lambda self: torch.device("cpu"))


class _Tracer(fx.Tracer):
    """Follows a network into all that is to be quantised; what is not (a front end) stays whole."""

    def __init__(self, whole: set[str]) -> None:
        super().__init__()
        self.whole = whole

    def is_leaf_module(self, module: nn.Module, name: str) -> bool:
        return name in self.whole or super().is_leaf_module(module, name)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Value(node, self)


def kept_whole(network: nn.Module) -> list[str]:
    """The parts of a network's own making that hold no weights, or say of themselves that they stay as they are."""
    own = {name: part for name, part in network.named_modules() if not type(part).__module__.startswith("torch.nn")}
    return [
        name
        for name, part in own.items()
        if name and (getattr(part, "stays_whole", False) or not any(True for _ in part.parameters()))
    ]


def folded(network: nn.Module) -> fx.GraphModule:
    """A copy of the network, traced, with its normalisation folded away wherever a layer stands before it."""
    network = copy.deepcopy(network).eval()
    try:
        graph = _Tracer(set(kept_whole(network))).trace(network)
    except (TraceError, TypeError, ValueError) as error:
        raise UserError(
            f"this network cannot be traced, which quantising in training needs: take --qat_epochs 0 ({error})"
        ) from error
    modules = dict(network.named_modules())
    for node in graph.nodes:
        before = node.args[0] if node.op == "call_module" and node.args else None
        if not isinstance(before, fx.Node) or before.op != "call_module" or len(before.users) != 1:
            continue
        path = str(before.target)
        layer, norm = modules[path], modules[str(node.target)]
        if isinstance(norm, _BatchNorm) and type(layer) in FOLDERS:
            parent, _, name = path.rpartition(".")
            setattr(network.get_submodule(parent), name, FOLDERS[type(layer)](layer, norm))
            node.replace_all_uses_with(before)
            graph.erase_node(node)
    return fx.GraphModule(network, graph)


def _answering_layers(fused: fx.GraphModule) -> list[str]:
    """Layers whose output no other layer or addition reads: an answer is left as fine as it is."""
    modules: dict[str, nn.Module] = dict(fused.named_modules())

    def is_layer(node: fx.Node) -> bool:
        return isinstance(_called(node, modules), LAYERS)

    def is_read_again(node: fx.Node) -> bool:
        return any(
            is_layer(user)
            or user.target in ADDITIONS
            or ((_passes_on(user, modules) or user.target in RESHAPING) and is_read_again(user))
            for user in node.users
        )

    return [str(node.target) for node in fused.graph.nodes if is_layer(node) and not is_read_again(node)]


def _passes_on(node: fx.Node, modules: dict[str, nn.Module]) -> bool:
    module = _called(node, modules)
    return (node.target if module is None else type(module)) in PASSED_ON


def _called(node: fx.Node, modules: dict[str, nn.Module]) -> nn.Module | None:
    """The module that a node calls, if it calls one."""
    return modules[str(node.target)] if node.op == "call_module" else None


def _read_by(node: fx.Node) -> fx.Node:
    """The value that a node takes first."""
    source = node.args[0]
    assert isinstance(source, fx.Node)
    return source


def _share_ranges_across_reshaping(network: fx.GraphModule) -> None:
    """A value has the same range before and after it is reshaped: rounding it twice would only cost time."""
    modules: dict[str, nn.Module] = dict(network.named_modules())

    def rounds(node: fx.Node) -> bool:
        return isinstance(_called(node, modules), quantization.FakeQuantize)

    for node in network.graph.nodes:
        if rounds(node):
            source = _read_by(node)
            while source.target in RESHAPING:
                source = _read_by(source)
            if source is not node.args[0] and rounds(source):
                node.target = source.target
    network.delete_all_unused_submodules()
    network.recompile()


@contextmanager
def _without_warnings() -> Iterator[None]:
    """torch.ao warns of its removal in a later torch; the version is pinned."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
