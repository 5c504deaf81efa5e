"""Reads the digits of an image: finds ink, cuts it into digits, and asks the network what each of them is."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dwindle.infer.images.image_file import Picture, picture_of, read_picture
from dwindle.infer.images.ink import UNSURE_SKEW, Ink, find_ink, polarity
from dwindle.infer.images.network import DigitNetwork
from dwindle.infer.images.regions import Box, Region, digit_regions, find_regions, label_pixels
from dwindle.infer.images.split import read_parts

MOST_DIGITS = 200  # in one image
MARGIN = 0.06  # of a region's size: so far around it faint ink still belongs to it
LEAST_CONFIDENCE = 0.5  # on average; less than that is no handwriting


@dataclass(frozen=True)
class Digit:
    """One digit, how sure the network is of it, and where it stands, in pixels of the upright image."""

    digit: str
    confidence: float
    box: Box

    def as_json(self) -> dict[str, Any]:
        return {
            "digit": self.digit,
            "confidence": round(self.confidence, 4),
            "box": [self.box.left, self.box.top, self.box.right, self.box.bottom],
        }


@dataclass(frozen=True)
class Reading:
    """All digits of an image, line by line, each line from left to right."""

    lines: tuple[tuple[Digit, ...], ...]
    latency_ms: float

    @property
    def digits(self) -> tuple[Digit, ...]:
        return tuple(digit for line in self.lines for digit in line)

    @property
    def text(self) -> str:
        """The digits of a line together, lines apart."""
        return " ".join("".join(digit.digit for digit in line) for line in self.lines)


class DigitReader:
    """`DigitReader("artifacts/handwritten_digits/model_int8.onnx").read("photo.jpg").text`"""

    def __init__(self, model: str | os.PathLike, threads: int = 1) -> None:
        self.network = DigitNetwork(Path(model), threads)

    def read(self, image: str | os.PathLike | Image.Image | np.ndarray) -> Reading:
        """The digits of an image file, of a Pillow image, or of an array of brightness (0 to 1, or 0 to 255)."""
        started = time.perf_counter()
        lines = self._lines(read_picture(image) if isinstance(image, str | os.PathLike) else picture_of(image))
        return Reading(lines, 1_000 * (time.perf_counter() - started))

    def _lines(self, picture: Picture) -> tuple[tuple[Digit, ...], ...]:
        leaning = polarity(picture.brightness)
        ways = [leaning < 0] if abs(leaning) > UNSURE_SKEW else [True, False]
        readings = [self._read_ink(picture, dark_ink) for dark_ink in ways]
        return max(readings, key=_mean_confidence)

    def _read_ink(self, picture: Picture, dark_ink: bool) -> tuple[tuple[Digit, ...], ...]:
        ink = find_ink(picture.brightness, dark_ink)
        if ink is None:
            return ()
        labels, count = label_pixels(ink.weak)
        regions = digit_regions(find_regions(labels, count, ink.strong), labels.shape)
        if not 0 < sum(map(len, regions)) <= MOST_DIGITS:
            return ()
        lines = []
        for line in regions:
            digits: list[Digit] = []
            for region in line:
                patch, box = cut_out(ink, labels, region)
                for part, digit, confidence in read_parts(patch, self.network):
                    digits.append(Digit(digit, confidence, _placed(part, box, picture.pixels_per_source)))
            lines.append(tuple(digits))
        found = tuple(lines)
        return found if _mean_confidence(found) >= LEAST_CONFIDENCE else ()


def cut_out(ink: Ink, labels: np.ndarray, region: Region) -> tuple[np.ndarray, Box]:
    """A region's own ink, without its neighbours', and the box that it was cut from."""
    margin = 1 + round(MARGIN * max(region.box.width, region.box.height))
    top, left = max(0, region.box.top - margin), max(0, region.box.left - margin)
    bottom, right = region.box.bottom + margin, region.box.right + margin
    near = labels[top:bottom, left:right]
    own = np.isin(near, list(region.labels)) | (near == 0)
    patch = ink.strength[top:bottom, left:right] * own
    return patch, Box(left, top, left + patch.shape[1], top + patch.shape[0])


def _placed(part: Box, patch: Box, scale: float) -> Box:
    """A box within a patch, in pixels of the image as it was given."""
    left, top = (patch.left + part.left) / scale, (patch.top + part.top) / scale
    right, bottom = (patch.left + part.right) / scale, (patch.top + part.bottom) / scale
    return Box(int(left), int(top), int(np.ceil(right)), int(np.ceil(bottom)))


def _mean_confidence(lines: tuple[tuple[Digit, ...], ...]) -> float:
    confidences = [digit.confidence for line in lines for digit in line]
    return sum(confidences) / len(confidences) if confidences else 0.0
