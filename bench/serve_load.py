"""How many streams `infer.py --serve` carries on one core: each sends its sound as it is spoken, and asks for echoes.

    python -m bench.serve_load --streams 100 --seconds 30

Once somebody speaks in every stream all the time, which is the most that there can be, and once for half of the time.
A ping is answered when all sound before it has been heard, so that its way back tells how far the server is behind.
"""

import argparse
import asyncio
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import aiohttp
import numpy as np
import soundfile

from dwindle.cli import pathname, positive_int
from dwindle.errors import UserError, run
from dwindle.files import write_json
from dwindle.infer.speech.listener import RealTimeInference
from dwindle.infer.speech.model import Recogniser
from dwindle.machine import processor

ROOT = Path(__file__).parents[1]
MODEL = ROOT / "artifacts" / "model_int8.onnx"
RATE = 8_000
CHUNK_S = 0.1
PING_S = 1.0
SPOKEN_SHARES = (1.0, 0.5)
START_S = 60.0  # within which the server must be there


def speech(seconds: float, seed: int, spoken_share: float = 1.0) -> np.ndarray:
    """Digits, samples/ in an order of its own, as 16-bit samples; in so much of the time somebody speaks."""
    paths = sorted((ROOT / "samples").glob("*.wav"))
    order = np.random.default_rng(seed).integers(len(paths), size=round(2 * seconds) + 2)
    sounds = [soundfile.read(path, dtype="int16")[0] for path in paths]
    parts = [(sounds[number], np.zeros(round(len(sounds[number]) * (1 / spoken_share - 1)), "<i2")) for number in order]
    return np.concatenate([part for pair in parts for part in pair])[: round(seconds * RATE)]


def words_of(sound: np.ndarray) -> list[str]:
    """What the listener hears when it is alone."""
    listener = RealTimeInference(Recogniser(MODEL))
    return [event.digit for event in listener.process(sound.astype(np.float32) / 32_768) + listener.finish()]


class Server:
    """`infer.py --serve`, on one core."""

    def __enter__(self) -> "Server":
        command = [sys.executable, str(ROOT / "infer.py"), "--serve", "--port", "0"]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
        os.sched_setaffinity(self.process.pid, {min(os.sched_getaffinity(0))})
        line = self.process.stderr.readline()
        if not (address := re.search(r"http://(\S+:\d+)/", line)):
            raise UserError(f"the server did not start: {line.strip()}")
        self.address = address[1]
        return self

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.communicate(timeout=START_S)

    @property
    def processor_s(self) -> float:
        """Processor time that it has used so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def one_stream(address: str, sound: np.ndarray, delay_s: float) -> tuple[list[str], list[float]]:
    """The words that came back, and how far behind the server was at every ping (ms)."""
    words, behind_ms = [], []
    url = f"http://{address}/listen?rate={RATE}"
    async with aiohttp.ClientSession() as session, session.ws_connect(url, autoping=False) as socket:

        async def receive() -> None:
            async for message in socket:
                if message.type is aiohttp.WSMsgType.PONG:
                    behind_ms.append((time.perf_counter() - float(message.data.decode())) * 1000)
                elif message.type is aiohttp.WSMsgType.TEXT and "digit" in (row := message.json()):
                    words.append(row["digit"])

        receiving = asyncio.create_task(receive())
        await asyncio.sleep(delay_s)  # streams do not begin together
        started, chunk = time.perf_counter(), round(CHUNK_S * RATE)
        for number, at in enumerate(range(0, len(sound), chunk)):
            await asyncio.sleep(max(0.0, started + number * CHUNK_S - time.perf_counter()))
            await socket.send_bytes(sound[at : at + chunk].tobytes())
            if number % round(PING_S / CHUNK_S) == 0:
                await socket.ping(str(time.perf_counter()).encode())
        await socket.send_str("end")
        await receiving
    return words, behind_ms


async def all_streams(address: str, sounds: Sequence[np.ndarray]) -> list[tuple[list[str], list[float]]]:
    """Every stream beside the others."""
    delays_s = np.random.default_rng(0).uniform(0, PING_S, len(sounds))
    return await asyncio.gather(
        *(one_stream(address, sound, delay) for sound, delay in zip(sounds, delays_s, strict=True))
    )


def measured(streams: int, seconds: float, spoken_share: float) -> dict[str, float | int | str]:
    """One run of so many streams."""
    sounds = [speech(seconds, seed, spoken_share) for seed in range(streams)]
    alone = [words_of(sound) for sound in sounds]
    with Server() as server:
        before_s, started = server.processor_s, time.perf_counter()
        answers = asyncio.run(all_streams(server.address, sounds))
        used_s, lasted_s = server.processor_s - before_s, time.perf_counter() - started
    behind_ms = [ms for _, stream in answers for ms in stream]
    return {
        "streams": streams,
        "seconds": seconds,
        "spoken_share": spoken_share,
        "words": sum(map(len, alone)),
        "streams_that_differ": sum(words != expected for (words, _), expected in zip(answers, alone, strict=True)),
        "behind_median_ms": round(statistics.median(behind_ms), 1),
        "behind_p99_ms": round(statistics.quantiles(behind_ms, n=100)[-1], 1),
        "share_of_a_core": round(used_s / lasted_s, 3),
        "processor": processor(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--streams", type=positive_int, default=100)
    parser.add_argument("--seconds", type=positive_int, default=30, help="of sound in each")
    parser.add_argument("--output", type=pathname, default=ROOT / "logs" / "serve_load.json")
    arguments = parser.parse_args()
    results = [measured(arguments.streams, arguments.seconds, share) for share in SPOKEN_SHARES]
    write_json(arguments.output, results)
    for result in results:
        print(result)


if __name__ == "__main__":
    run(main)
