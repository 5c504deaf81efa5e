"""Ways to bring a Fourier transform into an ONNX file: what each weighs and what a one-second clip costs.

python bench/front_ends.py
"""

import sys
import tempfile
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from torch import Tensor, nn
from torch.nn import functional

from dwindle.engine import open_session
from dwindle.errors import run
from dwindle.export.measure import latencies
from dwindle.infer.speech import WINDOW_SAMPLES
from dwindle.tasks.speech.front_end import FRAME_SAMPLES, HOP_SAMPLES, LogMel

ROUNDS = 300


class Operator(nn.Module):
    """The STFT operator of ONNX."""

    def forward(self, audio: Tensor) -> Tensor:
        window = torch.hann_window(FRAME_SAMPLES)
        spectrum = torch.stft(audio, FRAME_SAMPLES, HOP_SAMPLES, window=window, center=False, return_complex=False)
        return spectrum.square().sum(-1)


class Convolution(nn.Module):
    """A strided convolution whose constants are the sines and cosines."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("rows", LogMel().fourier_rows().unsqueeze(1))

    def forward(self, audio: Tensor) -> Tensor:
        return functional.conv1d(audio.unsqueeze(1), self.rows, stride=HOP_SAMPLES).square()


class Product(LogMel):
    """Frames cut out side by side, then a matrix product; the graph derives the matrix from one period of a cosine."""

    def forward(self, audio: Tensor) -> Tensor:
        whole_hops = audio[:, : audio.shape[1] // HOP_SAMPLES * HOP_SAMPLES]
        hops = whole_hops.reshape(audio.shape[0], -1, HOP_SAMPLES)
        frames = torch.cat([hops[:, :-1], hops[:, 1:]], dim=-1)
        return torch.matmul(frames, self.fourier_rows().T).square()


class Derived(LogMel):
    """The convolution again, its constants derived in the graph."""

    def forward(self, audio: Tensor) -> Tensor:
        return functional.conv1d(audio.unsqueeze(1), self.fourier_rows().unsqueeze(1), stride=HOP_SAMPLES).square()


def main() -> None:
    warnings.simplefilter("ignore")
    example = torch.randn(1, WINDOW_SAMPLES, generator=torch.Generator().manual_seed(0))
    sessions, sizes = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for form in (Operator(), Convolution(), Product(), Derived(), LogMel()):
            name = type(form).__name__
            path = Path(folder) / f"{name}.onnx"
            torch.onnx.export(
                form,
                (example,),
                str(path),
                opset_version=17,
                dynamo=False,
                do_constant_folding=False,
                input_names=["audio"],
                dynamic_axes={"audio": {0: "batch", 1: "samples"}},
            )
            sizes[name] = path.stat().st_size
            sessions[name] = open_session(path)
    clip = {"audio": example.numpy()}
    taken = latencies({name: lambda s=session: s.run(None, clip) for name, session in sessions.items()}, ROUNDS)
    print(f"{'form':<14}{'bytes':>9}{'median ms':>12}{'p95 ms':>9}")
    for name, latency in taken.items():
        print(f"{name:<14}{sizes[name]:>9,}{latency.median_ms:>12.3f}{latency.p95_ms:>9.3f}")


if __name__ == "__main__":
    run(main)
