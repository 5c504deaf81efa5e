"""One digit's ink becomes the network's input, in the manner of MNIST: 20 pixels large, centred by its mass in 28."""

import numpy as np
from PIL import Image, ImageFilter

from dwindle.infer.images import SIDE

FINE = 4  # times finer than the network's pixels: where strokes are measured and thickened
DIGIT = 20  # pixels of the digit's longer side
THINNEST, THICKEST = 1.9, 4.2  # pixels of the network's input; other pens are brought to the nearer of these


def normalised(ink: np.ndarray) -> np.ndarray:
    """(28, 28) from the ink of one digit, cut out close; values from 0 to 1."""
    height, width = ink.shape
    scale = FINE * DIGIT / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    fine = _resized(ink, size)
    fine = with_usual_stroke(np.pad(fine, FINE * 3))
    rows, columns = np.nonzero(fine > 0.25)
    if len(rows) == 0:
        return np.zeros((SIDE, SIDE), np.float32)
    fine = fine[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    scale = FINE * DIGIT / max(fine.shape)
    fine = _resized(fine, (max(1, round(fine.shape[1] * scale)), max(1, round(fine.shape[0] * scale))))
    return centred(fine)


def centred(fine: np.ndarray) -> np.ndarray:
    """The fine picture with its centre of mass in the middle of the network's input."""
    side = FINE * SIDE
    total = max(1e-6, float(fine.sum()))
    middle_row = float(fine.sum(axis=1) @ np.arange(fine.shape[0])) / total
    middle_column = float(fine.sum(axis=0) @ np.arange(fine.shape[1])) / total
    top = int(np.clip(round(side / 2 - middle_row - 0.5), 0, side - fine.shape[0]))
    left = int(np.clip(round(side / 2 - middle_column - 0.5), 0, side - fine.shape[1]))
    canvas = np.zeros((side, side), np.float32)
    canvas[top : top + fine.shape[0], left : left + fine.shape[1]] = fine
    return canvas.reshape(SIDE, FINE, SIDE, FINE).mean(axis=(1, 3))


def stroke_width(fine: np.ndarray) -> float:
    """Of the strokes, in pixels: twice their area over the length of their edge."""
    inside = fine > 0.5
    padded = np.pad(inside, 1)
    edge = np.count_nonzero(padded[1:] != padded[:-1]) + np.count_nonzero(padded[:, 1:] != padded[:, :-1])
    return 2 * np.count_nonzero(inside) / max(1.0, edge * np.pi / 4)  # an edge in all directions, counted in steps


def with_usual_stroke(fine: np.ndarray) -> np.ndarray:
    """Thin strokes thicker and thick ones thinner, as far as MNIST's pens go."""
    width = stroke_width(fine) / FINE
    missing = (min(max(width, THINNEST), THICKEST) - width) * FINE / 2
    steps = round(abs(missing))
    if steps == 0:
        return fine
    picture = Image.fromarray(np.round(fine * 255).astype(np.uint8))
    grow, shrink = ImageFilter.MaxFilter(3), ImageFilter.MinFilter(3)
    for step in range(steps):
        if missing < 0 and stroke_width(np.asarray(picture) / 255) <= THICKEST * FINE:
            break
        cross = step % 2 == 1  # square and diamond in turns make nearly a circle
        changed = picture.filter(grow if missing > 0 else shrink)
        picture = _diamond(picture, missing > 0) if cross else changed
    return np.asarray(picture, np.float32) / 255


def _diamond(picture: Image.Image, grows: bool) -> Image.Image:
    """The maximum or the minimum of a pixel and its four neighbours."""
    values = np.pad(np.asarray(picture), 1, mode="edge")
    neighbours = [values[1:-1, 1:-1], values[:-2, 1:-1], values[2:, 1:-1], values[1:-1, :-2], values[1:-1, 2:]]
    return Image.fromarray(np.max(neighbours, axis=0) if grows else np.min(neighbours, axis=0))


def _resized(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    picture = Image.fromarray(np.ascontiguousarray(values, np.float32))
    return np.clip(np.asarray(picture.resize(size, Image.Resampling.BICUBIC), np.float32), 0, 1)
