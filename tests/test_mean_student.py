"""The mean of several students."""

from dataclasses import replace

import pytest
import torch

from bench.mean_student import mean_of
from dwindle.checkpoint import Checkpoint, load_checkpoint
from dwindle.errors import UserError
from dwindle.files import sha256_of
from dwindle.tasks.speech.digits import LABELS
from dwindle.tasks.speech.network import SpeechNet

SHAPE = {"classes": len(LABELS), "channels": 8, "blocks": 1}


@pytest.fixture
def students(tmp_path):
    made = []
    for seed, corpora in ((0, ["fsdd"]), (1, ["fsdd", "kokoro"])):
        torch.manual_seed(seed)
        weights = SpeechNet(**SHAPE).state_dict()
        one = Checkpoint("spoken_digits", list(LABELS), "student", "trained", SHAPE, weights, seed, corpora=corpora)
        one.save(tmp_path / f"{seed}.pt")
        made.append(tmp_path / f"{seed}.pt")
    return made


def test_every_number_is_the_mean_of_theirs(students):
    mean, (one, other) = mean_of(students), map(load_checkpoint, students)
    for name, tensor in mean.weights.items():
        between = (one.weights[name].double() + other.weights[name].double()) / 2
        assert torch.equal(tensor, between.to(tensor.dtype)), name
        assert tensor.dtype == one.weights[name].dtype
    SpeechNet(**mean.arguments).load_state_dict(mean.weights)
    assert mean.corpora == ["fsdd", "kokoro"]
    assert mean.parent_sha256 == "+".join(map(sha256_of, students))


def test_one_of_another_shape_is_named(students, tmp_path):
    other = load_checkpoint(students[1])
    replace(other, arguments=SHAPE | {"channels": 16}).save(tmp_path / "wide.pt")
    with pytest.raises(UserError, match=r"wide\.pt: of another network"):
        mean_of([students[0], tmp_path / "wide.pt"])
