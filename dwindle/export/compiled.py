"""A network's C form, compiled and called from Python."""

import ctypes
import subprocess
from pathlib import Path

import numpy as np

STRICT = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-pedantic"]
SAMPLES_A_TIME = 256  # apart are two answers about running speech


class CompiledNetwork:
    """The C files of a folder as a shared library; answers as the ONNX file does: logits, frames, embedding."""

    def __init__(self, folder: Path, classes: int, channels: int) -> None:
        library, sources = folder / "network.so", sorted(str(path) for path in folder.glob("dwindle_*.c"))
        subprocess.run(["gcc", *STRICT, "-shared", "-fPIC", "-o", str(library), *sources, "-lm"], check=True)
        self._library = ctypes.CDLL(str(library))
        self._classes, self._channels = classes, channels
        self.ram_bytes = ctypes.c_ulong.in_dll(self._library, "dwindle_ram_bytes").value

    def __call__(self, audio: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """None where the network refuses the sound."""
        audio = np.ascontiguousarray(audio, np.float32)
        logits, embedding = np.zeros(self._classes, np.float32), np.zeros(self._channels, np.float32)
        frames = np.zeros((len(audio) // SAMPLES_A_TIME + 1, self._classes + 1), np.float32)
        pointers = (one.ctypes.data_as(ctypes.c_void_p) for one in (logits, frames, embedding))
        rows = self._library.dwindle_hear(audio.ctypes.data_as(ctypes.c_void_p), len(audio), *pointers)
        return (logits, frames[:rows], embedding) if rows else None
