"""Optimality against brute force over every cut, and against kmeans1d."""

import itertools
from fractions import Fraction

import kmeans1d
import numpy as np
import pytest

from medley.vgg import codebook, partition
from medley.vgg.codebook import assign, distortion, optimal_codebooks, recluster

SMALL_INPUTS = {
    "spread": [0.5, 7.0, 1.25, 3.0, 2.5, 9.0, 4.75],
    "ties": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0],
    "duplicates": [2.0, 2.0, 2.0, 5.0, 5.0, 8.0, 8.0, 8.0, 8.0],
    "negative and tiny": [-3.0, -2.5, -1e-6, 0.0, 1e-6, 2.0, 40.0],
    "far from zero": [4000.0, 4000.25, 4000.5, 4001.0, 4003.0, 4003.25, 4010.0],
}


def squared_error(values: list[float]) -> Fraction:
    exact = [Fraction(value) for value in values]
    mean = sum(exact) / len(exact)
    return sum(((value - mean) ** 2 for value in exact), Fraction(0))


def least_error(values: list[float], clusters: int) -> float:
    """Try every way to cut the sorted values into so many runs, in exact arithmetic."""
    ordered = [float(value) for value in np.sort(np.float32(values))]
    best = min(
        sum(
            squared_error(ordered[start:stop])
            for start, stop in itertools.pairwise([0, *cuts, len(ordered)])
        )
        for cuts in itertools.combinations(range(1, len(ordered)), clusters - 1)
    )
    return float(best)


