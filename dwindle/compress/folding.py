"""Folding: batch normalisation goes into the layer before it, as it is done once training is over."""

import copy

import torch
from torch import fx, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from dwindle.errors import UserError

FOLDERS = {nn.Conv1d: fuse_conv_bn_eval, nn.Conv2d: fuse_conv_bn_eval, nn.Linear: fuse_linear_bn_eval}


class _Value(fx.Proxy):
    """A traced value; a network may ask it for its device, which is the CPU here."""

    device = property(lambda self: torch.device("cpu"))


class _Tracer(fx.Tracer):
    """Follows a network into all that holds weights; what holds none (a front end) stays whole."""

    def __init__(self, whole: set[str]) -> None:
        super().__init__()
        self.whole = whole

    def is_leaf_module(self, module: nn.Module, name: str) -> bool:
        return name in self.whole or super().is_leaf_module(module, name)

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Value(node, self)


def weightless(network: nn.Module) -> list[str]:
    """The parts of a network's own making that hold no weights."""
    return [
        name
        for name, module in network.named_modules()
        if name and not any(True for _ in module.parameters()) and not type(module).__module__.startswith("torch.nn")
    ]


def folded(network: nn.Module) -> fx.GraphModule:
    """A copy of the network, traced, with its normalisation folded away wherever a layer stands before it."""
    network = copy.deepcopy(network).eval()
    try:
        graph = _Tracer(set(weightless(network))).trace(network)
    except (fx.proxy.TraceError, TypeError, ValueError) as error:
        raise UserError(f"this network cannot be traced, which quantising in training needs: {error}") from error
    modules = dict(network.named_modules())
    for node in graph.nodes:
        before = node.args[0] if node.op == "call_module" and node.args else None
        if not isinstance(before, fx.Node) or before.op != "call_module" or len(before.users) != 1:
            continue
        layer, norm = modules[before.target], modules[node.target]
        if isinstance(norm, _BatchNorm) and type(layer) in FOLDERS:
            parent, _, name = before.target.rpartition(".")
            setattr(network.get_submodule(parent), name, FOLDERS[type(layer)](layer, norm))
            node.replace_all_uses_with(before)
            graph.erase_node(node)
    return fx.GraphModule(network, graph)
