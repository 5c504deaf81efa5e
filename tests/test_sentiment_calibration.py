"""Confidence that is true, and doubt where it is due."""

import torch

from dwindle.tasks.text.sentiment_calibration import WANTED_RIGHT, calibrated


def answers(count=4000, true_temperature=2.0):
    generator = torch.Generator().manual_seed(0)
    margin = torch.randn(count, generator=generator) * 2
    labels = (torch.rand(count, generator=generator) < torch.sigmoid(margin)).long()
    return torch.stack([torch.zeros(count), margin * true_temperature], dim=1), labels


def test_a_model_twice_too_sure_is_cooled_by_two():
    assert abs(calibrated(*answers()).temperature - 2) < 0.2


def test_enough_is_right_above_the_threshold_and_not_much_below():
    logits, labels = answers()
    found = calibrated(logits, labels)
    confidence, said = (logits / found.temperature).softmax(-1).max(-1)
    sure = confidence >= found.threshold
    assert (said == labels)[sure].float().mean() >= WANTED_RIGHT - 0.002
    assert (said == labels)[~sure].float().mean() < WANTED_RIGHT
    assert 0.2 < sure.float().mean() < 1


def test_a_model_that_is_always_right_is_never_unsure():
    labels = torch.tensor([0, 1, 1, 0])
    logits = torch.nn.functional.one_hot(labels, 2).float() * torch.tensor([[1.0], [2.0], [3.0], [4.0]])
    found = calibrated(logits, labels)
    assert found.threshold <= float((logits / found.temperature).softmax(-1).max(-1).values.min())


def test_a_model_that_guesses_is_always_unsure():
    labels = torch.tensor([0, 1] * 50)
    logits = torch.stack([torch.zeros(100), torch.tensor([5.0, 5.0, -5.0, -5.0] * 25)], dim=1)
    assert calibrated(logits, labels).threshold >= 0.5
