"""Frames of many live streams at a time, each computed once: an exported network that carries its state."""

import os
from pathlib import Path

import numpy as np

from dwindle.infer.model_file import ModelError, metadata_of, open_session, outputs_of
from dwindle.infer.speech.model import softmax


class StreamFrames:
    """So many streams, all of which go on by the same number of samples at a time."""

    def __init__(self, path: str | os.PathLike, streams: int, threads: int = 1):
        self._session = open_session(Path(path), threads)
        said = metadata_of(Path(path))
        if "lag_frames" not in said:
            raise ModelError(f"{path}: carries no state: make it with bench.stream_form")
        self.frame_samples = int(said["frame_samples"])
        self.lag_frames = int(said["lag_frames"])  # a frame comes when so many more have been heard
        shapes = {node.name: node.shape[1:] for node in self._session.get_inputs() if node.name != "audio"}
        self._outputs = ["frames", *(f"new_{name}" for name in shapes)]
        self._state = {name: np.zeros((1, *shape), np.float32) for name, shape in shapes.items()}
        self.process(np.zeros((1, 2 * self.lag_frames * self.frame_samples), np.float32))  # as if silence went before
        self._silence = self._state
        self._state = {name: np.repeat(value, streams, axis=0) for name, value in self._silence.items()}

    def process(self, samples: np.ndarray) -> np.ndarray:
        """New samples (streams, a multiple of `frame_samples`) to probabilities (streams, frames, labels + blank).

        The first frames are of the silence before the streams: the sound's own begin `lag_frames` later.
        """
        frames, *state = outputs_of(self._session, self._outputs, {"audio": samples, **self._state})
        self._state = dict(zip(self._state, state, strict=True))
        return softmax(frames)

    def begin(self, stream: int) -> None:
        """Another recording in the place of this stream."""
        for name, value in self._state.items():
            value[stream] = self._silence[name][0]
