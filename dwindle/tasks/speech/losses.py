"""The loss of running speech: CTC over strings of words, and staying near what a parent network said of them."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from dwindle.task import Batch

PARENT_SHARE = 0.7  # of the running loss, where there is a parent; the rest is CTC
FRAME_TEMPERATURE = 2.0  # softens what the frames of a network say that a smaller one was made from


def spelling_loss(model: nn.Module, batch: Batch, blank: int, parent: nn.Module | None = None) -> Tensor:
    """CTC of the batch's strings; where there is a parent, mixed with the divergence from its frames."""
    frames = model(batch["strings"])[1]
    lengths = batch["spelling_lengths"]
    by_time = frames.float().log_softmax(dim=-1).transpose(0, 1)
    frame_counts = torch.full((len(frames),), frames.shape[1])
    spelled = functional.ctc_loss(by_time, batch["spelling"], frame_counts, lengths, blank=blank)
    if parent is None:
        return spelled
    with torch.no_grad():
        as_before = parent(batch["strings"])[1]
    return (1 - PARENT_SHARE) * spelled + PARENT_SHARE * _divergence(frames, as_before, lengths)


def _divergence(frames: Tensor, as_before: Tensor, lengths: Tensor) -> Tensor:
    """KL divergence of the frames from those of the network that this one was made from; per word, as CTC is."""
    now, before = ((one.float() / FRAME_TEMPERATURE).log_softmax(dim=-1) for one in (frames, as_before))
    divergence = functional.kl_div(now, before, reduction="none", log_target=True).sum(dim=(1, 2))
    return FRAME_TEMPERATURE**2 * (divergence / lengths.clamp_min(1)).mean()
