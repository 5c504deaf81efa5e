"""Connected strokes: which pixels belong together, and which strokes make one digit."""

from dataclasses import dataclass

import numpy as np

MOST_REGIONS = 4_000  # more are no handwriting
LEAST_HEIGHT = 0.33  # of the usual height: smaller strokes are dots, or parts of a digit
PART_HEIGHT = 0.75  # a stroke of less than that may be a part of the one that it stands above or beside
BESIDE = 0.22  # of the usual height: parts of a digit are no further from it
LEAST_SHARE = 0.08  # of the picture's shorter side: smaller marks are no digits beside what touches its edge
ALONG_EDGE = 0.15  # of the edge: what covers more of it is no digit
WIDEST_WITH_BAR, WIDEST_WITH_STROKE = 1.6, 1.1  # a digit with such a part beside it, times the usual height
OVERLAP = 0.5  # of the narrower of two strokes: one above the other


@dataclass(frozen=True)
class Box:
    """Where something is, in pixels; right and bottom are the first ones outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def sides(self) -> tuple[int, int, int, int]:
        return self.left, self.top, self.right, self.bottom

    def joined(self, other: "Box") -> "Box":
        return Box(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )


@dataclass(frozen=True)
class Region:
    """Strokes that hang together: the labels of their pixels, their box and how many pixels they have."""

    labels: frozenset[int]
    box: Box
    pixels: int

    def joined(self, other: "Region") -> "Region":
        return Region(self.labels | other.labels, self.box.joined(other.box), self.pixels + other.pixels)


def label_pixels(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """A number from 1 for each group of pixels that touch, corners included; 0 for what is not in the mask."""
    edges = np.diff(np.pad(mask.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    rows, starts = np.nonzero(edges == 1)  # runs of pixels within a row, in order
    stops = np.nonzero(edges == -1)[1]
    parents = np.arange(len(rows))
    row_step = mask.shape[1] + 2
    above = (rows - 1) * row_step  # of the runs in the row above, the first that touches, and how many do
    first = np.searchsorted(rows * row_step + stops, above + starts)
    count = np.maximum(np.searchsorted(rows * row_step + starts, above + stops, side="right") - first, 0)
    lower = np.repeat(parents, count)
    upper = np.repeat(first, count) + np.arange(len(lower)) - np.repeat(np.cumsum(count) - count, count)
    while len(lower):  # each round at least halves the longest chain
        lowest = np.minimum(parents[upper], parents[lower])
        before = parents.copy()
        for members in (parents[upper], parents[lower], upper, lower):
            np.minimum.at(parents, members, lowest)
        parents = parents[parents]
        if (parents == before).all():
            break
    _, numbers = np.unique(parents, return_inverse=True)
    labels = np.zeros(mask.shape, np.int32)
    labels[mask] = np.repeat(numbers + 1, stops - starts)
    return labels, int(numbers.max()) + 1 if len(numbers) else 0


def find_regions(labels: np.ndarray, count: int, strong: np.ndarray) -> list[Region]:
    """The regions that have strong pixels, largest first."""
    rows, columns = np.nonzero(labels)
    numbers = labels[rows, columns]
    pixels = np.bincount(numbers, minlength=count + 1)
    has_strong = np.bincount(labels[strong], minlength=count + 1) > 0
    edges = np.empty((4, count + 1), np.int64)
    edges[:2], edges[2:] = 2**31, -1
    np.minimum.at(edges[0], numbers, columns)
    np.minimum.at(edges[1], numbers, rows)
    np.maximum.at(edges[2], numbers, columns + 1)
    np.maximum.at(edges[3], numbers, rows + 1)
    wanted = [n for n in np.argsort(-pixels, kind="stable") if n and has_strong[n] and pixels[n]]
    return [Region(frozenset([int(n)]), Box(*(int(edge[n]) for edge in edges)), int(pixels[n])) for n in wanted]


def digit_regions(regions: list[Region], labels: np.ndarray) -> list[list[Region]]:
    """Lines of digits from top to bottom, each from left to right; parts are joined, dirt and borders left out."""
    regions = _without_borders(regions, labels)[:MOST_REGIONS]
    if not regions:
        return []
    usual = usual_height(regions)
    regions = [region for region in regions if not _is_rule(region, usual)]
    whole = [region for region in regions if region.box.height >= PART_HEIGHT * usual]
    sides = _sides(whole, len(regions))
    for part in (region for region in regions if region.box.height < PART_HEIGHT * usual):
        nearest = int(np.argmin(_distance(part.box, sides[: len(whole)]))) if whole else 0
        if whole and _is_part(part.box, whole[nearest].box, usual):
            whole[nearest] = whole[nearest].joined(part)
            sides[nearest] = whole[nearest].box.sides
        elif part.box.height >= LEAST_HEIGHT * usual:
            sides[len(whole)] = part.box.sides
            whole.append(part)
    return _in_lines(_overlapping_joined(whole))


def usual_height(regions: list[Region]) -> float:
    """The height that half of the ink is at least in: dirt does not count for much."""
    ordered = sorted(regions, key=lambda region: region.box.height)
    share = np.cumsum([region.pixels for region in ordered])
    return float(ordered[int(np.searchsorted(share, share[-1] / 2))].box.height)


def _without_borders(regions: list[Region], labels: np.ndarray) -> list[Region]:
    """What is cut off by the picture's edge is a table, a shadow or a neighbour, if anything of size is not.

    A digit may fill a picture so closely that it touches the edge, with a part of it inside; but it does not run along.
    """
    height, width = labels.shape
    inside = [
        region
        for region in regions
        if region.box.left > 0 and region.box.top > 0 and region.box.right < width and region.box.bottom < height
    ]
    tallest_inside = max((max(region.box.height, region.box.width) for region in inside), default=0)
    if tallest_inside < max(16, LEAST_SHARE * min(height, width)):
        return regions
    edge = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    runs_along = np.count_nonzero(edge) > ALONG_EDGE * len(edge)
    is_neighbour = tallest_inside >= 0.3 * max(region.box.height for region in regions)
    return inside if runs_along or is_neighbour else regions


def _is_rule(region: Region, usual: float) -> bool:
    """A ruled line, or a shadow's edge: far wider than high."""
    return region.box.width > 4 * region.box.height and region.box.width > 1.5 * usual


