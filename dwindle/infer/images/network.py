"""The network at run time: normalised digits in, probabilities out."""

import json
import os
from pathlib import Path

import numpy as np

from dwindle.infer.images import SIDE
from dwindle.infer.model_file import ModelError, open_session, outputs_of

SENSE = "look"  # what an exported file says of itself


class DigitNetwork:
    """An exported file: `labels`, and `probabilities` of images (n, 28, 28) with ink 1 on 0."""

    def __init__(self, path: str | os.PathLike, threads: int = 1) -> None:
        path = Path(path)
        self.session = open_session(path, threads)
        said = self.session.get_modelmeta().custom_metadata_map
        inputs = [(node.name, list(node.shape[1:])) for node in self.session.get_inputs()]
        try:
            self.labels: tuple[str, ...] = tuple(json.loads(said["labels"]))
            self.temperature = float(said["temperature"])
            fits = inputs == [("image", [1, SIDE, SIDE])] and self.temperature > 0
            fits = fits and self.probabilities(np.zeros((1, SIDE, SIDE))).shape == (1, len(self.labels))
        except Exception as error:  # onnxruntime has no common base class for its errors
            raise ModelError(f"{path}: its metadata do not say how digits are read: export it again") from error
        if not fits:
            raise ModelError(f"{path}: not a network that takes digits of {SIDE} x {SIDE} pixels: export it again")

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """(n, classes)"""
        (logits,) = outputs_of(self.session, ["logits"], {"image": images[:, None].astype(np.float32)})
        powers = np.exp((logits - logits.max(axis=1, keepdims=True)) / self.temperature)
        return powers / powers.sum(axis=1, keepdims=True)
