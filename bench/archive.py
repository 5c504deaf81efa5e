"""What archives cost: hours of sound for each core-hour with 1 and 2 workers, and what grows with the number of files.

    python -m bench.archive --minutes 300 --output logs/archive.json

An archive is made of the recordings of samples/, over and over, in calls of a minute. The workers share a Ray cluster
of this machine that is started beforehand; starting the driver, its workers and their models counts.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from ray.cluster_utils import Cluster

from dwindle.cli import FlagParser, pathname, positive_float, positive_int
from dwindle.errors import UserError, run
from dwindle.files import sha256_of, write_json
from dwindle.infer.speech.command import BATCH_FILES
from dwindle.infer.speech.shards import Folder, work_in
from dwindle.infer.speech.sound_file import read_audio
from dwindle.machine import processor

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "artifacts" / "model_int8.onnx"
RATE = 8_000  # Hz
CALL_S = 60
WORKERS = (1, 2)
FILES = (1_000, 10_000, 100_000)
STORE_BYTES = 200_000_000
HOURS = 1_000


def main() -> None:
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory() as folder:
        calls = Path(folder) / "calls"
        write_calls(calls, arguments.minutes)
        with cluster() as address:
            rows = [heard(calls, Path(folder) / f"by_{workers}", workers, address) for workers in WORKERS]
        for row in rows:
            per_core_hour = arguments.minutes * 60 / (row["seconds"] * row["workers"])
            row["sound_hours_per_core_hour"] = round(per_core_hour, 1)
            row[f"cost_of_{HOURS}_hours"] = round(HOURS / per_core_hour * arguments.price, 2)
        growth = [planned(Path(folder) / f"{count}", count) for count in arguments.files]
    report = {
        "model_sha256": sha256_of(MODEL),
        "processor": processor(),
        "sound_minutes": arguments.minutes,
        "price_of_a_core_hour": arguments.price,
        "workers": rows,
        "files": growth,
    }
    show(report)
    if arguments.output:
        write_json(arguments.output, report)


def write_calls(folder: Path, minutes: int) -> None:
    """Calls of a minute, each beginning with another recording."""
    folder.mkdir()
    sounds = [read_audio(path) for path in sorted((ROOT / "samples").glob("*.wav"))]
    for number in range(minutes):
        turned = sounds[number % len(sounds) :] + sounds[: number % len(sounds)]
        soundfile.write(folder / f"{number:05}.wav", np.resize(np.concatenate(turned), CALL_S * RATE), RATE)


@contextmanager
def cluster() -> Iterator[str]:
    """As many cores as the most workers need, as one node."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    node = {"num_cpus": max(WORKERS), "object_store_memory": STORE_BYTES, "include_dashboard": False}
    started = Cluster(initialize_head=True, head_node_args=node)
    try:
        yield started.address
    finally:
        started.shutdown()


def heard(calls: Path, output: Path, workers: int, address: str) -> dict[str, Any]:
    """The command as a person runs it, start to end."""
    line = [sys.executable, ROOT / "infer.py", "--model", MODEL, "--archive", calls, "--output", output]
    line += ["--workers", workers, "--batch_files", 8, "--json"]
    started = time.perf_counter()
    environment = os.environ | {"RAY_ADDRESS": address, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(list(map(str, line)), env=environment, capture_output=True, text=True)
    if done.returncode:
        raise UserError(done.stderr.splitlines()[-1])
    return {"workers": workers, "seconds": round(time.perf_counter() - started, 2), **json.loads(done.stdout)}


def planned(folder: Path, count: int) -> dict[str, Any]:
    """What the driver does before any worker: listing so many files and sharing them out."""
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:08}.wav").touch()
    before_mb, started = _largest_mb(), time.perf_counter()
    files = Folder(str(folder)).listed()
    listed_s = time.perf_counter() - started
    work = list(work_in(files, set(), {}, set(), BATCH_FILES))
    row = {"files": count, "parts": len(work), "listed_s": round(listed_s, 3)}
    row |= {"planned_s": round(time.perf_counter() - started - listed_s, 3)}
    return row | {"memory_mb": round(_largest_mb() - before_mb, 1)}


def _largest_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def show(report: dict[str, Any]) -> None:
    """What a person wants to know."""
    for row in report["workers"]:
        cost = row[f"cost_of_{HOURS}_hours"]
        print(
            f"{row['workers']} workers: {row['seconds']:.1f} s, {row['sound_hours_per_core_hour']} hours of sound for "
            f"each core-hour; {HOURS:,} hours cost {cost:.2f} at {report['price_of_a_core_hour']:g} for a core-hour"
        )
    for row in report["files"]:
        print(
            f"{row['files']:>8,} files: listed in {row['listed_s']:.2f} s, shared out in {row['planned_s']:.2f} s, "
            f"{row['memory_mb']:.0f} MB more"
        )


def parse_arguments() -> argparse.Namespace:
    parser = FlagParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=positive_int, default=300, help="of sound (default 300)")
    parser.add_argument(
        "--price", type=positive_float, default=0.04, help="of a core-hour, in any money (default 0.04)"
    )
    parser.add_argument("--files", type=positive_int, nargs="+", default=FILES, help="how many to list")
    parser.add_argument("--output", type=pathname, help="write all numbers as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
