"""Distillation: a student learns from a teacher's softened answers as well as from the labels (Hinton et al. 2015)."""

import math
from collections.abc import Sequence
from itertools import takewhile

import torch
from torch import Tensor, nn
from torch.nn import functional

from dwindle.errors import UsageError


class Ensemble(nn.Module):
    """Several networks that answer as one: the mean of each output, as far as their outputs have one shape."""

    def __init__(self, members: Sequence[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        answers = [member(*inputs) for member in self.members]
        answers = [answer if isinstance(answer, tuple) else (answer,) for answer in answers]
        together = takewhile(lambda of_each: len({one.shape for one in of_each}) == 1, zip(*answers, strict=True))
        return tuple(torch.stack(of_each).mean(dim=0) for of_each in together)


class KnowledgeDistillationLoss(nn.Module):
    """alpha * T^2 * KL(softened teacher || softened student) + (1 - alpha) * cross-entropy.

    Logits are (n, classes), or (n, time, classes) with targets (n, time) for sequences; the mean is over every answer.
    """

    def __init__(self, temperature: float = 4.0, alpha: float = 0.7) -> None:
        super().__init__()
        if not 0 < temperature < math.inf:
            raise UsageError(f"--temperature must be above 0, not {temperature}")
        if not 0 <= alpha <= 1:
            raise UsageError(f"--alpha must be between 0 and 1, not {alpha}")
        self.temperature, self.alpha = temperature, alpha

    def forward(self, student_logits: Tensor, teacher_logits: Tensor | None, targets: Tensor) -> Tensor:
        classes = student_logits.shape[-1]
        student = student_logits.reshape(-1, classes)
        right_answers = functional.cross_entropy(student, targets.reshape(-1))
        if teacher_logits is None or self.alpha == 0:
            return right_answers
        softened_teacher = (teacher_logits.reshape(-1, classes) / self.temperature).log_softmax(dim=-1)
        softened_student = (student / self.temperature).log_softmax(dim=-1)
        divergence = functional.kl_div(softened_student, softened_teacher, reduction="batchmean", log_target=True)
        return self.alpha * self.temperature**2 * divergence + (1 - self.alpha) * right_answers
