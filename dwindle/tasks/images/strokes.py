"""Digits drawn by a program: the ways in which people outside of MNIST write them, with pens of all widths.

European ones have a long flag, sevens a bar, nines a curl: MNIST, written in the United States, hardly knows them.
"""

import numpy as np
from PIL import Image, ImageDraw

Points = list[tuple[float, float]]

# Control points from 0 to 1, down and to the right. "c" is drawn as a curve through them, "l" as straight lines.
_BOWL_OF_9 = [(0.78, 0.18), (0.45, 0.02), (0.15, 0.25), (0.4, 0.5), (0.75, 0.3), (0.8, 0.12)]
WAYS: dict[str, list[list[tuple[str, Points]]]] = {
    "0": [
        [("c", [(0.5, 0.0), (0.15, 0.25), (0.12, 0.7), (0.45, 1.0), (0.85, 0.75), (0.85, 0.3), (0.55, 0.0)])],
        [("c", [(0.65, 0.05), (0.2, 0.15), (0.1, 0.6), (0.4, 1.0), (0.85, 0.8), (0.9, 0.3), (0.5, 0.0), (0.35, 0.08)])],
        [("c", [(0.4, 0.0), (0.8, 0.2), (0.88, 0.7), (0.5, 1.0), (0.12, 0.75), (0.15, 0.2), (0.5, 0.0)])],
    ],
    "1": [
        [("l", [(0.5, 0.0), (0.5, 1.0)])],
        [("l", [(0.3, 0.25), (0.55, 0.0), (0.55, 1.0)])],
        [("l", [(0.05, 0.5), (0.6, 0.0), (0.6, 1.0)])],
        [("l", [(0.0, 0.6), (0.65, 0.0), (0.55, 1.0)])],
        [("c", [(0.05, 0.42), (0.4, 0.25), (0.62, 0.02)]), ("l", [(0.62, 0.02), (0.62, 1.0)])],
        [("l", [(0.2, 0.3), (0.5, 0.0), (0.5, 1.0)]), ("l", [(0.15, 1.0), (0.85, 1.0)])],
    ],
    "2": [
        [("c", [(0.1, 0.25), (0.35, 0.02), (0.8, 0.15), (0.7, 0.5), (0.1, 1.0)]), ("l", [(0.1, 1.0), (0.95, 0.98)])],
        [("c", [(0.1, 0.2), (0.5, 0.0), (0.85, 0.25), (0.5, 0.7), (0.15, 0.95), (0.12, 0.8), (0.4, 0.85), (0.95, 1.0)])],
        [("c", [(0.05, 0.1), (0.45, 0.0), (0.8, 0.1), (0.7, 0.4), (0.3, 0.75), (0.05, 1.0)]), ("c", [(0.05, 1.0), (0.5, 0.9), (0.95, 1.0)])],
        [("l", [(0.1, 0.05), (0.8, 0.05), (0.1, 1.0), (0.9, 1.0)])],
    ],
    "3": [
        [("c", [(0.1, 0.12), (0.5, 0.0), (0.8, 0.22), (0.4, 0.47)]), ("c", [(0.4, 0.47), (0.88, 0.6), (0.75, 0.95), (0.1, 0.92)])],
        [("l", [(0.1, 0.02), (0.8, 0.02), (0.4, 0.4)]), ("c", [(0.4, 0.4), (0.85, 0.5), (0.8, 0.9), (0.1, 0.95)])],
        [("c", [(0.15, 0.1), (0.6, 0.0), (0.75, 0.3), (0.45, 0.45), (0.5, 0.5), (0.85, 0.65), (0.55, 1.0), (0.1, 0.85)])],
    ],
    "4": [
        [("l", [(0.25, 0.0), (0.05, 0.6), (0.95, 0.6)]), ("l", [(0.65, 0.3), (0.6, 1.0)])],
        [("l", [(0.65, 1.0), (0.65, 0.0), (0.05, 0.68), (0.98, 0.68)])],
        [("l", [(0.5, 0.0), (0.05, 0.62), (0.95, 0.58)]), ("l", [(0.7, 0.25), (0.55, 1.0)])],
        [("c", [(0.15, 0.0), (0.1, 0.4), (0.5, 0.5), (0.85, 0.42)]), ("l", [(0.85, 0.0), (0.8, 1.0)])],
    ],
    "5": [
        [("l", [(0.85, 0.0), (0.25, 0.02), (0.2, 0.42)]), ("c", [(0.2, 0.42), (0.65, 0.38), (0.85, 0.7), (0.5, 1.0), (0.1, 0.9)])],
        [("l", [(0.2, 0.05), (0.2, 0.45)]), ("c", [(0.2, 0.45), (0.75, 0.45), (0.8, 0.85), (0.1, 0.98)]), ("l", [(0.2, 0.04), (0.9, 0.0)])],
        [("c", [(0.85, 0.02), (0.35, 0.05), (0.2, 0.35), (0.6, 0.5), (0.8, 0.75), (0.45, 1.0), (0.1, 0.9)])],
    ],
    "6": [
        [("c", [(0.75, 0.0), (0.3, 0.3), (0.12, 0.75), (0.45, 1.0), (0.85, 0.78), (0.6, 0.52), (0.18, 0.72)])],
        [("c", [(0.5, 0.0), (0.2, 0.4), (0.15, 0.8), (0.5, 1.0), (0.8, 0.75), (0.5, 0.55), (0.2, 0.8)])],
        [("c", [(0.25, 0.0), (0.12, 0.5), (0.2, 0.9), (0.6, 1.0), (0.85, 0.75), (0.55, 0.58), (0.15, 0.75)])],
    ],
    "7": [
        [("l", [(0.1, 0.02), (0.88, 0.02), (0.4, 1.0)])],
        [("l", [(0.1, 0.02), (0.88, 0.02), (0.4, 1.0)]), ("l", [(0.25, 0.5), (0.85, 0.48)])],
        [("c", [(0.05, 0.15), (0.2, 0.0), (0.5, 0.1), (0.9, 0.02)]), ("c", [(0.9, 0.02), (0.55, 0.5), (0.4, 1.0)])],
        [("c", [(0.05, 0.15), (0.3, 0.02), (0.9, 0.03)]), ("c", [(0.9, 0.03), (0.55, 0.5), (0.45, 1.0)]), ("l", [(0.2, 0.55), (0.9, 0.45)])],
        [("l", [(0.1, 0.2), (0.12, 0.0), (0.9, 0.02), (0.35, 1.0)])],
    ],
    "8": [
        [("c", [(0.75, 0.12), (0.4, 0.0), (0.2, 0.25), (0.55, 0.5), (0.85, 0.75), (0.5, 1.0), (0.15, 0.78), (0.5, 0.5), (0.8, 0.2), (0.6, 0.02)])],
        [("c", [(0.5, 0.0), (0.2, 0.22), (0.5, 0.45), (0.8, 0.22), (0.5, 0.0)]), ("c", [(0.5, 0.45), (0.1, 0.72), (0.5, 1.0), (0.9, 0.72), (0.5, 0.45)])],
        [("c", [(0.85, 0.05), (0.35, 0.05), (0.3, 0.35), (0.75, 0.65), (0.6, 1.0), (0.2, 0.85), (0.45, 0.5), (0.85, 0.1)])],
    ],
    "9": [
        [("c", _BOWL_OF_9), ("l", [(0.8, 0.12), (0.75, 1.0)])],
        [("c", _BOWL_OF_9), ("c", [(0.8, 0.12), (0.85, 0.6), (0.65, 0.98), (0.15, 0.92)])],
        [("c", _BOWL_OF_9), ("c", [(0.8, 0.12), (0.7, 0.6), (0.35, 1.0)])],
        [("c", _BOWL_OF_9), ("c", [(0.8, 0.12), (0.9, 0.7), (0.5, 1.0), (0.05, 0.98)])],
    ],
}  # fmt: skip
CURVE_STEPS = 10  # straight pieces between two control points
JITTER = 0.03  # of each control point
PEN = (0.03, 0.17)  # widths, of the digit's height
ASPECT = (0.5, 0.95)  # width over height


