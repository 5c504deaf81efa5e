"""Reads the digits of an image: finds ink, cuts it into digits, and asks the network what each of them is."""

import os
import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from dwindle.errors import UserError
from dwindle.infer.images.image_file import Picture, picture_of, read_picture
from dwindle.infer.images.ink import UNSURE_SKEW, Ink, find_ink, polarity
from dwindle.infer.images.network import DigitNetwork
from dwindle.infer.images.normalise import normalised
from dwindle.infer.images.regions import Box, Region, digit_regions, find_regions, label_pixels
from dwindle.infer.images.split import box_of_ink, read_parts

MOST_DIGITS = 200  # in one image
MARGIN = 0.06  # of a region's size: so far around it faint ink still belongs to it
LEAD = 0.1  # by which the less likely polarity must be surer
SURE = 0.8  # on average: then the other polarity is not tried
LEAST_CONFIDENCE = 0.35  # on average; less than that is no handwriting


class TooManyDigitsError(UserError):
    """More ink than is read: not to be taken for none."""


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
        self.network = DigitNetwork(model, threads)

    def read(self, image: str | os.PathLike | Image.Image | np.ndarray) -> Reading:
        """The digits of an image file, of a Pillow image, or of an array of brightness (0 to 1, or 0 to 255).

        What cannot be read raises UserError; a file that cannot be opened, OSError.
        """
        started = time.perf_counter()
        lines = self._lines(read_picture(image) if isinstance(image, str | os.PathLike) else picture_of(image))
        return Reading(lines, 1_000 * (time.perf_counter() - started))

    def _lines(self, picture: Picture) -> tuple[tuple[Digit, ...], ...]:
        leaning = polarity(picture.brightness)
        likelier = self._read_ink(picture, dark_ink=leaning < 0)
        if _mean_confidence(likelier) >= (SURE if abs(leaning) < UNSURE_SKEW else LEAST_CONFIDENCE):
            return likelier
        try:
            other = self._read_ink(picture, dark_ink=leaning >= 0)
        except TooManyDigitsError:  # what is between the strokes, or noise
            return likelier
        return other if _mean_confidence(other) > _mean_confidence(likelier) + LEAD else likelier

    def _read_ink(self, picture: Picture, dark_ink: bool) -> tuple[tuple[Digit, ...], ...]:
        lines = []
        for patches in patches_of(picture.brightness, dark_ink):
            digits: list[Digit] = []
            for patch, box in patches:
                for part, digit, confidence in read_parts(patch, self.network):
                    digits.append(Digit(digit, confidence, _placed(part, box, picture.pixels_per_source)))
            lines.append(tuple(digits))
        found = tuple(line for line in lines if line)
        return found if _mean_confidence(found) >= LEAST_CONFIDENCE else ()


def patches_of(brightness: np.ndarray, dark_ink: bool) -> list[list[tuple[np.ndarray, Box]]]:
    """The ink of each digit and where it was cut from, line by line; raises TooManyDigitsError."""
    ink = find_ink(brightness, dark_ink)
    if ink is None:
        return []
    labels, count = label_pixels(ink.weak)
    lines = digit_regions(find_regions(labels, count, ink.strong), labels)
    if sum(map(len, lines)) > MOST_DIGITS:
        raise TooManyDigitsError(f"more than {MOST_DIGITS} digits, or marks like digits: cut the picture into parts")
    return [[cut_out(ink, labels, region) for region in line] for line in lines]


def first_digit(brightness: np.ndarray) -> np.ndarray | None:
    """The network's input for the first digit of a picture, or None."""
    picture = picture_of(brightness)
    try:
        lines = patches_of(picture.brightness, polarity(picture.brightness) < 0)
    except TooManyDigitsError:
        return None
    for line in lines:
        for patch, _ in line:
            box = box_of_ink(patch)
            if box is not None:
                return normalised(patch[box.top : box.bottom, box.left : box.right])
    return None


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
