"""The C form of a network: does it answer as ONNX Runtime does, and what does it need.

    python -m bench.microcontroller --data_dir DIR --output logs/microcontroller.json
    python -m bench.microcontroller --data_dir DIR --model FILE

Compares all answers on FSDD's test recordings, as compiled here. Where a compiler for ARM and an emulator are installed
(apt-get install gcc-arm-linux-gnueabihf qemu-user), some of them run there too, one of them an instruction at a
time to count them, and bytes of flash are those of a Cortex-M4.
"""

import argparse
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from dwindle.cli import FlagParser, nonempty, pathname
from dwindle.data import data_directory
from dwindle.engine import onnx_engine
from dwindle.errors import UserError, run
from dwindle.export.compiled import CompiledNetwork
from dwindle.export.microcontroller import MODEL, Layer, convolutions, write_c
from dwindle.export.onnx_file import read_onnx
from dwindle.files import sha256_of, write_json
from dwindle.infer.speech import WINDOW_SAMPLES
from dwindle.infer.speech.padding import word_window
from dwindle.infer.speech.sound_file import read_audio
from dwindle.tasks.speech.corpora import TEST, fsdd

ARM, EMULATOR = "arm-linux-gnueabihf-gcc", "qemu-arm"
CORTEX_M4 = ["-mcpu=cortex-m4", "-mthumb"]
EMULATED = 20  # recordings
ACROSS = 7  # which layer makes channels of the bands; before it are the first and six of the stem
TIMES, BANDS = 31, (20, 10)  # of a second, behind the first layer and behind the second


def main() -> None:
    parser = FlagParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data_dir", type=nonempty, help="default: $DWINDLE_DATA, else data/")
    parser.add_argument("--model", type=pathname, default=MODEL)
    parser.add_argument("--output", type=pathname, help="write all numbers as JSON")
    arguments = parser.parse_args()
    clips = [clip for clip in fsdd(data_directory(arguments.data_dir)) if clip.split == TEST]
    if not clips:
        raise UserError(f"{data_directory(arguments.data_dir)}: no test recordings of fsdd there")
    sounds = [word_window(read_audio(clip.path), WINDOW_SAMPLES) for clip in clips]
    # as a microcontroller has them: in 16 bits
    sounds = [np.clip(np.round(sound * 32_768), -32_768, 32_767).astype(np.int16) for sound in sounds]
    report = measured(arguments.model, sounds, [clip.label for clip in clips])
    for name, value in report.items():
        print(f"{name:<32}{value}")
    if arguments.output:
        write_json(arguments.output, {"model_sha256": sha256_of(arguments.model), **report})


def measured(model: Path, sounds: Sequence[np.ndarray], labels: Sequence[str]) -> dict[str, Any]:
    """Agreement with ONNX Runtime, right answers of both, and what the C form takes."""
    engine = onnx_engine(model)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_c(model, folder)
        known = [str(label) for label in _labels(folder)]
        layers = convolutions(read_onnx(model))
        network = CompiledNetwork(folder, len(known), len(layers[ACROSS].levels))
        largest, same, right = {"logits": 0.0, "frames": 0.0}, 0, 0
        for sound, label in zip(sounds, labels, strict=True):
            audio = sound.astype(np.float32) / 32_768
            wanted, mine = engine({"audio": torch.from_numpy(audio[None])}), network(audio)
            if mine is None:
                raise UserError(f"{model}: its C form refused a second of sound")
            for key, one in zip(largest, mine, strict=False):
                largest[key] = max(largest[key], float(np.abs(wanted[key][0].numpy() - one).max()))
            same += int(wanted["logits"][0].argmax()) == int(mine[0].argmax())
            right += known[int(mine[0][:-1].argmax())] == label
        report: dict[str, Any] = {
            "recordings": len(sounds),
            "same answer": same,
            "right": right,
            **{f"largest difference, {key}": one for key, one in largest.items()},
            "ram bytes": network.ram_bytes,
            "weights": sum(layer.levels.size for layer in layers),
            "multiply-adds a second": multiply_adds(layers),
        }
        return report | on_arm(folder, sounds, engine, known)


def multiply_adds(layers: Sequence[Layer]) -> int:
    """Of the layers, for one second of sound; the front end's transforms come to about a sixtieth of them."""
    first, *stem = layers[:ACROSS]
    *behind, word, spelling = layers[ACROSS:]
    mapped = first.levels.size * BANDS[0] + sum(layer.levels.size for layer in stem) * BANDS[1]
    return TIMES * (mapped + sum(layer.levels.size for layer in [*behind, spelling])) + word.levels.size


def on_arm(folder: Path, sounds: Sequence[np.ndarray], engine: Any, known: Sequence[str]) -> dict[str, Any]:
    """Flash of a Cortex-M4, and answers under an emulator; empty where neither is installed."""
    if not (shutil.which(ARM) and shutil.which(EMULATOR)):
        return {"on ARM": "not measured: gcc-arm-linux-gnueabihf and qemu-user are not installed"}
    sources = sorted(folder.glob("dwindle_*.c"))
    flash = ram = 0
    for source in sources:
        compiled = folder / f"{source.stem}.o"
        line = [ARM, "-std=c99", "-Os", *CORTEX_M4, "-ffunction-sections", "-fdata-sections", "-c"]
        subprocess.run([*line, "-o", compiled, source], check=True)
        said = subprocess.run([ARM.replace("gcc", "size"), compiled], capture_output=True, text=True, check=True).stdout
        text, data, zeros = (int(number) for number in said.splitlines()[1].split()[:3])
        flash, ram = flash + text + data, ram + data + zeros
    program = folder / "hear"
    everything = sorted(str(path) for path in folder.glob("*.c"))
    subprocess.run([ARM, "-std=c99", "-O2", "-static", "-o", str(program), *everything], check=True)
    same, largest = 0, 0.0
    chosen = sounds[:: max(1, len(sounds) // EMULATED)][:EMULATED]
    for sound in chosen:
        answered = subprocess.run([EMULATOR, str(program)], input=sound.astype("<i2").tobytes(), capture_output=True)
        label, *numbers = answered.stdout.decode().split()
        wanted = engine({"audio": torch.from_numpy(sound.astype(np.float32)[None] / 32_768)})["logits"][0].numpy()
        same += label == known[int(wanted.argmax())]
        largest = max(largest, float(np.abs(np.array(numbers, np.float32) - wanted).max()))
    return {
        "flash bytes, Cortex-M4": flash,
        "ram bytes, Cortex-M4": ram,
        "instructions a second": instructions(program, sounds[0]),
        "emulated recordings": len(chosen),
        "emulated, same answer": same,
        "emulated, largest difference": largest,
    }


def instructions(program: Path, sound: np.ndarray) -> int:
    """That an emulated ARM processor carries out for one sound, counted one by one."""
    command = [EMULATOR, "-singlestep", "-d", "exec,nochain", str(program)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as running:
        assert running.stdin and running.stderr
        running.stdin.write(sound.astype("<i2").tobytes())
        running.stdin.close()
        return sum(line.startswith(b"Trace") for line in running.stderr)


def _labels(folder: Path) -> list[str]:
    """As the header has them, in quotes."""
    line = next(one for one in (folder / "dwindle_model.h").read_text().splitlines() if "dwindle_labels" in one)
    return line.split('"')[1::2]


if __name__ == "__main__":
    run(main)
