"""Draw the images of this folder: digits by a program's hand, as a scan, a photo and a screen show them.

python -m samples.make_images
"""

from pathlib import Path

import numpy as np
from PIL import Image

from dwindle.errors import run
from dwindle.files import written_whole
from dwindle.tasks.images.strokes import draw_digit

FOLDER = Path(__file__).parent / "images"
HEIGHT, GAP, MARGIN = 96, 22, 60  # pixels
# name: what it says, pixels of paper and ink, how far the light falls off, format
IMAGES = {
    "seven.png": ("7", 255, 20, 0.0, "PNG"),
    "white_on_black_380.png": ("380", 0, 235, 0.0, "PNG"),
    "photo_4096.jpg": ("4096", 205, 60, 0.35, "JPEG"),
    "screen_1725.webp": ("1725", 245, 40, 0.0, "WEBP"),
}


def main() -> None:
    """Write one image for each."""
    FOLDER.mkdir(exist_ok=True)
    for number, (name, (text, paper, pen, falls_off, kind)) in enumerate(IMAGES.items()):
        picture = written(text, paper, pen, falls_off, np.random.default_rng(number))
        with written_whole(FOLDER / name) as temporary:
            picture.save(temporary, kind, quality=85)


def written(text: str, paper: int, pen: int, falls_off: float, rng: np.random.Generator) -> Image.Image:
    """A line of digits, in light that falls off from left to right, with a little grain."""
    ink = row_of_digits(text, rng)
    light = 1 - falls_off * np.linspace(0, 1, ink.shape[1])
    grain = 2.0 * rng.standard_normal(ink.shape)
    return Image.fromarray(np.clip((paper + (pen - paper) * ink) * light + grain, 0, 255).astype(np.uint8))


def row_of_digits(text: str, rng: np.random.Generator) -> np.ndarray:
    """Ink from 0 to 1: the digits side by side, none touching another."""
    pictures = [draw_digit(digit, rng, HEIGHT) for digit in text]
    pieces = [np.asarray(picture.crop(picture.getbbox()), float) / 255 for picture in pictures]
    width = sum(piece.shape[1] + GAP for piece in pieces) + 2 * MARGIN
    ink = np.zeros((HEIGHT * 3 // 2 + 2 * MARGIN, width))
    left = MARGIN
    for piece in pieces:
        ink[MARGIN : MARGIN + piece.shape[0], left : left + piece.shape[1]] = piece
        left += piece.shape[1] + GAP
    return ink


if __name__ == "__main__":
    run(main)
