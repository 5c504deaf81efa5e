"""Image files: PNG, JPEG, WebP and a few more become brightness between 0 and 1, turned as the camera was held."""

import os
import stat
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from dwindle.errors import UserError
from dwindle.infer.folder import files_below

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "PPM")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".pgm", ".ppm")
MOST_PIXELS = 64_000_000  # of a file; phones make up to 50 million
MOST_BYTES = 128_000_000
WORKING_PIXELS = 1_000_000  # larger images are scaled down to about so many
SMALLEST_SIDE = 112  # smaller images are scaled up, so that a stroke is several pixels wide
MOST_ENLARGED = 16  # times
ORIENTATION_TAG = 0x0112  # of EXIF
DRAFT_SIDE = 1_600  # JPEG decodes at a half, a quarter … of its size, which is still more than this


def image_files(folder: Path) -> Iterator[Path]:
    """The images in a folder and the folders in it."""
    return files_below(folder, SUFFIXES)


@dataclass(frozen=True)
class Picture:
    """Brightness (height, width), and how many of its pixels stand side by side for one of the source's."""

    brightness: np.ndarray
    pixels_per_source: float


def read_picture(path: str | os.PathLike) -> Picture:
    """An image file, the first picture where it holds several.

    What is no image, is damaged, or would be too large in memory raises one line.
    """
    with open(path, "rb") as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise UserError("not a regular file")
        if about.st_size > MOST_BYTES:
            raise UserError(f"{about.st_size:,} bytes, more than the {MOST_BYTES:,} that are read")
        if about.st_size == 0:
            raise UserError("the file is empty")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the limit below is stricter than Pillow's warning
                with Image.open(file, formats=FORMATS) as image:
                    _check_size(image)
                    full_width = image.width
                    image.draft("L", (DRAFT_SIDE, DRAFT_SIDE))
                    return picture_of(image, full_width)
        except UserError:
            raise
        except Image.DecompressionBombError as error:
            raise UserError(f"more than the {MOST_PIXELS:,} pixels that are read") from error
        except Image.UnidentifiedImageError as error:
            raise UserError("not an image that can be read (PNG, JPEG, WebP)") from error
        except Exception as error:  # a stranger's bytes can make a decoder fail in any way
            raise UserError("a damaged image") from error


def picture_of(image: Image.Image | np.ndarray, full_width: int | None = None) -> Picture:
    """An image that is open, upright, at the size that ink is looked for; `full_width` is from before a draft."""
    if isinstance(image, np.ndarray):
        image = _of_array(image)
    _check_size(image)
    upright = np.ascontiguousarray(_turned(_brightness(image), image.getexif().get(ORIENTATION_TAG, 1)))
    scaled = at_working_size(Image.fromarray(upright))
    longer = max(image.size) * (full_width or image.width) / image.width
    return Picture(np.clip(np.asarray(scaled, np.float32), 0, 1), max(scaled.size) / longer)


def at_working_size(picture: Image.Image) -> Image.Image:
    """Large images smaller, small ones larger: strokes come out a few pixels wide."""
    width, height = picture.size
    largest = (WORKING_PIXELS / (width * height)) ** 0.5
    factor = min(largest, max(1.0, min(SMALLEST_SIDE / min(width, height), MOST_ENLARGED)))
    if factor == 1.0:
        return picture
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return picture.resize(size, Image.Resampling.BOX if factor < 0.5 else Image.Resampling.BICUBIC)


def _of_array(values: np.ndarray) -> Image.Image:
    """Pillow knows no whole numbers of 64 bits, and no floats of another size than 32."""
    if values.size and values.ndim > 1 and values.dtype.kind in "biuf":
        with suppress(TypeError):  # of more channels than it knows
            known = values.dtype in (np.uint8, np.uint16, np.bool_)
            return Image.fromarray(values if known else values.astype(np.float32))
    kind = f"{values.dtype}, of shape {values.shape},"
    raise UserError(f"an array of {kind} is no picture: give brightness as (rows, columns)")


def _brightness(image: Image.Image) -> np.ndarray:
    if image.mode.startswith(("I", "F")):  # 16 bits, which a conversion would cut off at 255, or floats
        levels = np.nan_to_num(np.asarray(image, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
        visible = levels != image.info.get("transparency", np.nan)
        levels = np.clip(levels / max(1.0, float(levels.max())), 0, 1)
        return levels if visible.all() else _on_contrast(np.stack([levels, visible], axis=-1))
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        return _on_contrast(np.asarray(image.convert("RGBA").convert("LA"), np.float32) / 255)
    return np.asarray(image.convert("L"), np.float32) / 255


def _check_size(image: Image.Image) -> None:
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise UserError(f"{width:,} x {height:,} pixels, more than the {MOST_PIXELS:,} that are read")


def _on_contrast(pixels: np.ndarray) -> np.ndarray:
    """What is transparent becomes white behind dark ink and black behind light ink."""
    level, alpha = pixels[..., 0], pixels[..., 1]
    visible = float((level * alpha).sum() / max(1e-6, float(alpha.sum())))
    return level * alpha + (1.0 if visible < 0.5 else 0.0) * (1 - alpha)


def _turned(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Upright, by the number that EXIF gives to each of the eight ways to hold a camera."""
    if orientation in (2, 4, 5, 7):
        pixels = pixels[:, ::-1]
    return np.rot90(pixels, {3: 2, 4: 2, 5: 1, 6: 3, 7: 3, 8: 1}.get(orientation, 0))
