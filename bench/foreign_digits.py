"""Handwriting that is not MNIST's, as image files through the reader: scikit-learn's own digits (43 people in Turkey).

    python -m bench.foreign_digits --json artifacts/handwritten_digits/foreign.json

The 1,797 images of 8 x 8 pixels are written as they are or scaled up, light on dark and dark on light, as PNG,
JPEG or WebP, on larger paper and cut close; each file is read as infer.py reads it. Right is only the one digit, alone.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from dwindle.checkpoint import command_line
from dwindle.cli import FlagParser, pathname, positive_int
from dwindle.errors import imported, run
from dwindle.files import sha256_of, write_json
from dwindle.infer.images.reader import DigitReader
from dwindle.infer.model_file import released_model
from dwindle.metrics import accuracy

LEVELS = 16  # of scikit-learn's pixels
# name: times larger, dark on light, margin in pixels of the larger image, format
LOOKS = {
    "as it is": (1, False, 0, "PNG"),
    "8 times": (8, False, 0, "PNG"),
    "8 times, dark on light": (8, True, 0, "PNG"),
    "20 times, on paper": (20, True, 80, "JPEG"),
    "40 times, on paper": (40, True, 400, "WEBP"),
}


def main() -> None:
    arguments = parse_arguments()
    digits = imported("sklearn.datasets", "pip install -r requirements.txt").load_digits()
    every = slice(None, None, arguments.every)
    images, targets = digits.images[every] / LEVELS, digits.target[every]
    reader = DigitReader(arguments.model)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, (times, is_dark, margin, kind) in LOOKS.items():
            right = 0
            for image, target in zip(images, targets, strict=True):
                path = Path(folder) / "digit"
                look(image, times, is_dark, margin).save(path, kind)
                right += reader.read(path).text == str(target)
            rows.append({"look": name, **accuracy(right, len(targets)).as_row()})
            print(f"{name:<24} {accuracy(right, len(targets))}", flush=True)
    report = {"command": command_line(), "model": arguments.model.name, "sha256": sha256_of(arguments.model)}
    write_json(arguments.json, {**report, "rows": rows})


def look(image: np.ndarray, times: int, is_dark: bool, margin: int) -> Image.Image:
    """Light ink on dark at first."""
    side = 8 * times
    larger = Image.fromarray(image.astype(np.float32)).resize((side, side), Image.Resampling.BICUBIC)
    page = np.pad(np.clip(np.asarray(larger), 0, 1), margin)
    return Image.fromarray(np.round(255 * (1 - page if is_dark else page)).astype(np.uint8))


def parse_arguments() -> argparse.Namespace:
    parser = FlagParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--model", type=pathname, default=released_model("handwritten_digits"), help="an exported ONNX file"
    )
    parser.add_argument("--every", type=positive_int, default=1, help="every so many images, for a look")
    parser.add_argument("--json", type=pathname, required=True, metavar="FILE", help="where the table goes")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
