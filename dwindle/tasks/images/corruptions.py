"""What may happen to a digit, in the manner of MNIST-C: each corruption at one strength that people still read."""

from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from dwindle.infer.images import SIDE
from dwindle.infer.images.reader import first_digit
from dwindle.tasks.images.augment import coarse
from dwindle.tasks.images.datasets import Digits

PHOTO_SIDE = 240  # pixels of a photographed sheet
PHOTO_DIGIT = (70, 150)  # pixels of its digit
FACTOR = 8  # how many times larger an inverted image is given to the reader


def shifted(images: Tensor, rng: torch.Generator) -> Tensor:
    """By up to four pixels in each direction."""
    return _affine(images, torch.zeros(len(images)), 8 / SIDE * _spread((len(images), 2), rng))


def rotated(images: Tensor, rng: torch.Generator) -> Tensor:
    """By up to 25 degrees."""
    return _affine(images, 25 * torch.pi / 180 * _spread((len(images),), rng), torch.zeros(len(images), 2))


def thick(images: Tensor, rng: torch.Generator) -> Tensor:
    """A pixel more on each side of a stroke."""
    return functional.max_pool2d(images, 3, 1, 1)


def thin(images: Tensor, rng: torch.Generator) -> Tensor:
    """Half a pixel less on each side of a stroke."""
    return (images - functional.max_pool2d(-images, 3, 1, 1)) / 2


def noisy(images: Tensor, rng: torch.Generator) -> Tensor:
    """Grain of a quarter of full ink."""
    return (images + 0.25 * torch.randn(images.shape, generator=rng)).clamp(0, 1)


def blurred(images: Tensor, rng: torch.Generator) -> Tensor:
    """Out of focus: a mean of five by five pixels."""
    return functional.avg_pool2d(images, 5, 1, 2)


def low_resolution(images: Tensor, rng: torch.Generator) -> Tensor:
    """Three times fewer pixels in each direction."""
    return coarse(images, 3)


def faint(images: Tensor, rng: torch.Generator) -> Tensor:
    """At two fifths of the contrast."""
    return 0.4 * images


CORRUPTIONS: dict[str, Callable[[Tensor, torch.Generator], Tensor]] = {
    one.__name__: one for one in (shifted, rotated, thick, thin, noisy, blurred, low_resolution, faint)
}


def corrupted(digits: Digits, name: str, seed: int = 0) -> Digits:
    """The digits with one of the corruptions."""
    return Digits(CORRUPTIONS[name](digits.images, torch.Generator().manual_seed(seed)).contiguous(), digits.targets)


def mixed(digits: Digits, seed: int = 0) -> Digits:
    """Each digit with one corruption, all of them in turns."""
    images = digits.images.clone()
    for number, name in enumerate(CORRUPTIONS):
        images[number :: len(CORRUPTIONS)] = corrupted(digits, name, seed).images[number :: len(CORRUPTIONS)]
    return Digits(images, digits.targets)


def through_reader(digits: Digits, look: Callable[[np.ndarray, np.random.Generator], np.ndarray]) -> Digits:
    """What the reader shows to a network of each digit as it looks elsewhere; an empty image where it finds none."""
    rng = np.random.default_rng(0)
    found = [first_digit(look(image.numpy(), rng)) for image in digits.images[:, 0]]
    empty = np.zeros((SIDE, SIDE), np.float32)
    stacked = np.stack([empty if one is None else one for one in found])
    return Digits(torch.from_numpy(stacked).unsqueeze(1), digits.targets)


def inverted(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Dark on light, several times larger."""
    side = FACTOR * SIDE
    larger = Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)
    return 1 - np.clip(np.asarray(larger), 0, 1)


def photographed(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Pen on paper somewhere in a picture, in light that falls from one side, with a shadow and a sensor's grain."""
    side = int(rng.integers(*PHOTO_DIGIT))
    stroke = np.clip(np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC)), 0, 1)
    ink = np.zeros((PHOTO_SIDE, PHOTO_SIDE), np.float32)
    top, left = rng.integers(5, PHOTO_SIDE - side - 5, 2)
    ink[top : top + side, left : left + side] = stroke
    rows, columns = np.mgrid[0:PHOTO_SIDE, 0:PHOTO_SIDE] / PHOTO_SIDE
    angle = rng.uniform(0, 2 * np.pi)
    along = np.cos(angle) * columns + np.sin(angle) * rows
    light = rng.uniform(0.55, 0.9) + rng.uniform(-0.3, 0.3) * (along - along.mean())
    shadow = 1 - rng.uniform(0, 0.4) / (1 + np.exp(-30 * (along - rng.uniform(along.min(), along.max()))))
    paper = light * shadow * (1 - rng.uniform(0.45, 0.9) * ink)
    return np.clip(paper + 0.02 * rng.standard_normal(paper.shape), 0, 1).astype(np.float32)


def _affine(images: Tensor, angle: Tensor, shift: Tensor) -> Tensor:
    cosine, sine = angle.cos(), angle.sin()
    rows = torch.stack(
        [torch.stack([cosine, -sine, shift[:, 0]], dim=1), torch.stack([sine, cosine, shift[:, 1]], dim=1)], dim=1
    )
    grid = functional.affine_grid(rows, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False)


def _spread(shape: tuple[int, ...], rng: torch.Generator) -> Tensor:
    return 2 * torch.rand(shape, generator=rng) - 1
