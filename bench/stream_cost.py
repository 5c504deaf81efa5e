"""What live streams cost: how many one core carries, measured by running them, and whether memory grows.

    OMP_NUM_THREADS=1 python -m bench.stream_cost artifacts/model_int8.onnx older.onnx

counts for several files in turns, on a machine that does nothing else.
"""

import multiprocessing
import statistics
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from bench.streams import Stream, unpaused_streams
from dwindle.cli import FlagParser, nonempty, pathname
from dwindle.data import data_directory, require
from dwindle.errors import run
from dwindle.infer.speech import SAMPLE_RATE
from dwindle.infer.speech.listener import RealTimeInference
from dwindle.infer.speech.model import Recogniser

TRIAL_S = 6.0
CHUNK_S = 0.04
LATEST_S = 0.04  # a stream that lags by more than a chunk is not carried
HOUR_S, MINUTE_S = 3600, 60
TURNS = 3


def streams_per_core(model: Path, speech: Sequence[Stream]) -> int:
    """The most streams that one thread serves in real time without ever falling a chunk behind."""
    carried, step = 0, 128
    while step >= 8:
        if _carries(model, speech, carried + step):
            carried += step
        else:
            step //= 2
    return carried


def _carries(model: Path, speech: Sequence[Stream], count: int) -> bool:
    recogniser = Recogniser(model)
    sound = np.concatenate([stream.samples for stream in speech[:60]])
    chunk = round(CHUNK_S * SAMPLE_RATE)
    rng = np.random.default_rng(0)
    listeners = [(RealTimeInference(recogniser), int(rng.integers(len(sound)))) for _ in range(count)]
    clock_s = 0.0  # of a core that does nothing else: its processor time, and waiting until more sound is due
    for tick in range(round(TRIAL_S / CHUNK_S)):
        due_s = tick * CHUNK_S
        clock_s = max(clock_s, due_s)
        started = time.process_time()
        for inference, offset in listeners:
            at = (offset + tick * chunk) % (len(sound) - chunk)
            inference.process(sound[at : at + chunk])
        clock_s += time.process_time() - started
        if clock_s - due_s > CHUNK_S + LATEST_S:
            return False
    return True


def memory_of_an_hour(model: Path, speech: Sequence[Stream]) -> dict[str, float]:
    """Resident megabytes of a fresh process, after a minute of sound and after an hour."""
    sound = np.concatenate([stream.samples for stream in speech])[: MINUTE_S * SAMPLE_RATE]
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_memory_of_an_hour, model, sound).result()


def _memory_of_an_hour(model: Path, minute: np.ndarray) -> dict[str, float]:
    inference, heard = RealTimeInference(Recogniser(model)), {}
    for played in range(HOUR_S // MINUTE_S):
        for at in range(0, len(minute), 80):
            inference.process(minute[at : at + 80])
        if played == 0:
            heard["after_a_minute"] = _resident_mb()
    return heard | {"after_an_hour": _resident_mb()}


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 2**20


def main() -> None:
    parser = FlagParser(description=__doc__.split("\n")[0])
    parser.add_argument("models", type=pathname, nargs="+", metavar="FILE")
    parser.add_argument("--data_dir", type=nonempty, help="default: $DWINDLE_DATA, else data/")
    arguments = parser.parse_args()
    require("speech_commands", data_dir := data_directory(arguments.data_dir))
    speech = unpaused_streams(data_dir, share=1.0)
    carried: dict[Path, list[int]] = {model: [] for model in arguments.models}
    for _ in range(TURNS):
        for model, counts in carried.items():
            counts.append(streams_per_core(model, speech))
    for model, counts in carried.items():
        print(f"{statistics.median(counts):6.0f} live streams a core  {model}  ({', '.join(map(str, counts))})")


if __name__ == "__main__":
    run(main)
