"""What the world does to digits: other hands, other pens, other cameras. All on whole batches, in torch."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

LEAST_CONTRAST = 0.6


@dataclass(frozen=True)
class Strength:
    """How far each change may go; for one image it is drawn anew."""

    degrees: float = 15.0
    scale: float = 0.15  # of each axis
    shear: float = 0.4
    shift_pixels: float = 2.0
    elastic_pixels: float = 1.0
    thickness: float = 0.7  # of the way to a stroke that is a pixel thicker or thinner on each side
    coarse_share: float = 0.2  # of the images are seen at a lower resolution
    noise_share: float = 0.2  # of the images
    noise: float = 0.12


class ImageAugment:
    """Changes a batch of images (n, 1, side, side) with ink at 1 on 0."""

    def __init__(self, strength: Strength | None = None) -> None:
        self.strength = strength or Strength()

    def __call__(self, images: Tensor) -> Tensor:
        changed = self.warped(images)
        half = len(images) // 2  # the other half keeps its pens
        changed = torch.cat([self.thickened(changed[:half]), changed[half:]])
        few = round(self.strength.coarse_share * len(images))
        start = int(torch.randint(len(images) - few + 1, ()))
        changed[start : start + few] = coarse(changed[start : start + few], int(torch.randint(2, 4, ())))
        return self.noisy(changed).clamp_(0, 1)

    def warped(self, images: Tensor) -> Tensor:
        """Rotated, scaled, sheared, shifted and bent like rubber, in one resampling."""
        s, count, side = self.strength, len(images), images.shape[-1]
        angle = _spread(count) * torch.pi * s.degrees / 180
        across, down = 1 + _spread(count) * s.scale, 1 + _spread(count) * s.scale
        shear = _spread(count) * s.shear
        cosine, sine = angle.cos(), angle.sin()
        shift = torch.stack([_spread(count), _spread(count)], dim=1) * 2 * s.shift_pixels / side
        first = torch.stack([cosine * across, -sine * down + shear, shift[:, 0]], dim=1)
        second = torch.stack([sine * across, cosine * down, shift[:, 1]], dim=1)
        grid = functional.affine_grid(torch.stack([first, second], dim=1), list(images.shape), align_corners=False)
        bend = (2 * torch.rand(count, 2, 5, 5) - 1) * 2 * s.elastic_pixels / side
        bend = functional.interpolate(bend, size=(side, side), mode="bicubic", align_corners=True)
        return functional.grid_sample(images, grid + bend.permute(0, 2, 3, 1), align_corners=False)

    def thickened(self, images: Tensor) -> Tensor:
        """Each as if by a thicker or a thinner pen."""
        share = (_spread(len(images)) * self.strength.thickness).view(-1, 1, 1, 1)
        thick = functional.max_pool2d(images, 3, 1, 1)
        thin = -functional.max_pool2d(-images, 3, 1, 1)
        return images + share.clamp(min=0) * (thick - images) + share.clamp(max=0).abs() * (thin - images)

    def noisy(self, images: Tensor) -> Tensor:
        """Other contrast for all, grain for some."""
        shape = (len(images), 1, 1, 1)
        contrast = LEAST_CONTRAST + (1.1 - LEAST_CONTRAST) * torch.rand(shape)
        level = (torch.rand(shape) < self.strength.noise_share) * torch.rand(shape) * self.strength.noise
        return images * contrast + level * torch.randn(images.shape)


def coarse(images: Tensor, times: int) -> Tensor:
    """As a sensor with so many times fewer pixels across would have seen them."""
    small = functional.avg_pool2d(images, times, ceil_mode=True, count_include_pad=False)
    return functional.interpolate(small, size=images.shape[-2:], mode="bilinear", align_corners=False)


def _spread(count: int) -> Tensor:
    """Evenly between -1 and 1."""
    return 2 * torch.rand(count) - 1
