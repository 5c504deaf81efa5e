"""Ink is found whatever the light and the polarity; regions are what touches; a digit's parts belong together."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as of_numpy

from dwindle.infer.images.ink import find_ink, polarity
from dwindle.infer.images.normalise import DIGIT, FINE, THICKEST, THINNEST, normalised, stroke_width
from dwindle.infer.images.regions import digit_regions, find_regions, label_pixels

SIDE = 200


def a_stroke(width=12) -> np.ndarray:
    """A ring of ink, 1 on 0."""
    rows, columns = np.mgrid[0:SIDE, 0:SIDE] - SIDE / 2
    return (np.abs(np.hypot(rows, columns) - 50) < width / 2).astype(float)


def falling_light() -> np.ndarray:
    return np.linspace(0.95, 0.35, SIDE) * np.linspace(1.0, 0.7, SIDE)[:, None]


@pytest.mark.parametrize("dark", [True, False])
def test_polarity_and_ink(dark):
    brightness = 0.9 - 0.7 * a_stroke() if dark else 0.1 + 0.7 * a_stroke()
    assert (polarity(brightness) < 0) == dark
    ink = find_ink(brightness, dark)
    assert np.mean(ink.weak == (a_stroke() > 0)) > 0.97


def test_uneven_light_and_a_hard_shadow():
    shadow = np.where(np.arange(SIDE) < 90, 1.0, 0.6)
    grain = 0.01 * np.random.default_rng(0).standard_normal((SIDE, SIDE))
    brightness = np.clip(falling_light() * shadow * (1 - 0.7 * a_stroke()) + grain, 0, 1)
    assert polarity(brightness) < 0
    ink = find_ink(brightness, dark_ink=True)
    ring = a_stroke() > 0
    assert ink.weak[ring].mean() > 0.9 and ink.weak[~ring].mean() < 0.1


@pytest.mark.parametrize("brightness", [np.ones((50, 50)), np.zeros((50, 50)), np.full((1, 1), 0.5)])
def test_blank_paper_has_no_ink(brightness):
    assert find_ink(brightness, dark_ink=True) is None


@settings(max_examples=80, deadline=None)
@given(of_numpy.arrays(bool, st.tuples(st.integers(1, 9), st.integers(1, 9))))
def test_labels_join_exactly_what_touches(mask):
    labels, count = label_pixels(mask)
    assert ((labels > 0) == mask).all() and set(labels[mask]) == set(range(1, count + 1))
    expected = _by_flooding(mask)
    pairs = set(zip(labels[mask].tolist(), expected[mask].tolist(), strict=True))
    assert len(pairs) == count == len(set(expected[mask].tolist()))


def _by_flooding(mask: np.ndarray) -> np.ndarray:
    """The slow way: spread from each pixel to its eight neighbours until nothing changes."""
    labels = np.where(mask, np.arange(1, mask.size + 1).reshape(mask.shape), 0)
    while True:
        padded = np.pad(labels, 1)
        height, width = mask.shape
        around = [padded[row : row + height, column : column + width] for row in range(3) for column in range(3)]
        spread = np.where(mask, np.max(around, axis=0), 0)
        if (spread == labels).all():
            return labels
        labels = spread


def lines_of(mask: np.ndarray) -> list[list[tuple[int, int]]]:
    """Left and right of each digit, line by line."""
    labels, count = label_pixels(mask)
    lines = digit_regions(find_regions(labels, count, mask), labels)
    return [[(region.box.left, region.box.right) for region in line] for line in lines]


def test_digits_come_line_by_line_from_the_left():
    mask = np.zeros((100, 120), bool)
    for top, left in ((60, 70), (10, 60), (12, 20), (58, 15)):
        mask[top : top + 25, left : left + 12] = True
    assert lines_of(mask) == [[(20, 32), (60, 72)], [(15, 27), (70, 82)]]


def test_a_bar_belongs_to_its_digit_and_a_dot_to_none():
    mask = np.zeros((80, 120), bool)
    mask[20:60, 20:26] = True
    mask[14:18, 24:44] = True  # the bar of a five
    mask[20:60, 80:86] = True
    mask[56:60, 100:104] = True  # a full stop
    assert lines_of(mask) == [[(20, 44), (80, 86)]]


def test_a_table_around_the_paper_is_left_out():
    mask = np.zeros((100, 100), bool)
    mask[:8], mask[:, :6] = True, True
    mask[40:60, 40:50] = True
    assert lines_of(mask) == [[(40, 50)]]


def test_a_ruled_line_is_no_digit():
    mask = np.zeros((100, 200), bool)
    mask[80:82, 5:195] = True
    mask[30:60, 40:50] = True
    assert lines_of(mask) == [[(40, 50)]]


@pytest.mark.parametrize("width", [3, 6, 14, 28])
def test_normalised_as_mnist_is(width):
    image = normalised(a_stroke(width)[20:-20, 20:-20])
    rows, columns = np.nonzero(image > 0.2)
    assert image.shape == (28, 28) and image.min() >= 0 and image.max() <= 1
    assert DIGIT - 2 <= np.ptp(rows) + 1 <= DIGIT + 1 and DIGIT - 2 <= np.ptp(columns) + 1 <= DIGIT + 1
    total = image.sum()
    assert abs((image.sum(axis=1) * np.arange(28)).sum() / total - 13.5) < 0.3
    assert abs((image.sum(axis=0) * np.arange(28)).sum() / total - 13.5) < 0.3


def test_thin_and_thick_pens_come_nearer_to_the_usual():
    def width_of(pen: float) -> float:
        larger = np.kron(normalised(a_stroke(pen)[40:-40, 40:-40]), np.ones((FINE, FINE)))
        return stroke_width(larger) / FINE

    assert 0.7 * THINNEST < width_of(1.5) < width_of(12) < width_of(40) < 1.25 * THICKEST


@settings(max_examples=40, deadline=None)
@given(
    of_numpy.arrays(np.float32, st.tuples(st.integers(1, 30), st.integers(1, 30)), elements=st.floats(0, 1, width=32))
)
def test_any_patch_can_be_normalised(patch):
    image = normalised(patch)
    assert image.shape == (28, 28) and np.isfinite(image).all() and image.min() >= 0 and image.max() <= 1
