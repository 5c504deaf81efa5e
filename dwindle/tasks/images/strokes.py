"""Digits drawn by a program: the ways in which people outside of MNIST write them, with pens of all widths.

European ones have a long flag, sevens a bar, nines a curl: MNIST, written in the United States, hardly knows them.
"""

import numpy as np
from PIL import Image, ImageDraw

# Control points in hundredths, to the right and down; "c" is drawn as a curve through them, "l" as straight lines.
WAYS = {
    "0": [
        "c 50,0 15,25 12,70 45,100 85,75 85,30 55,0",
        "c 65,5 20,15 10,60 40,100 85,80 90,30 50,0 35,8",
        "c 40,0 80,20 88,70 50,100 12,75 15,20 50,0",
    ],
    "1": [
        "l 50,0 50,100",
        "l 30,25 55,0 55,100",
        "l 5,50 60,0 60,100",
        "l 0,60 65,0 55,100",
        "c 5,42 40,25 62,2 / l 62,2 62,100",
        "l 20,30 50,0 50,100 / l 15,100 85,100",
        "l 0,45 70,0 60,100 / l 20,100 95,100",
        "c 0,40 35,20 75,0 60,50 50,100",
    ],
    "2": [
        "c 10,25 35,2 80,15 70,50 10,100 / l 10,100 95,98",
        "c 10,20 50,0 85,25 50,70 15,95 12,80 40,85 95,100",
        "c 5,10 45,0 80,10 70,40 30,75 5,100 / c 5,100 50,90 95,100",
        "l 10,5 80,5 10,100 90,100",
    ],
    "3": [
        "c 10,12 50,0 80,22 40,47 / c 40,47 88,60 75,95 10,92",
        "l 10,2 80,2 40,40 / c 40,40 85,50 80,90 10,95",
        "c 15,10 60,0 75,30 45,45 50,50 85,65 55,100 10,85",
    ],
    "4": [
        "l 25,0 5,60 95,60 / l 65,30 60,100",
        "l 65,100 65,0 5,68 98,68",
        "l 50,0 5,62 95,58 / l 70,25 55,100",
        "c 15,0 10,40 50,50 85,42 / l 85,0 80,100",
    ],
    "5": [
        "l 85,0 25,2 20,42 / c 20,42 65,38 85,70 50,100 10,90",
        "l 20,5 20,45 / c 20,45 75,45 80,85 10,98 / l 20,4 90,0",
        "c 85,2 35,5 20,35 60,50 80,75 45,100 10,90",
    ],
    "6": [
        "c 75,0 30,30 12,75 45,100 85,78 60,52 18,72",
        "c 50,0 20,40 15,80 50,100 80,75 50,55 20,80",
        "c 25,0 12,50 20,90 60,100 85,75 55,58 15,75",
    ],
    "7": [
        "l 10,2 88,2 40,100",
        "l 10,2 88,2 40,100 / l 25,50 85,48",
        "c 5,15 20,0 50,10 90,2 / c 90,2 55,50 40,100",
        "c 5,15 30,2 90,3 / c 90,3 55,50 45,100 / l 20,55 90,45",
        "l 10,20 12,0 90,2 35,100",
    ],
    "8": [
        "c 75,12 40,0 20,25 55,50 85,75 50,100 15,78 50,50 80,20 60,2",
        "c 50,0 20,22 50,45 80,22 50,0 / c 50,45 10,72 50,100 90,72 50,45",
        "c 85,5 35,5 30,35 75,65 60,100 20,85 45,50 85,10",
    ],
    "9": [
        "c 65,22 45,10 32,28 58,36 70,14 / c 70,14 88,55 60,98 5,95",
        "c 70,8 35,2 25,32 60,38 74,10 / c 74,10 86,65 50,100 10,90",
        "c 75,20 45,5 20,25 45,42 78,25 / c 78,25 70,70 55,100",
        "c 78,18 45,2 15,25 40,50 75,30 80,12 / l 80,12 75,100",
        "c 78,18 45,2 15,25 40,50 75,30 80,12 / c 80,12 85,60 65,98 15,92",
        "c 78,18 45,2 15,25 40,50 75,30 80,12 / c 80,12 70,60 35,100",
        "c 78,18 45,2 15,25 40,50 75,30 80,12 / c 80,12 90,70 50,100 5,98",
    ],
}
CURVE_STEPS = 10  # straight pieces between two control points
JITTER = 0.03  # of each control point
PEN = (0.03, 0.17)  # widths, of the digit's height
ASPECT = (0.5, 0.95)  # width over height


def draw_digit(digit: str, rng: np.random.Generator, height: int = 112) -> Image.Image:
    """One digit by an unsteady hand, white on black, with a margin of a quarter of its height."""
    ways = WAYS[digit]
    way = ways[int(rng.integers(len(ways)))]
    slant, turn = rng.normal(0.1, 0.3), np.radians(rng.normal(0, 7))
    aspect = rng.uniform(*ASPECT)
    pen = height * rng.uniform(*PEN)
    margin = height // 4
    picture = Image.new("L", (height + 2 * margin, height + 2 * margin))
    canvas = ImageDraw.Draw(picture)
    stretch = np.array([[aspect, -slant * aspect], [0, 1]])
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    shift = {}  # strokes that met still meet
    for stroke in way.split(" / "):
        kind, *controls = stroke.split()
        moved = [_point(name) + shift.setdefault(name, rng.normal(0, JITTER, 2)) for name in controls]
        path = _curve(np.array(moved)) if kind == "c" else np.array(moved)
        placed = ((path - 0.5) @ (rotation @ stretch).T + 0.5) * height + margin
        _draw(canvas, placed, pen)
    return picture


def _point(name: str) -> np.ndarray:
    across, down = name.split(",")
    return np.array([int(across), int(down)]) / 100


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
