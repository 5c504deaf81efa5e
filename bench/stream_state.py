"""What state carried from hop to hop saves beside runs on windows, and what it changes in the answers.

    python -m bench.stream_state --data_dir DIR --output logs/stream_state.json

Both forms are made here from the same checkpoint, in 32-bit floats, and run in turns on one thread, so that what slows
the machine slows both. The answers are compared with the same decoder, which asks either form for its frames.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.stream_form import export
from bench.streaming import heard_in, quality_row
from bench.streams import Stream, spaced_streams, unpaused_streams, with_noise
from dwindle.checkpoint import load_checkpoint
from dwindle.cli import FlagParser, nonempty, pathname, positive_float, positive_int
from dwindle.data import data_directory, require
from dwindle.edits import edits
from dwindle.errors import run
from dwindle.export.formats import to_onnx
from dwindle.export.measure import multiply_adds
from dwindle.files import sha256_of, write_json
from dwindle.infer.model_file import metadata_of
from dwindle.infer.speech import SAMPLE_RATE, STREAM_WINDOW_S
from dwindle.infer.speech.decoder import HOP_FRAMES
from dwindle.infer.speech.listener import RealTimeInference
from dwindle.infer.speech.model import Recogniser
from dwindle.infer.speech.stream_frames import StreamFrames
from dwindle.machine import processor
from dwindle.task import open_task, options_of
from dwindle.tasks.speech.stream_network import StreamNet

ARTIFACTS = Path(__file__).parents[1] / "artifacts"
BATCHES = (1, 16, 64, 256, 1024)
STEP_FRAMES = 2  # that the form with state goes on at a time: 64 ms
PRODUCT = 512  # side of the matrices by whose product a core is measured


class StateRecogniser(Recogniser):
    """Answers for a stream that was given beforehand, from the form with state; pooled answers are those of windows."""

    def __init__(self, windows: Path, state: Path):
        super().__init__(windows)
        self._state = state
        self.position = 0

    def prepare(self, samples: np.ndarray) -> None:
        """Compute the frames of a stream, and of silence behind it."""
        frames = StreamFrames(self._state, 1)
        step = STEP_FRAMES * frames.frame_samples
        self._lag = frames.lag_frames
        behind = (self._lag + 64) * frames.frame_samples
        sound = np.pad(samples, (0, behind + -(len(samples) + behind) % step))
        steps = [frames.process(sound[None, at : at + step])[0] for at in range(0, len(sound), step)]
        self._frames = np.concatenate(steps)

    def newest_frames(self, newest: int) -> np.ndarray:
        """Those before the listener's position, as if it had waited for them."""
        end = self._lag + self.position // self.frame_samples
        return self._frames[end - newest : end]


class StateListener(RealTimeInference):
    """Today's listener on frames that were computed once."""

    def _judge(self, hop: np.ndarray):
        self.recogniser.position = self._position + len(hop)
        return super()._judge(hop)

    def _frames(self, newest: int) -> np.ndarray:
        return self.recogniser.newest_frames(newest)


def costs(network: torch.nn.Module, state: StreamNet, windows_per_s: float) -> dict[str, float]:
    """Multiply-adds for a second of sound, of both forms, and how many a core does in a second."""
    window = {"audio": torch.zeros(1, round(STREAM_WINDOW_S * SAMPLE_RATE))}
    step = {"audio": torch.zeros(1, STEP_FRAMES * 256), **{n: torch.zeros(1, *s) for n, s in state.state.items()}}
    steps_per_s = SAMPLE_RATE / (STEP_FRAMES * 256)
    matrix = torch.rand(PRODUCT, PRODUCT)
    product_s = core_times_s({"product": lambda: matrix @ matrix}, 50)["product"]
    return {
        "windows": multiply_adds(network, window) * windows_per_s,
        "state": multiply_adds(state, step) * steps_per_s,
        "core": PRODUCT**3 / product_s,
    }