def _sides(regions: list[Region], most: int) -> np.ndarray:
    """A row for each: left, top, right, bottom; with room for so many, which are compared with a box at once."""
    rows = np.zeros((most, 4), np.int64)
    for row, region in zip(rows, regions, strict=False):
        row[:] = region.box.sides
    return rows


def _shared(box: Box, sides: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How far a box and each of the others overlap, across and down; below 0: how far they are apart."""
    across = np.minimum(box.right, sides[:, 2]) - np.maximum(box.left, sides[:, 0])
    down = np.minimum(box.bottom, sides[:, 3]) - np.maximum(box.top, sides[:, 1])
    return across, down


def _distance(box: Box, sides: np.ndarray) -> np.ndarray:
    """Between the nearest edges; 0 where they overlap."""
    across, down = _shared(box, sides)
    return np.hypot(np.minimum(across, 0), np.minimum(down, 0))


def _is_part(part: Box, whole: Box, usual: float) -> bool:
    """A bar of a 5 or a 7, a stroke of a 4: near to the rest, and mostly above or below it or just beside."""
    if _distance(part, np.array([whole.sides]))[0] > BESIDE * usual:
        return False
    shared = min(part.right, whole.right) - max(part.left, whole.left)
    widest = WIDEST_WITH_BAR if part.width > part.height else WIDEST_WITH_STROKE
    return shared >= OVERLAP * min(part.width, whole.width) or whole.joined(part).width <= widest * usual


def _overlapping_joined(regions: list[Region]) -> list[Region]:
    """Strokes that stand above one another, on the same line, are of one digit."""
    regions = sorted(regions, key=lambda region: region.box.left)
    joined: list[Region] = []
    sides = _sides([], len(regions))
    for region in regions:
        others = sides[: len(joined)]
        across, down = _shared(region.box, others)
        narrower = np.minimum(region.box.width, others[:, 2] - others[:, 0])
        lower = np.minimum(region.box.height, others[:, 3] - others[:, 1])
        above = np.flatnonzero((across > OVERLAP * narrower) & (down > 0.3 * lower))
        index = int(above[0]) if len(above) else len(joined)
        if len(above):
            joined[index] = joined[index].joined(region)
        else:
            joined.append(region)
        sides[index] = joined[index].box.sides
    return joined


def _in_lines(regions: list[Region]) -> list[list[Region]]:
    """By the height of their middles."""
    lines: list[list[Region]] = []
    for region in sorted(regions, key=lambda one: one.box.top + one.box.bottom):
        middle = (region.box.top + region.box.bottom) / 2
        if lines and any(one.box.top <= middle <= one.box.bottom for one in lines[-1]):
            lines[-1].append(region)
        else:
            lines.append([region])
    return [sorted(line, key=lambda one: one.box.left) for line in lines]
