"""The loss of distillation: a value worked by hand, its gradient, and sequences."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from dwindle.errors import UsageError
from dwindle.train.distillation import Ensemble, KnowledgeDistillationLoss
from train_distill import KnowledgeDistillationLoss as FromTheScript


def test_the_script_offers_it_too():
    assert FromTheScript is KnowledgeDistillationLoss


def test_a_value_worked_by_hand():
    """Two classes, T = 2, alpha = 0.7; logits are twice the logarithms of easy odds.

    Teacher softened: odds 3 to 1, so 3/4 and 1/4. Student softened: odds 1 to 1, so 1/2 and 1/2.
    KL = 3/4 ln(3/2) + 1/4 ln(1/2) = 0.130812. Student unsoftened: 1/2 each, so cross-entropy = ln 2 = 0.693147.
    Loss = 0.7 x 4 x 0.130812 + 0.3 x 0.693147 = 0.574218.
    """
    loss = KnowledgeDistillationLoss(temperature=2.0, alpha=0.7)
    teacher, student = torch.tensor([[2 * math.log(3), 0.0]]), torch.tensor([[0.0, 0.0]])
    assert float(loss(student, teacher, torch.tensor([0]))) == pytest.approx(0.574218, abs=1e-6)


def random_logits(*shape: int, seed: int = 0) -> torch.Tensor:
    return 3 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(("temperature", "alpha"), [(1.0, 0.5), (4.0, 0.7), (8.0, 1.0), (2.0, 0.0)])
def test_the_gradient_agrees_with_finite_differences(temperature, alpha):
    loss = KnowledgeDistillationLoss(temperature, alpha)
    student, teacher = random_logits(3, 5).requires_grad_(), random_logits(3, 5, seed=1)
    targets = torch.tensor([0, 4, 2])
    loss(student, teacher, targets).backward()
    step = 1e-5
    for row in range(3):
        for column in range(5):
            moved = torch.zeros(3, 5, dtype=torch.float64)
            moved[row, column] = step
            up, down = (float(loss(student.detach() + sign * moved, teacher, targets)) for sign in (1, -1))
            assert float(student.grad[row, column]) == pytest.approx((up - down) / (2 * step), abs=1e-7)


def test_several_teachers_answer_with_their_mean_whatever_time_they_keep():
    members = [torch.nn.Linear(3, 2), torch.nn.Linear(3, 2)]
    inputs = torch.randn(5, 3)
    plain = Ensemble(members)
    (answer,) = Ensemble([Pair(members[0], times=31), Pair(members[1], times=16)])(inputs)
    torch.testing.assert_close(answer, (members[0](inputs) + members[1](inputs)) / 2)
    torch.testing.assert_close(plain(inputs)[0], answer)


class Pair(torch.nn.Module):
    """Two outputs, as the networks have: one answer, and one for each of so many moments."""

    def __init__(self, layer: torch.nn.Module, times: int) -> None:
        super().__init__()
        self.layer, self.times = layer, times

    def forward(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        answer = self.layer(inputs)
        return answer, answer[:, None].expand(-1, self.times, -1)


def test_a_sequence_is_as_many_answers():
    loss = KnowledgeDistillationLoss(4.0, 0.7)
    student, teacher, targets = random_logits(2, 6, 5), random_logits(2, 6, 5, seed=1), torch.arange(12).view(2, 6) % 5
    flat = loss(student.view(12, 5), teacher.view(12, 5), targets.view(12))
    torch.testing.assert_close(loss(student, teacher, targets), flat)
    each = [loss(student[b, t][None], teacher[b, t][None], targets[b, t][None]) for b in range(2) for t in range(6)]
    torch.testing.assert_close(flat, torch.stack(each).mean())


@given(alpha=st.floats(0, 1), temperature=st.floats(0.5, 20))
def test_a_student_that_agrees_pays_for_the_right_answers_only(alpha, temperature):
    loss, logits, targets = KnowledgeDistillationLoss(temperature, alpha), random_logits(4, 5), torch.arange(4)
    right = functional.cross_entropy(logits, targets)
    torch.testing.assert_close(loss(logits, logits, targets), (1 - alpha) * right)
    assert loss(logits, None, targets) == right  # a teacher learns without one
    assert loss(random_logits(4, 5, seed=2), logits, targets) >= 0


def test_certain_teachers_and_students_stay_finite():
    loss = KnowledgeDistillationLoss()
    student = torch.tensor([[1e4, -1e4]], requires_grad=True)
    value = loss(student, -student.detach(), torch.tensor([0]))
    value.backward()
    assert value.isfinite()
    assert student.grad.isfinite().all()


@pytest.mark.parametrize(
    ("temperature", "alpha", "flag"),
    [(0, 0.5, "--temperature"), (-1, 0.5, "--temperature"), (math.inf, 0.5, "--temperature"), (math.nan, 0.5, "--temp"),
     (4, -0.1, "--alpha"), (4, 1.1, "--alpha"), (4, math.nan, "--alpha")],
)  # fmt: skip
def test_settings_that_make_no_sense_name_their_flag(temperature, alpha, flag):
    with pytest.raises(UsageError, match=flag):
        KnowledgeDistillationLoss(temperature, alpha)