def core_times_s(runs: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The median processor time of each, in turns: what else the machine does takes none of it."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for turn in range(-2, rounds):
        for name, call in runs.items():
            call()  # whoever comes after a large one finds the caches cold
            started = time.process_time()
            call()
            if turn >= 0:
                times[name].append(time.process_time() - started)
    return {name: statistics.median(taken) for name, taken in times.items()}


def core_shares(windows: Recogniser, state: Path, windows_per_s: float, rounds: int) -> dict[str, Any]:
    """The share of a core that one stream of unbroken speech takes, by form and number of streams in a batch."""
    rng = np.random.default_rng(0)
    window = rng.normal(0, 0.1, round(STREAM_WINDOW_S * SAMPLE_RATE)).astype(np.float32)
    runs: dict[str, Callable[[], object]] = {"windows": partial(windows.frames, window, 12)}
    for batch in BATCHES:
        frames = StreamFrames(state, batch)
        sound = rng.normal(0, 0.1, (batch, STEP_FRAMES * frames.frame_samples)).astype(np.float32)
        runs[str(batch)] = partial(frames.process, sound)
    taken_s = core_times_s(runs, rounds)
    step_s = STEP_FRAMES * 256 / SAMPLE_RATE
    shares = {str(batch): taken_s[str(batch)] / batch / step_s for batch in BATCHES}
    return {"windows": taken_s["windows"] * windows_per_s, "state": shares}


def listener_share(windows: Recogniser, speech: Sequence[Stream]) -> float:
    """Likewise of all that a listener does beside the network: voice detector, levels, decoding."""
    sound = np.concatenate([stream.samples for stream in speech])[: 20 * SAMPLE_RATE]
    inference = RealTimeInference(windows)
    probabilities = np.full((64, len(windows.labels) + 1), 1e-3, np.float32)
    probabilities[:, -1] = 1.0
    inference.recogniser = inference._decoder._recogniser = _Silent(windows, probabilities)
    taken_s = core_times_s({"listener": partial(heard_in, inference, sound)}, 5)
    return taken_s["listener"] / (len(sound) / SAMPLE_RATE)


class _Silent:
    """A recogniser that hears nothing at no cost."""

    def __init__(self, recogniser: Recogniser, probabilities: np.ndarray):
        self.__dict__ = dict(recogniser.__dict__)
        self.frames = lambda _, newest: probabilities[:newest]


def compared(name: str, streams: Sequence[Stream], windows: Path, state: Path) -> list[dict[str, Any]]:
    """How well both forms read the same streams, and in how many of them the words differ."""
    today = RealTimeInference(Recogniser(windows))
    carried = StateListener(recogniser := StateRecogniser(windows, state))
    ours, theirs = [], []
    for stream in streams:
        recogniser.prepare(stream.samples)
        ours.append([event.digit for event in heard_in(today, stream.samples)])
        theirs.append([event.digit for event in heard_in(carried, stream.samples)])
    rows = [
        quality_row(name, streams, answers) | {"form": form} for form, answers in (("windows", ours), ("state", theirs))
    ]
    rows[1]["words_that_differ"] = sum(edits(a, b).errors for a, b in zip(ours, theirs, strict=True))
    return rows


def main() -> None:
    arguments = parse_arguments()
    torch.set_num_threads(1)
    saved = load_checkpoint(arguments.model)
    task = open_task(saved.task, options_of(saved.task))
    network = task.restored(saved, arguments.model).eval()
    state = StreamNet(network)
    windows_per_s = SAMPLE_RATE / (HOP_FRAMES * 256)
    with tempfile.TemporaryDirectory() as folder:
        window_file, state_file = Path(folder) / "windows.onnx", Path(folder) / "state.onnx"
        said = metadata_of(ARTIFACTS / "model.onnx")
        to_onnx(network, task.example_inputs(), window_file, task.inputs, task.outputs, said)
        export(arguments.model, state_file)
        windows = Recogniser(window_file)
        report: dict[str, Any] = {
            "checkpoint_sha256": sha256_of(arguments.model),
            "processor": processor(),
            "lag_s": state.lag_frames * 256 / SAMPLE_RATE,
            "multiply_adds_per_s": costs(network, state, windows_per_s),
            "core_share": core_shares(windows, state_file, windows_per_s, arguments.rounds),
        }
        if not arguments.no_streams:
            data_dir = data_directory(arguments.data_dir)
            require("speech_commands", data_dir)
            spaced, unpaused = spaced_streams(data_dir, arguments.share), unpaused_streams(data_dir, arguments.share)
            made = {
                "gaps 0.2-1 s": spaced,
                "no pauses": unpaused,
                "gaps 0.2-1 s, noise 10 dB": with_noise(spaced, data_dir, 10),
            }
            report["core_share"]["listener_without_network"] = listener_share(windows, spaced)
            report["streams"] = [
                row for name, streams in made.items() for row in compared(name, streams, window_file, state_file)
            ]
    show(report)
    if arguments.output:
        write_json(arguments.output, report)


def show(report: dict[str, Any]) -> None:
    """What a person wants to know."""
    adds, shares = report["multiply_adds_per_s"], report["core_share"]
    print(f"multiply-adds for a second of sound: windows {adds['windows']:,.0f}, state {adds['state']:,.0f}")
    print(f"a core does {adds['core']:,.0f} a second: at most {adds['core'] / adds['state']:,.0f} streams")
    print(f"share of a core, windows: {shares['windows']:.5f}: {1 / shares['windows']:,.0f} streams")
    for batch, share in shares["state"].items():
        print(
            f"state, {batch:>4} at a time: {share:.5f}: {1 / share:,.0f} streams, {shares['windows'] / share:.1f} times"
        )
    if "listener_without_network" in shares:
        print(f"the listener beside the network: {shares['listener_without_network']:.5f} for each stream")
    for row in report.get("streams", []):
        differ = f", {row['words_that_differ']} words differ" if "words_that_differ" in row else ""
        print(f"{row['streams']:<28} {row['form']:<8} errors {100 * row['error_rate']:.2f}% of {row['digits']}{differ}")


def parse_arguments() -> argparse.Namespace:
    parser = FlagParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", type=nonempty, help="default: $DWINDLE_DATA, else data/")
    parser.add_argument("--model", type=pathname, default=ARTIFACTS / "student.pt", help="a checkpoint")
    parser.add_argument("--rounds", type=positive_int, default=100)
    parser.add_argument("--share", type=positive_float, default=1.0, help="of the streams (default: all)")
    parser.add_argument("--no_streams", action="store_true", help="speed alone")
    parser.add_argument("--output", type=pathname, help="write all numbers as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
