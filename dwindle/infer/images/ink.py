"""Where ink is: brightness becomes ink between 0 and 1, whatever the light, the paper and the polarity."""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

CELLS = 128  # of the map of the paper's brightness, along the longer side
WIDEST_STROKE = 0.35  # of the shorter side (of a long row: of 0.6 of the longer side)
DARKEST_PAPER = 0.05
LEAST_CONTRAST = 0.06  # fainter marks than this are no ink
LEAST_TO_NOISE = 5.0  # times what differs from pixel to pixel
INK_SHARE = 5e-4  # of the pixels at least have the full strength of ink
UNSURE_SKEW = 0.7
STROKES = (0.03, 0.12)  # reach of what is around a stroke, of the picture's side: of thin ones, of thick ones
STRONG, WEAK = 0.4, 0.25  # of the full strength; a stroke has strong pixels, and weak ones beside them


@dataclass(frozen=True)
class Ink:
    """A picture of ink: its strength at each pixel, 1 where it is full, and where strokes are."""

    strength: np.ndarray
    strong: np.ndarray  # of bool
    weak: np.ndarray  # of bool; the strong ones included


def find_ink(brightness: np.ndarray, dark_ink: bool) -> Ink | None:
    """Ink that is darker than its paper, or lighter; None where there is none."""
    light = brightness if dark_ink else 1 - brightness
    ink = np.clip(1 - light / paper_brightness(light), 0, 1)
    smooth = _blurred(ink, max(0.6, min(ink.shape) / 300))
    full = float(np.quantile(smooth, 1 - INK_SHARE))
    bare = float(np.quantile(smooth, 0.2))
    floor = bare + LEAST_TO_NOISE * noise_of(smooth)
    if full < LEAST_CONTRAST or full < floor:
        return None
    strong = smooth > max(STRONG * full, floor)
    if not strong.any():
        return None
    weak = smooth > max(WEAK * full, min(floor, STRONG * full))
    return Ink(np.clip((smooth - bare) / (0.9 * full - bare), 0, 1), strong, weak | strong)


def noise_of(values: np.ndarray) -> float:
    """The spread of what differs from pixel to pixel; strokes have few edges."""
    steps = np.concatenate([np.diff(values, axis=0).ravel(), np.diff(values, axis=1).ravel()])
    return 1.4826 * float(np.median(np.abs(steps))) if len(steps) else 0.0


def paper_brightness(light: np.ndarray) -> np.ndarray:
    """How bright the paper is at each pixel: what is darker and no wider than a stroke is filled up."""
    height, width = light.shape
    cell = max(1, -(-max(height, width) // CELLS))
    rows, columns = -(-height // cell), -(-width // cell)
    padded = np.pad(light, ((0, rows * cell - height), (0, columns * cell - width)), mode="edge")
    cells = padded.reshape(rows, cell, columns, cell).mean(axis=(1, 3))
    widest = WIDEST_STROKE * max(min(height, width), 0.6 * max(height, width)) / cell
    reach = max(1, int(widest / 2) + 1)
    closed = -_highest_around(-_highest_around(cells, reach), reach)
    picture = Image.fromarray(closed.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR)
    return np.maximum(np.maximum(np.asarray(picture), light * 0.8), DARKEST_PAPER)


def polarity(brightness: np.ndarray) -> float:
    """Above 0: light ink on dark paper; below 0: dark on light; near 0: hard to tell.

    Strokes stand out from what is around them, in one direction: the skewness of that difference.
    """
    height, width = brightness.shape
    side = max(min(height, width), 0.5 * max(height, width))
    border = np.concatenate([brightness[0], brightness[-1], brightness[:, 0], brightness[:, -1]])
    spread = max(1e-4, float(brightness.std()))
    leaning = 0.5 * float(brightness.mean() - np.median(border)) / spread
    return leaning + sum(_skewness(brightness - _blurred(brightness, share * side)) for share in STROKES)


def _skewness(values: np.ndarray) -> float:
    spread = float(values.std())
    return float(np.mean(values**3)) / spread**3 if spread > 1e-4 else 0.0


def _highest_around(values: np.ndarray, reach: int) -> np.ndarray:
    """The maximum of a square that reaches so far in each direction."""
    for axis in (0, 1):
        size = [(0, 0), (0, 0)]
        size[axis] = (reach, reach)
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(values, size, mode="edge"), 2 * reach + 1, axis)
        values = windows.max(axis=-1)
    return values


def _blurred(values: np.ndarray, radius: float) -> np.ndarray:
    """Gaussian; of values between 0 and 1."""
    levels = Image.fromarray(np.round(np.clip(values, 0, 1) * 255).astype(np.uint8))
    return np.asarray(levels.filter(ImageFilter.GaussianBlur(radius)), np.float32) / 255
