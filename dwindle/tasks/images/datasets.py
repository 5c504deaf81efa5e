"""MNIST in three parts, digits drawn by the project beside it, and what a network sees of them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dwindle.data import require
from dwindle.data.check import read_idx
from dwindle.errors import UserError
from dwindle.infer.images import SIDE
from dwindle.infer.images.normalise import normalised
from dwindle.tasks.images.strokes import draw_digit

DIGITS = "0123456789"
VALIDATION = 5_000  # of the 60,000 training images, drawn once for all seeds
DRAWN = 3_000  # digits drawn for training; each is seen twice an epoch


@dataclass(frozen=True)
class Digits:
    """Images (n, 1, 28, 28), ink 1 on 0, and what they show."""

    images: Tensor
    targets: Tensor

    def __len__(self) -> int:
        return len(self.targets)

    def only(self, indices: Tensor) -> "Digits":
        return Digits(self.images[indices], self.targets[indices])


@dataclass(frozen=True)
class Parts:
    """What is learnt, what choices are made by, and what is reported."""

    training: Digits
    validation: Digits
    test: Digits


def load_mnist(data_dir: Path) -> Parts:
    """55,000, 5,000 and 10,000 images."""
    folder = require("mnist", data_dir)
    published = read_digits(folder, "train")
    if len(published) <= VALIDATION:
        raise UserError(f"{folder}: {len(published):,} training images are too few: {VALIDATION:,} only validate")
    order = torch.randperm(len(published), generator=torch.Generator().manual_seed(0))
    held_out = order[:VALIDATION]
    return Parts(published.only(order[VALIDATION:]), published.only(held_out), read_digits(folder, "t10k"))


def read_digits(folder: Path, name: str) -> Digits:
    """A pair of idx files; a damaged one, or one of another kind, gives one line."""
    images_path, labels_path = (folder / f"{name}-{kind}-ubyte.gz" for kind in ("images-idx3", "labels-idx1"))
    images, labels = read_idx(images_path), read_idx(labels_path)
    if images.ndim != 3 or images.shape[1:] != (SIDE, SIDE):
        raise UserError(f"{images_path}: not images of {SIDE} x {SIDE} pixels")
    if labels.ndim != 1 or len(labels) != len(images) or (len(labels) and labels.max() > 9):
        raise UserError(f"{labels_path}: not a digit for each image of {images_path.name}")
    return Digits(torch.tensor(images).unsqueeze(1).float() / 255, torch.tensor(labels).long())


def drawn_digits(count: int, seed: int) -> Digits:
    """Digits by a program's hand, seen as the reader shows them to a network."""
    rng = np.random.default_rng(seed)
    images = np.empty((count, 1, SIDE, SIDE), np.float32)
    targets = rng.permutation(np.arange(count) % 10)
    for index, target in enumerate(targets):
        picture = draw_digit(DIGITS[target], rng)
        images[index, 0] = normalised(np.asarray(picture.crop(picture.getbbox()), np.float32) / 255)
    return Digits(torch.from_numpy(images), torch.from_numpy(targets))


def joined(*parts: Digits) -> Digits:
    """One after the other."""
    return Digits(torch.cat([part.images for part in parts]), torch.cat([part.targets for part in parts]))
