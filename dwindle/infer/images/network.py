"""The network at run time: normalised digits in, probabilities out."""

import json
from pathlib import Path

import numpy as np
import onnxruntime

from dwindle.errors import UserError
from dwindle.infer.images import SIDE

SENSE = "look"  # what an exported file says of itself


class DigitNetwork:
    """An exported file: `labels`, and `probabilities` of images (n, 28, 28) with ink 1 on 0."""

    def __init__(self, path: Path, threads: int = 1) -> None:
        if not path.is_file():
            raise UserError(f"{path}: no such model: python export_models.py --task handwritten_digits makes it")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads, options.log_severity_level = threads, 1, 4
        try:
            self.session = onnxruntime.InferenceSession(path.read_bytes(), options, ["CPUExecutionProvider"])
            said = self.session.get_modelmeta().custom_metadata_map
            self.labels: tuple[str, ...] = tuple(json.loads(said["labels"]))
            self.temperature = float(said["temperature"])
        except OSError:
            raise
        except Exception as error:  # a stranger's bytes can make the parser fail in any way
            raise UserError(f"{path}: damaged, or not a model that reads digits") from error
        inputs = [(node.name, node.shape[1:]) for node in self.session.get_inputs()]
        if inputs != [("image", [1, SIDE, SIDE])]:
            raise UserError(f"{path}: not a model that reads digits: its input is no image of {SIDE} x {SIDE} pixels")

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """(n, classes)"""
        (logits,) = self.session.run(["logits"], {"image": images[:, None].astype(np.float32)})
        powers = np.exp((logits - logits.max(axis=1, keepdims=True)) / self.temperature)
        return powers / powers.sum(axis=1, keepdims=True)
