"""A problem that takes milliseconds, to train on: which of three numbers is the largest."""

import json
import math
from typing import ClassVar

import torch
from accelerate import Accelerator
from accelerate.utils import DataLoaderConfiguration
from torch import nn
from torch.utils.data import DataLoader

from dwindle.metrics import accuracy
from dwindle.task import PlainTask
from dwindle.train.distillation import KnowledgeDistillationLoss
from dwindle.train.recipe import Recipe
from dwindle.train.trainer import Trainer


class Halves(PlainTask):
    """Which of three numbers is the largest: random points, jittered anew each time they are seen."""

    name = "halves"
    inputs: ClassVar = {"point": {0: "batch"}}
    outputs: ClassVar = {"logits": {0: "batch"}}

    def __init__(self, examples: int = 120) -> None:
        generator = torch.Generator().manual_seed(0)
        self.points = torch.randn(examples, 3, generator=generator)
        self.bad_step = None
        self.steps = 0

    def training_data(self):
        return f"{len(self.points)} points"

    def training_batches(self, batch_size):
        data = [{"point": point, "target": point.argmax()} for point in self.points]
        return DataLoader(data, batch_size, shuffle=True, drop_last=True)

    def augment(self, batch):
        self.steps += 1
        jittered = batch["point"] + 0.05 * torch.randn(batch["point"].shape)
        return {**batch, "point": jittered * math.nan if self.steps == self.bad_step else jittered}

    def validate(self, engine):
        answers = engine({"point": self.points})["logits"].argmax(1)
        return accuracy(int((answers == self.points.argmax(1)).sum()), len(self.points))


def network(hidden: int = 8) -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(3, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Dropout(0.1), nn.Linear(hidden, 3))


def trainer(tmp_path, task=None, hidden=8, teacher=None, **recipe) -> Trainer:
    torch.manual_seed(0)
    model = network(hidden)
    torch.seed()  # whatever was drawn before must not matter
    return Trainer(
        task or Halves(),
        model,
        Recipe(**{"epochs": 6, "batch_size": 20, "learning_rate": 0.02, **recipe}),
        KnowledgeDistillationLoss(),
        Accelerator(cpu=True, dataloader_config=DataLoaderConfiguration(split_batches=True, use_seedable_sampler=True)),
        teacher,
        name="student",
        state_path=tmp_path / "state.pt",
        log_path=tmp_path / "logs" / "student.jsonl",
    )


def logged(tmp_path) -> list[dict]:
    return [json.loads(line) for line in (tmp_path / "logs" / "student.jsonl").read_text().splitlines()]
