"""A network's C form, compiled and called from Python."""

import ctypes
import subprocess
from pathlib import Path

import numpy as np

from dwindle.export.microcontroller import ONE, TABLE_BITS

STRICT = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-pedantic"]
FULL_SCALE = 32_768
SAMPLES_A_TIME = 256  # apart are two answers about running speech


class CompiledNetwork:
    """The C files of a folder as a shared library; answers as the ONNX file does: logits, frames, embedding."""

    def __init__(self, folder: Path, classes: int, channels: int) -> None:
        library, sources = folder / "network.so", sorted(str(path) for path in folder.glob("dwindle_*.c"))
        subprocess.run(["gcc", *STRICT, "-shared", "-fPIC", "-o", str(library), *sources], check=True)
        self._library = ctypes.CDLL(str(library))
        self._classes, self._channels = classes, channels
        self.ram_bytes = ctypes.c_ulong.in_dll(self._library, "dwindle_ram_bytes").value

    def __call__(self, audio: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """None where the network refuses the sound."""
        pcm = np.ascontiguousarray(np.clip(np.round(audio * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1), np.int16)
        logits, embedding = np.zeros(self._classes, np.int32), np.zeros(self._channels, np.int16)
        frames = np.zeros((len(pcm) // SAMPLES_A_TIME + 1, self._classes + 1), np.int32)
        pointers = (one.ctypes.data_as(ctypes.c_void_p) for one in (logits, frames, embedding))
        rows = self._library.dwindle_hear(pcm.ctypes.data_as(ctypes.c_void_p), len(pcm), *pointers)
        return (logits / ONE, frames[:rows] / ONE, embedding / ONE) if rows else None

    def log2(self, number: int) -> float:
        """The C form's own base 2 logarithm."""
        return self._library.dwindle_log2(ctypes.c_uint64(number)) / ONE

    def exp2(self, power: float) -> float:
        """Its own power of two, of a number that is not above zero."""
        return self._library.dwindle_exp2(ctypes.c_int32(round(power * ONE))) / (1 << TABLE_BITS)
