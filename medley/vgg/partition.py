"""Cutting sorted points into runs with the least squared error: exactly, and from a sketch.

The problem. Sorted points `x[0] <= ... <= x[n-1]` are cut into `k` runs, each of which is replaced
by its mean. With prefix sums of points and of their weights (`S`, `W`), the squared error is the
total sum of squares less

    gain = sum over runs from i to j of (S[j] - S[i])**2 / (W[j] - W[i]),

so the best cuts are those with the largest gain. Dynamic programming over the number of runs finds
them exactly (Wang and Song 2011, "Ckmeans.1d.dp", The R Journal 3(2)): the best `k` runs of the
first `j` points are the best `k-1` runs of the first `i`, and one run from `i` to `j`, for the best
`i`. One pass up to `k` holds the solution for every smaller number of runs. Because the cost of a
run satisfies the quadrangle inequality (Wu 1991, J. Algorithms 12(4); Grønlund et al. 2017,
arXiv:1701.07204), the best `i` grows with `j` and with `k` (Yao 1980, STOC), and only a narrow
window has to be searched.

Millions of points are too many for it, so they are first gathered into a thousand cells, whose
best cuts are then refined on *all* points in two ways that take turns. Lloyd's iteration (1982,
IEEE Trans. Inf. Theory 28(2)) moves each cut half-way between the means beside it; on sorted data
with prefix sums that costs `k` binary searches, whatever the number of points. And the dynamic
program again, in which each cut may move to one of some places around it, all cuts at once, finds
what Lloyd's iteration cannot, as that stops at the first local optimum: first with places as far
as two cuts away, so that runs can wander from where there are too many to where there are too few,
then with places ever nearer.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Cuts = NDArray[np.intp]

# Cells of the sketch: four per run at 256 runs. On VGG-19 the refinement then ends within 0.003 %
# of the optimum; more cells cost more time and, measured up to 6,144, did not get nearer.
_CELLS = 1024

# Points whose windows are searched together: wide enough for vector arithmetic, and narrow enough
# for the window's matrix to stay in the CPU cache.
_BLOCK = 48

# Where a cut may move: first evenly between the second cuts to either side, as shares of the way;
# then around where it is, ever more densely, and less than half-way to the neighboring cuts.
_FAR = np.linspace(-1, 1, 257)
_NEAR = 0.49 * np.linspace(-1, 1, 33) * np.abs(np.linspace(-1, 1, 33))

# Bounds for the refinements, which end by themselves: on VGG-19 after 5 passes, and 100 rounds.
_PASSES = 20
_ROUNDS = 1000


def best_partitions(values: Floats, counts: Floats, clusters: Sequence[int]) -> dict[int, Cuts]:
    """Cut weighted points into runs with the least squared error, for several numbers of runs.

    Args:
        values: float64 `(m,)`, strictly ascending.
        counts: float64 `(m,)`, the weight of each point, above 0.
        clusters: numbers of runs, ascending, each 1 to m.

    Returns:
        For each number `k`, the `k + 1` cuts: run `i` holds the points from `cuts[i]` to below
        `cuts[i + 1]`.

    Source: the dynamic program of Wang and Song (2011) in the windows that Yao (1980) permits.
    """
    size = len(values)
    weight = np.concatenate(([0.0], np.cumsum(counts)))
    total = np.concatenate(([0.0], np.cumsum(values * counts)))
    gain = np.full(size + 1, -np.inf)  # gain[j]: of the best k runs over the first j points
    gain[1:] = total[1:] ** 2 / weight[1:]
    begins = np.zeros((clusters[-1] + 1, size + 1), np.uint16 if size < 2**16 else np.int64)
    for k in range(2, clusters[-1] + 1):
        following = next(wanted for wanted in clusters if wanted >= k)
        last = size - (following - k)  # at least one point is left to each later run
        gain, begins[k] = _one_more_run(gain, begins[k - 1], total, weight, k, last)
    partitions = {}
    for k in clusters:
        cuts = np.full(k + 1, size, np.intp)
        for run in range(k, 0, -1):
            cuts[run - 1] = begins[run, cuts[run]]
        partitions[k] = cuts
    return partitions


def sketched_partitions(values: Floats, clusters: Sequence[int]) -> dict[int, Cuts]:
    """Cut many sorted points into runs with nearly the least squared error.

    The optimum is certain where no more than 1,024 points are distinct.

    Args:
        values: float64 `(n,)`, ascending, with a mean near zero.
        clusters: numbers of runs, ascending, each at least 2 and below the number of distinct
            points.

    Returns:
        Cuts like those of `best_partitions`; equal points are never parted.

    Source: Wang and Song (2011) on a sketch, then Lloyd (1982) and a search of our own.
    """
    prefix = np.concatenate(([0.0], np.cumsum(values)))
    edges = _cell_edges(values, _CELLS)
    counts = np.diff(edges).astype(np.float64)
    partitions = best_partitions(np.diff(prefix[edges]) / counts, counts, clusters)
    return {k: _refined(values, prefix, edges[cuts]) for k, cuts in partitions.items()}


def _one_more_run(
    gain: Floats, before: NDArray[Any], total: Floats, weight: Floats, k: int, last: int
) -> tuple[Floats, NDArray[Any]]:
    """The best gain of `k` runs over the first `k..last` points, and where the last run begins.

    Blocks of points go from right to left. A block's last run begins at the earliest where it did
    with one run fewer (`before`), and at the latest where the block to its right has it.
    """
    new, begin = np.full_like(gain, -np.inf), np.zeros_like(before)
    latest, stop = last - 1, last + 1
    while stop > k:
        first = max(k, stop - _BLOCK)
        low, high = max(k - 1, int(before[first])), min(latest, stop - 2) + 1
        candidates = total[first:stop, None] - total[low:high]
        candidates *= candidates
        span = weight[first:stop, None] - weight[low:high]
        if high > first:  # a run must hold a point: where it would not, it gains nothing
            empty = np.arange(low, high) >= np.arange(first, stop)[:, None]
            span[empty], candidates[empty] = 1.0, -np.inf
        candidates /= span
        candidates += gain[low:high]
        best = candidates.argmax(axis=1)
        begin[first:stop] = best + low
        new[first:stop] = candidates[np.arange(stop - first), best]
        latest, stop = int(begin[first]), first
    return new, begin


def _cell_edges(values: Floats, cells: int) -> Cuts:
    """Edges of at most `cells` runs of sorted values, fine in the tails as well as in the bulk.

    The best codebook of many entries has a density proportional to the cube root of the weights'
    density `f` (Panter and Dite 1951, Proc. IRE 39(1)), so cells of equal integral of `f**(1/3)`
    fall evenly on its clusters. Between neighbours a gap apart, `f` is about `1 / gap`, and the
    integral of its cube root is `gap**(2/3)`. A wide gap is capped at one cell's share, as it needs
    one cut and no more. Equal values are never parted.
    """
    gaps = np.diff(values)
    if np.count_nonzero(gaps) < cells:
        inner = np.flatnonzero(gaps) + 1
    else:
        share = np.cbrt(gaps * gaps)
        for _ in range(8):  # capping lowers the sum and so the cap; this settles fast
            np.minimum(share, share.sum() / cells, out=share)
        reached = np.cumsum(share)
        steps = np.arange(1, cells) * (reached[-1] / cells)
        inner = np.unique(np.searchsorted(reached, steps)) + 1
    return np.concatenate(([0], inner, [len(values)]))


def _refined(values: Floats, prefix: Floats, cuts: Cuts) -> Cuts:
    """Both refinements in turn, until the squared error falls by less than a ten-millionth."""
    squares = float(values @ values)
    cuts = _settled(values, prefix, cuts)
    cuts = _settled(values, prefix, _shifted(prefix, _places(cuts, 2, _FAR)))
    gain = _gain(prefix, cuts)
    for _ in range(_PASSES):
        tried = _settled(values, prefix, _shifted(prefix, _places(cuts, 1, _NEAR)))
        more = _gain(prefix, tried) - gain
        if more > 0:
            cuts, gain = tried, gain + more
        if more <= 1e-7 * (squares - gain):
            break
    return cuts


def _settled(values: Floats, prefix: Floats, cuts: Cuts) -> Cuts:
    """Lloyd's iteration: cuts half-way between the means of their runs, until none moves."""
    for _ in range(_ROUNDS):
        means = np.diff(prefix[cuts]) / np.diff(cuts)
        inner = np.searchsorted(values, (means[1:] + means[:-1]) / 2, side="right")
        moved = np.concatenate((cuts[:1], inner, cuts[-1:]))
        # A run can lose all its points only far from the optimum; then stay where we are.
        if np.array_equal(moved, cuts) or np.any(np.diff(moved) == 0):
            break
        cuts = moved
    return cuts


