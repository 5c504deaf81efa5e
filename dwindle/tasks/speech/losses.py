"""The loss of running speech: CTC over strings of words, beside what another network says of their frames."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from dwindle.task import Batch

PARENT_SHARE = 0.7  # of the running loss, where there is a parent; the rest is CTC
PARENT_TEMPERATURE = 2.0  # softens what the frames of a network say that a smaller one was made from
TEACHER_TEMPERATURE = 1.0  # a teacher's peaks stay: softened, they are all but lost among the blanks around them


def spelling_loss(
    model: nn.Module,
    batch: Batch,
    blank: int,
    guide: nn.Module | None = None,
    share: float = PARENT_SHARE,
    temperature: float = PARENT_TEMPERATURE,
) -> Tensor:
    """CTC of the batch's strings; its guide has a share, by how far the frames diverge, if it has as many of them."""
    frames = model(batch["strings"])[1]
    lengths = batch["spelling_lengths"]
    by_time = frames.float().log_softmax(dim=-1).transpose(0, 1)
    frame_counts = torch.full((len(frames),), frames.shape[1])
    spelled = functional.ctc_loss(by_time, batch["spelling"], frame_counts, lengths, blank=blank)
    if guide is None or share == 0:
        return spelled
    with torch.no_grad():
        _, *theirs = guide(batch["strings"])
    if not theirs or theirs[0].shape != frames.shape:
        return spelled
    return (1 - share) * spelled + share * _divergence(frames, theirs[0], lengths, temperature)


def _divergence(frames: Tensor, theirs: Tensor, lengths: Tensor, temperature: float) -> Tensor:
    """KL divergence of the frames from another network's; per word, as CTC is."""
    own, other = ((one.float() / temperature).log_softmax(dim=-1) for one in (frames, theirs))
    divergence = functional.kl_div(own, other, reduction="none", log_target=True).sum(dim=(1, 2))
    return temperature**2 * (divergence / lengths.clamp_min(1)).mean()
