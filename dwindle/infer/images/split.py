"""Digits that touch: a wide patch of ink is read whole and in pieces, and the network's confidence decides."""

import numpy as np

from dwindle.infer.images.network import DigitNetwork
from dwindle.infer.images.normalise import normalised
from dwindle.infer.images.regions import Box

WIDE = 1.05  # times its height: only wider patches may be several digits
NARROWEST, WIDEST = 0.25, 1.15  # a piece's width, times its height
MOST_CUTS = 12  # places to cut that are tried
SURE = 0.9  # a whole that is read so surely is not cut, unless no digit is as wide
TOO_WIDE = 1.9  # times its height: wider than any digit
INK = 0.4  # of the full strength: what the box of a digit surrounds

Part = tuple[Box, str, float]  # box within the patch, digit, confidence


def read_parts(patch: np.ndarray, network: DigitNetwork) -> list[Part]:
    """What a patch of ink says: mostly one digit, or several that touch."""
    whole = read_pieces(patch, [(0, patch.shape[1])], network)
    if not whole:
        return []
    box, _, confidence = whole[0]
    may_be_one = box.width <= TOO_WIDE * box.height
    if box.width <= WIDE * box.height or (may_be_one and confidence >= SURE):
        return whole
    pieces = _in_pieces(patch, box, network)
    ways = [whole, *pieces] if may_be_one or not pieces else pieces
    return max(ways, key=lambda parts: min(part[2] for part in parts))


def read_pieces(patch: np.ndarray, spans: list[tuple[int, int]], network: DigitNetwork) -> list[Part]:
    """Each span of columns as one digit; a span without ink has no answer."""
    boxes, images = [], []
    for start, stop in spans:
        box = box_of_ink(patch[:, start:stop], start)
        if box is not None:
            boxes.append(box)
            images.append(normalised(patch[box.top : box.bottom, box.left : box.right]))
    if not boxes:
        return []
    probabilities = network.probabilities(np.stack(images))
    return [
        (box, network.labels[int(row.argmax())], float(row.max()))
        for box, row in zip(boxes, probabilities, strict=True)
    ]


def _in_pieces(patch: np.ndarray, box: Box, network: DigitNetwork) -> list[list[Part]]:
    """The best way to cut into two, three … pieces, each cut through little ink."""
    cuts = [box.left, *_places_to_cut(patch, box), box.right]
    spans = [
        (start, stop)
        for index, start in enumerate(cuts)
        for stop in cuts[index + 1 :]
        if NARROWEST <= (stop - start) / box.height <= WIDEST
    ]
    parts = {}
    for span in spans:
        read = read_pieces(patch, [span], network)
        if read and read[0][0].height >= 0.5 * box.height:
            parts[span] = read[0]
    best: dict[int, list[Part]] = {box.left: []}  # up to each cut; the least confidence counts
    for stop in cuts[1:]:
        ways = [[*best[start], part] for (start, end), part in parts.items() if end == stop and start in best]
        if ways:
            best[stop] = max(ways, key=lambda way: min(part[2] for part in way))
    return [best[box.right]] if len(best.get(box.right, [])) > 1 else []


def _places_to_cut(patch: np.ndarray, box: Box) -> list[int]:
    """Columns with less ink than those around them, the emptiest ones."""
    column = patch[:, box.left : box.right].sum(axis=0)
    width = max(1, box.height // 16)
    smooth = np.convolve(column, np.ones(width) / width, "same")
    margin = max(1, int(NARROWEST * box.height * 0.8))
    reach = max(1, box.height // 10)
    places = [
        index
        for index in range(margin, len(smooth) - margin)
        if smooth[index] <= smooth[max(0, index - reach) : index + reach + 1].min()
    ]
    apart: list[int] = []
    for index in sorted(places, key=lambda one: smooth[one]):
        if all(abs(index - other) > reach for other in apart):
            apart.append(index)
    return sorted(box.left + index for index in apart[:MOST_CUTS])


def box_of_ink(patch: np.ndarray, offset: int = 0) -> Box | None:
    """What the ink of a digit fills, or None; `offset` columns stand to the left of the patch."""
    rows, columns = np.nonzero(patch > INK)
    if len(rows) == 0:
        return None
    return Box(offset + int(columns.min()), int(rows.min()), offset + int(columns.max()) + 1, int(rows.max()) + 1)