def _places(cuts: Cuts, reach: int, shares: Floats) -> Cuts:
    """Places for each inner cut: `(k - 1, len(shares))`, ascending, where it is among them.

    They lie at these shares of the way to the cut that is `reach` cuts before, or behind.
    """
    runs, inner = len(cuts) - 1, np.arange(1, len(cuts) - 1)
    here = cuts[1:-1, None]
    before = here - cuts[np.maximum(inner - reach, 0), None]
    behind = cuts[np.minimum(inner + reach, runs), None] - here
    moves = np.trunc(shares * np.where(shares < 0, before, behind)).astype(np.intp)
    # At least a point for each run on either side.
    latest = (cuts[-1] - runs + inner)[:, None]
    places: Cuts = np.clip(here + moves, inner[:, None], latest)
    return places


def _shifted(prefix: Floats, places: Cuts) -> Cuts:
    """The best cuts of all that have each inner cut at one of its places."""
    total, weight = prefix[places], places.astype(np.float64)
    gain = total[0] ** 2 / weight[0]
    chosen = []  # for each later cut and place of it, the best place of the cut before
    rows = np.arange(places.shape[1])
    for cut in range(1, len(places)):
        candidates = total[cut][:, None] - total[cut - 1]
        candidates *= candidates
        span = weight[cut][:, None] - weight[cut - 1]
        if span[0, -1] <= 0:  # the places overlap: where a run would be empty, it gains nothing
            empty = span <= 0
            span[empty], candidates[empty] = 1.0, -np.inf
        candidates /= span
        candidates += gain
        best = candidates.argmax(axis=1)
        gain = candidates[rows, best]
        chosen.append(best)
    points = len(prefix) - 1
    gain = gain + (prefix[-1] - total[-1]) ** 2 / (points - weight[-1])
    place = int(gain.argmax())
    shifted = [points, places[-1, place]]
    for cut in range(len(places) - 2, -1, -1):
        place = int(chosen[cut][place])
        shifted.append(places[cut, place])
    return np.array([*shifted, 0], np.intp)[::-1]


def _gain(prefix: Floats, cuts: Cuts) -> float:
    return float((np.diff(prefix[cuts]) ** 2 / np.diff(cuts)).sum())