@pytest.fixture(params=["kmeans1d", "dynamic program"])
def route(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Small tensors go to kmeans1d; here they also go through the program for large ones."""
    if request.param == "dynamic program":
        monkeypatch.setattr(codebook, "_SMALL", 0)
    return str(request.param)


@pytest.mark.usefixtures("route")
@pytest.mark.parametrize("bits", [1, 2])
@pytest.mark.parametrize("values", SMALL_INPUTS.values(), ids=SMALL_INPUTS)
def test_codebook_is_as_good_as_the_best_of_all_cuts(values: list[float], bits: int) -> None:
    weights = np.float32(values)
    (entries,) = optimal_codebooks(weights, [bits]).values()
    clusters = min(2**bits, len(np.unique(weights)))
    expected = least_error(values, clusters)
    # 1e-11 of the magnitude squared: codebooks are float32.
    slack = 1e-11 * float(np.abs(weights).max()) ** 2
    assert distortion(weights, entries) * len(values) == pytest.approx(expected, abs=slack)


@pytest.mark.parametrize("seed", range(20))
def test_random_ties_and_duplicates_are_cut_optimally(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(codebook, "_SMALL", 0)
    monkeypatch.setattr(partition, "_BLOCK", 1 + seed % 5)
    values = np.random.default_rng(seed).integers(-5, 6, 11).astype(np.float32)
    for bits, entries in optimal_codebooks(values, [1, 2]).items():
        clusters = min(2**bits, len(np.unique(values)))
        error = distortion(values, entries) * len(values)
        assert error == pytest.approx(least_error(values.tolist(), clusters), abs=1e-9)


@pytest.mark.usefixtures("route")
@pytest.mark.parametrize("value", [0.0, -1.5, 3e8])
def test_constant_tensor_is_its_own_codebook(value: float) -> None:
    weights = np.full((3, 4), value, np.float32)
    for bits, entries in optimal_codebooks(weights, range(1, 9)).items():
        assert entries.tolist() == [value] * 2**bits
        assert not assign(weights, entries).any()


@pytest.mark.usefixtures("route")
def test_few_distinct_values_come_back_exactly_and_the_filling_is_never_used() -> None:
    weights = np.float32([0.1, -7.3, 0.1, 2e-9, 12345.678, 2e-9])
    entries = optimal_codebooks(weights, [4])[4]
    assert entries.shape == (16,)
    assert np.array_equal(entries[assign(weights, entries)], weights)
    assert assign(weights, entries).max() == 3


@pytest.mark.parametrize(
    "draw",
    [
        lambda rng, n: rng.standard_normal(n),
        lambda rng, n: rng.standard_t(2, n),
        lambda rng, n: np.append(rng.standard_normal(n - 1), 1e5),
        lambda rng, n: np.round(rng.laplace(size=n), 4),
    ],
    ids=["normal", "heavy tails", "one far outlier", "many duplicates"],
)
def test_large_tensor_is_within_half_a_thousandth_of_kmeans1d(draw) -> None:  # type: ignore[no-untyped-def]
    weights = draw(np.random.default_rng(3), 12_000).astype(np.float32)
    for bits, entries in optimal_codebooks(weights, [2, 5, 8]).items():
        best = kmeans1d.cluster(weights.astype(np.float64), 2**bits).centroids
        ratio = distortion(weights, entries) / distortion(weights, np.float32(best))
        assert ratio < 1.0005, f"{bits} bits"


def test_dynamic_program_equals_kmeans1d_on_unweighted_points() -> None:
    values = np.unique(np.random.default_rng(0).standard_normal(900))
    for k, cuts in partition.best_partitions(values, np.ones(len(values)), [3, 64, 256]).items():
        clusters = kmeans1d.cluster(values, k).clusters
        assert cuts.tolist() == [0, *(np.flatnonzero(np.diff(clusters)) + 1), len(values)]


def test_each_width_alone_gives_what_all_together_give() -> None:
    weights = np.random.default_rng(1).laplace(size=12_000)
    together = optimal_codebooks(weights, [1, 2, 5, 6])
    for bits in (1, 5):
        assert np.array_equal(optimal_codebooks(weights, [bits])[bits], together[bits])


def test_every_code_is_the_nearest_and_ties_go_down() -> None:
    entries = np.float32([-1, 0, 0.5, 4])
    weights = np.append(np.linspace(-3, 6, 1001), [-0.5, 0.25, 2.25]).astype(np.float32)
    nearest = np.abs(weights[:, None] - entries).argmin(axis=1)  # argmin takes the first of equals
    assert np.array_equal(assign(weights, entries), nearest)
    assert assign(np.float32([-0.5, 0.25, 2.25]), entries).tolist() == [0, 1, 2]


def test_codes_keep_the_shape_and_fit_a_byte() -> None:
    codes = assign(np.zeros((2, 3, 3, 3)), np.arange(256, dtype=np.float32))
    assert codes.shape == (2, 3, 3, 3)
    assert codes.dtype == np.uint8


def test_wider_codebooks_are_never_worse() -> None:
    weights = np.random.default_rng(2).laplace(size=2000)
    codebooks = optimal_codebooks(weights, range(1, 9))
    errors = [distortion(weights, entries) for entries in codebooks.values()]
    assert errors == sorted(errors, reverse=True)


def test_normal_weights_are_quantized_as_theory_has_it() -> None:
    weights = np.random.default_rng(5).standard_normal(200_000)
    codebooks = optimal_codebooks(weights, [1, 2, 3])
    errors = [distortion(weights, entries) for entries in codebooks.values()]
    # Max (1960), IRE Trans. Inf. Theory 6(1), table I: mean squared error at 2, 4 and 8 outputs.
    assert errors == pytest.approx([0.3634, 0.1175, 0.03454], rel=0.02)


@pytest.mark.parametrize("seed", range(8))
def test_reclustering_is_as_good_as_the_best_of_all_cuts(seed: int) -> None:
    rng = np.random.default_rng(seed)
    entries = np.sort(rng.choice(40, 9, replace=False)).astype(np.float32)
    counts = rng.integers(0, 4, 9)
    counts[rng.integers(9)] = 5
    repeated = np.repeat(entries, counts).tolist()
    for bits, narrowing in recluster(entries, counts, [1, 2]).items():
        values = narrowing.values(len(entries))
        error = float(((values - entries) ** 2 * counts).sum())
        clusters = min(2**bits, int(np.count_nonzero(counts)))
        assert error == pytest.approx(least_error(repeated, clusters), abs=1e-4)
        assert np.all(np.diff(values) >= 0)
        assert set(values) <= set(narrowing.codebook)


def test_reclustering_equals_clustering_the_repeated_centroids() -> None:
    rng = np.random.default_rng(4)
    entries, counts = np.sort(rng.standard_normal(256)).astype(np.float32), rng.integers(1, 60, 256)
    repeated = np.repeat(entries, counts)
    for bits, narrowing in recluster(entries, counts, range(1, 8)).items():
        best = kmeans1d.cluster(repeated.astype(np.float64), 2**bits).centroids
        error = np.mean((np.repeat(narrowing.values(256), counts) - repeated) ** 2)
        assert error == pytest.approx(distortion(repeated, np.float32(best)), rel=1e-6)


@pytest.mark.parametrize("bits", [[0], [9], [3, -1], []])
def test_widths_that_do_not_exist_are_refused(bits: list[int]) -> None:
    with pytest.raises(ValueError, match="1 to 8 bits, not"):
        optimal_codebooks([1.0, 2.0], bits)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="must be finite"):
        optimal_codebooks([1.0, bad], [2])
    with pytest.raises(ValueError, match="must be finite"):
        assign([1.0, bad], np.float32([0, 1]))


def test_empty_tensor_is_refused() -> None:
    with pytest.raises(ValueError, match="no weights to quantize"):
        optimal_codebooks(np.zeros((0, 3)), [1])


def test_codebook_out_of_order_is_refused() -> None:
    with pytest.raises(ValueError, match="ascending"):
        assign([1.0], np.float32([2, 1]))


def test_reclustering_to_no_narrower_width_is_refused() -> None:
    with pytest.raises(ValueError, match="narrow 4 entries"):
        recluster(np.arange(4, dtype=np.float32), np.ones(4, np.int64), [2])
    with pytest.raises(ValueError, match="as many counts"):
        recluster(np.arange(4, dtype=np.float32), np.zeros(4, np.int64), [1])
