"""The 256 colours of a GIF: k-means in a space where distances are what the eye sees.

Every frame of the film is counted into a histogram, so that memory does not grow with length. Its
cells, weighted by how often they occur, are points in Oklab. They are parted one by one: the
cluster with the largest squared error is cut across its principal axis, at the place where two
means in one dimension fit best, which prefix sums find exactly. Lloyd's iteration then moves all
means at once to the nearest local optimum in three dimensions, where no method finds the global
one in acceptable time (it is NP-hard).

Sources: Wu (1992), Color quantization by dynamic programming and principal analysis, ACM ToG
11(4), of which the cuts; Lloyd (1982), IEEE Trans. Inf. Theory 28(2); Ottosson (2020), Oklab.
"""

import numpy as np
from numpy.typing import NDArray

from medley.color import linear_to_oklab, nearest_levels, srgb_to_linear
from medley.images import Pixels

Floats = NDArray[np.float64]

# Bits a channel in the histogram; a cell stands for the mean of its colours, not for its middle.
_BITS = 6
# Pixels counted of a frame, about: a grid of them, which shifts from frame to frame.
_COUNTED = 40_000
# Rounds of Lloyd's iteration; it ends earlier where the error falls by less than a thousandth.
_ROUNDS = 40
_ENOUGH = 1e-3
# Points compared with all means at a time: few enough for the processor's cache.
_AT_ONCE = 4096


class ColourCount:
    """How often each colour occurs in a film, at `_BITS` bits a channel."""

    def __init__(self) -> None:
        """Begin with no frame."""
        self._counts = np.zeros(1 << 3 * _BITS)
        self._sums = np.zeros((1 << 3 * _BITS, 3))
        self._frames = 0

    def add(self, frame: Pixels) -> None:
        """Count a frame's pixels, or a grid of them if it is large."""
        height, width = frame.shape[:2]
        step = max(1, round((height * width / _COUNTED) ** 0.5))
        shift = self._frames % step
        pixels = frame[shift::step, (shift * 3) % step :: step].reshape(-1, 3)
        high = (pixels >> (8 - _BITS)).astype(np.intp)
        cells = (high[:, 0] << 2 * _BITS) | (high[:, 1] << _BITS) | high[:, 2]
        size = len(self._counts)
        self._counts += np.bincount(cells, minlength=size)
        for channel in range(3):
            self._sums[:, channel] += np.bincount(cells, pixels[:, channel], minlength=size)
        self._frames += 1

    def colours(self) -> tuple[Floats, Floats]:
        """The mean colour of each cell that occurs, sRGB `(n, 3)` in [0, 1], and its count."""
        used = np.flatnonzero(self._counts)
        counts = self._counts[used]
        return self._sums[used] / counts[:, None] / 255, counts


def best_palette(colours: Floats, counts: Floats, size: int) -> Pixels:
    """Choose the colours that stand for many with little error, as the eye sees it.

    Args:
        colours: sRGB `(n, 3)` in [0, 1], different from one another.
        counts: `(n,)`, how often each occurs, above 0.
        size: colours in the palette, at least 1.

    Returns:
        uint8 `(m, 1, 3)`: no more than `size`, and no more than there are colours.
    """
    light = srgb_to_linear(colours)
    points = linear_to_oklab(light)
    means = _moved(points, counts, _parted(points, counts, size))
    owner = nearest(points, means)
    # The mean in light, not in Oklab, is what the eye sees of a mixed area; both hardly differ.
    weight = np.bincount(owner, counts, len(means))
    used = weight > 0
    mean = np.stack([np.bincount(owner, counts * light[:, i], len(means)) for i in range(3)], 1)
    levels = nearest_levels(mean[used] / weight[used, None])
    return np.unique(levels, axis=0)[:, None]


def nearest(points: Floats, means: Floats) -> NDArray[np.intp]:
    """The index of the nearest of the means, for each point `(n, 3)`."""
    owner = np.empty(len(points), np.intp)
    half = (means * means).sum(1) / 2
    for start in range(0, len(points), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        owner[part] = (half - points[part] @ means.T).argmin(1)
    return owner


def _parted(points: Floats, counts: Floats, size: int) -> Floats:
    """Means of `size` clusters, made by cutting the worst of them in two again and again."""
    clusters = [np.arange(len(points))]
    cuts = [_best_cut(points, counts, clusters[0])]
    while len(clusters) < size:
        worst = max(range(len(cuts)), key=lambda at: cuts[at][0])
        gain, left, right = cuts[worst]
        if gain <= 0:
            break  # fewer colours than asked for
        clusters[worst] = left
        clusters.append(right)
        cuts[worst] = _best_cut(points, counts, left)
        cuts.append(_best_cut(points, counts, right))
    return np.array([np.average(points[of], 0, counts[of]) for of in clusters])


def _best_cut(
    points: Floats, counts: Floats, members: NDArray[np.intp]
) -> tuple[float, NDArray[np.intp], NDArray[np.intp]]:
    """The best cut of a cluster across its principal axis: what it gains, and the two halves.

    Exact for the points' places along the axis: of all cuts between neighbours it takes the one
    that lowers the squared error most.
    """
    if len(members) < 2:
        return 0.0, members, members
    own, weight = points[members], counts[members]
    own = own - np.average(own, 0, weight)
    axis = np.linalg.eigh((own * weight[:, None]).T @ own)[1][:, -1]
    order = np.argsort(own @ axis, kind="stable")
    total = np.cumsum((own * weight[:, None])[order], 0)[:-1]
    before = np.cumsum(weight[order])[:-1]
    # The sum over all is 0, so that what lies behind a cut sums to the opposite of what is before.
    gain = (total * total).sum(1) * (1 / before + 1 / (weight.sum() - before))
    cut = int(gain.argmax()) + 1
    return float(gain[cut - 1]), members[order[:cut]], members[order[cut:]]


def _moved(points: Floats, counts: Floats, means: Floats) -> Floats:
    """Lloyd's iteration: each mean to the middle of the points that are nearest to it."""
    last = np.inf
    for _ in range(_ROUNDS):
        owner = nearest(points, means)
        error = float((counts * ((points - means[owner]) ** 2).sum(1)).sum())
        if error >= last * (1 - _ENOUGH):
            break
        last = error
        weight = np.bincount(owner, counts, len(means))
        used = weight > 0
        for axis in range(3):
            sums = np.bincount(owner, counts * points[:, axis], len(means))
            means[used, axis] = sums[used] / weight[used]
    return means
