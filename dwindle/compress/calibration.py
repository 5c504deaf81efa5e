"""A calibration set: typical inputs, from which the ranges of activations are read."""

from collections.abc import Iterable

from torch import Tensor

from dwindle.errors import UserError


def checked(calibration: Iterable[Tensor]) -> list[Tensor]:
    """The batches, if ranges can be read from them."""
    batches = [batch for batch in calibration if len(batch)]
    if not batches:
        raise UserError("the calibration set is empty: quantising needs typical inputs to read ranges from")
    if not any(batch.count_nonzero() for batch in batches):
        raise UserError("the calibration set is silent: every number in it is zero, so no range can be read from it")
    if not all(batch.isfinite().all() for batch in batches if batch.is_floating_point()):
        raise UserError("the calibration set holds numbers that are not finite: take out the damaged recordings")
    return batches
