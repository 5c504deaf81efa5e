"""Growing: a wide network that begins by answering exactly as a narrow one does (Net2Net, Chen et al. 2016).

The narrow network's channels come first. The others begin at random, and nothing that was there listens to them yet:
the weights from a new channel to an old one, or to an answer, are zero, and training finds what they are good for.
"""

from collections.abc import Mapping

from torch import Tensor


def grown(narrow: Mapping[str, Tensor], wide: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The narrow network's weights in the wide one's shapes; layers that are not wider in it stay as they are."""
    return {name: _grown(tensor, wide[name]) if name in wide else tensor for name, tensor in narrow.items()}


def _grown(old: Tensor, new: Tensor) -> Tensor:
    if old.ndim != new.ndim or any(small > large for small, large in zip(old.shape, new.shape, strict=True)):
        return old
    whole = new.clone()
    if old.ndim > 1:  # (outputs, inputs, ...)
        whole[: old.shape[0], old.shape[1] :] = 0
    whole[tuple(map(slice, old.shape))] = old
    return whole
