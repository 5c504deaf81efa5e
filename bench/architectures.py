"""Which network is best for its size and time: candidates trained alike, judged on voices that they never heard.

    torchrun --standalone --nproc_per_node 2 bench/architectures.py --epochs 12

Accuracy is that of the validation speakers; latency is ONNX Runtime's, one clip on one thread.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from dwindle.cli import FlagParser
from dwindle.errors import run
from dwindle.infer.speech import WINDOW_SAMPLES
from dwindle.task import open_task, options_of
from dwindle.tasks.speech.front_end import MEL_BANDS, LogMel
from dwindle.tasks.speech.network import SpeechNet, normalised
from dwindle.train.accelerator import start_accelerator
from dwindle.train.distillation import KnowledgeDistillationLoss
from dwindle.train.trainer import Recipe, Trainer

BATCH_SIZE = 128  # of all processes together


class Excited(nn.Module):
    """Squeeze and excitation: each channel weighed by what the whole clip holds (MobileNetV3, ContextNet)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.Conv2d(channels, channels // 8, 1), nn.ReLU(inplace=True), nn.Conv2d(channels // 8, channels, 1)
        )

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs * self.gate(inputs.mean(dim=(2, 3), keepdim=True)).sigmoid()


class SubSpectralNorm(nn.Module):
    """Batch normalisation by groups of bands, as BC-ResNet has it."""

    def __init__(self, channels: int, groups: int = 5) -> None:
        super().__init__()
        self.groups, self.norm = groups, nn.BatchNorm2d(channels * groups)

    def forward(self, inputs: Tensor) -> Tensor:
        batch, channels, bands, frames = inputs.shape
        split = inputs.reshape(batch, channels * self.groups, bands // self.groups, frames)
        return self.norm(split).reshape(batch, channels, bands, frames)


class Broadcast(nn.Module):
    """BC-ResNet's block: bands first, then their mean over time, added back to every band (Kim et al. 2021)."""

    def __init__(self, inputs: int, outputs: int, stride: tuple[int, int] = (1, 1), dilation: int = 1) -> None:
        super().__init__()
        self.changes_shape = inputs != outputs or stride != (1, 1)
        self.enter = nn.Sequential(*normalised(nn.Conv2d(inputs, outputs, 1, bias=False)), nn.ReLU(inplace=True))
        self.bands = nn.Sequential(
            nn.Conv2d(outputs, outputs, (3, 1), stride, (1, 0), groups=outputs, bias=False), SubSpectralNorm(outputs)
        )
        self.time = nn.Sequential(
            *normalised(
                nn.Conv2d(outputs, outputs, (1, 3), 1, (0, dilation), (1, dilation), groups=outputs, bias=False)
            ),
            nn.SiLU(),
            nn.Conv2d(outputs, outputs, 1, bias=False),
            nn.Dropout2d(0.1),
        )

    def forward(self, inputs: Tensor) -> Tensor:
        by_band = self.bands(self.enter(inputs) if self.changes_shape else inputs)
        outputs = by_band + self.time(by_band.mean(dim=2, keepdim=True))
        return torch.relu(outputs if self.changes_shape else outputs + inputs)


def shaped(**shape: int) -> Callable[[int], SpeechNet]:
    return lambda classes: SpeechNet(classes, **shape)


def with_parts(change: Callable[[SpeechNet], None], **shape: int) -> Callable[[int], SpeechNet]:
    """The student with something exchanged."""

    def build(classes: int) -> SpeechNet:
        network = SpeechNet(classes, **shape)
        change(network)
        return network

    return build


def one_dimensional(network: SpeechNet) -> None:
    """Bands as channels from the first layer on, as TC-ResNet and MatchboxNet have them."""
    channels = network.attention.in_channels
    network.stem = nn.Identity()
    network.across_bands = nn.Sequential(
        *normalised(nn.Conv2d(MEL_BANDS, channels, (1, 5), stride=(1, 2), padding=(0, 2), bias=False)),
        nn.ReLU(inplace=True),
    )


def patches(network: SpeechNet) -> None:
    """One strided convolution instead of the whole stem."""
    network.stem = nn.Sequential(
        *normalised(nn.Conv2d(1, 24, (7, 5), stride=(4, 2), padding=(3, 2), bias=False)), nn.ReLU(inplace=True)
    )


def excited(network: SpeechNet) -> None:
    for block in network.trunk:
        block.body.append(Excited(network.attention.in_channels))


def finer_time(network: SpeechNet) -> None:
    """A picture every 8 ms instead of 16; a later layer of the stem steps by two in time."""
    network.front_end = LogMel(hop_samples=64)
    network.stem[2] = nn.Conv2d(16, 16, 3, stride=2, padding=1, groups=16, bias=False)


def broadcasting(network: SpeechNet) -> None:
    channels = network.attention.in_channels
    wide, wider = 24, 48
    network.stem = nn.Sequential(
        *normalised(nn.Conv2d(1, 32, 5, stride=2, padding=2, bias=False)),
        nn.ReLU(inplace=True),
        Broadcast(32, wide),
        Broadcast(wide, wide),
        Broadcast(wide, wider, stride=(2, 1), dilation=2),
        Broadcast(wider, wider, dilation=2),
        Broadcast(wider, channels, dilation=4),
        Broadcast(channels, channels, dilation=4),
        Broadcast(channels, channels, dilation=8),
        Broadcast(channels, channels, dilation=8),
        nn.Conv2d(channels, channels, 5, padding=(0, 2), groups=channels, bias=False),
    )
    network.across_bands = nn.Sequential(
        nn.Conv2d(channels * 6, channels, 1, groups=channels, bias=False), nn.BatchNorm2d(channels), nn.ReLU()
    )
    network.trunk = nn.Identity()


CANDIDATES = {
    "student": shaped(),
    "deeper": shaped(channels=72, blocks=5),
    "wide kernel": shaped(kernel=11),
    "one-dimensional": with_parts(one_dimensional, channels=80, blocks=5),
    "patches": with_parts(patches),
    "excited": with_parts(excited, channels=76),
    "finer time": with_parts(finer_time),
    "broadcast": with_parts(broadcasting, channels=72),
    "small": shaped(channels=36, stem_channels=8, blocks=4),
}


def main() -> None:
    parser = FlagParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data_dir")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--only", nargs="+", choices=CANDIDATES, default=list(CANDIDATES))
    parser.add_argument("--output", type=Path, default=Path("logs/architectures.jsonl"))
    arguments = parser.parse_args()
    accelerator = start_accelerator("cpu", BATCH_SIZE)
    task = open_task("spoken_digits", options_of("spoken_digits", data_dir=arguments.data_dir))
    for name in arguments.only:
        torch.manual_seed(0)
        network = CANDIDATES[name](len(task.labels)).to(memory_format=torch.channels_last)
        recipe = Recipe(arguments.epochs, BATCH_SIZE, learning_rate=4e-3)
        trainer = Trainer(task, network, recipe, KnowledgeDistillationLoss(), accelerator, name=name)
        started = time.monotonic()
        trainer.train()
        if accelerator.is_main_process:
            scores = task.evaluate(trainer.engine(trainer.plain))
            row = {
                "name": name,
                "parameters": sum(parameter.numel() for parameter in network.parameters()),
                "latency_ms": latency_ms(trainer.plain),
                "training_s": round(time.monotonic() - started),
                **{key: round(100 * score.value, 2) for key, score in scores.items()},
            }
            print(json.dumps(row), flush=True)
            arguments.output.parent.mkdir(parents=True, exist_ok=True)
            with open(arguments.output, "a", encoding="utf-8") as log:
                log.write(json.dumps(row) + "\n")
        accelerator.wait_for_everyone()


def latency_ms(network: nn.Module) -> float:
    """The median of 300 runs."""
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/model.onnx"
        example = torch.zeros(1, WINDOW_SAMPLES)
        torch.onnx.export(network.eval(), (example,), path, opset_version=17, dynamo=False, input_names=["audio"])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(path, options)
        clip = {"audio": np.random.default_rng(0).standard_normal((1, WINDOW_SAMPLES), np.float32)}
        spent = []
        for _ in range(330):
            started = time.perf_counter()
            session.run(None, clip)
            spent.append(time.perf_counter() - started)
    return round(1000 * float(np.median(spent[30:])), 3)


if __name__ == "__main__":
    run(main)