def draw_digit(digit: str, rng: np.random.Generator, height: int = 112) -> Image.Image:
    """One digit by an unsteady hand, white on black, with a margin of a quarter of its height."""
    ways = WAYS[digit]
    way = ways[int(rng.integers(len(ways)))]
    slant, turn = rng.normal(0.08, 0.15), np.radians(rng.normal(0, 5))
    aspect = rng.uniform(*ASPECT) * (0.6 if digit == "1" else 1.0)
    pen = height * rng.uniform(*PEN)
    margin = height // 4
    picture = Image.new("L", (height + 2 * margin, height + 2 * margin))
    canvas = ImageDraw.Draw(picture)
    stretch = np.array([[aspect, -slant * aspect], [0, 1]])
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    shift = {}  # strokes that met still meet
    for kind, controls in way:
        moved = [np.array(point) + shift.setdefault(point, rng.normal(0, JITTER, 2)) for point in controls]
        path = _curve(np.array(moved)) if kind == "c" else np.array(moved)
        placed = ((path - 0.5) @ (rotation @ stretch).T + 0.5) * height + margin
        _draw(canvas, placed, pen)
    return picture


def _curve(points: np.ndarray) -> np.ndarray:
    """A Catmull-Rom spline through the points."""
    ends = np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    t = np.linspace(0, 1, CURVE_STEPS, endpoint=False)[:, None]
    pieces = [
        0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
        for a, b, c, d in zip(ends, ends[1:], ends[2:], ends[3:], strict=False)
    ]
    return np.vstack([*pieces, points[-1:]])


def _draw(canvas: ImageDraw.ImageDraw, path: np.ndarray, pen: float) -> None:
    """A line with round corners and ends."""
    points = [tuple(point) for point in path.tolist()]
    canvas.line(points, fill=255, width=max(1, round(pen)), joint="curve")
    radius = pen / 2
    for x, y in (points[0], points[-1]):
        canvas.ellipse([x - radius, y - radius, x + radius, y + radius], fill=255)
