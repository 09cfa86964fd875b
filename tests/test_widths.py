"""`scripts/bench_widths`: what it takes, what it does not take again, and how it is drawn."""

import io
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest
from PIL import Image

from medley.errors import MedleyError
from medley.images import read_picture, thumbnail
from medley.settings import ShotSettings
from medley.shipped_weights import SMALL, WEIGHTS_FILES
from medley.tensors import to_tensor
from medley.vgg import weightfile
from medley.vgg.weights import load_weights

from .conftest import draw_pixels

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
SETTINGS = ShotSettings(steps=2, scales="1")


@pytest.fixture
def widths(monkeypatch):
    """The modules that the script is made of; the bundle stands in for the float original."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import widths.charts
    import widths.gradients
    import widths.runs

    class StandIn(widths.runs.Variant):
        """Says that the bundle's 8 bits are the float original."""

        scheme = property(lambda self: "float32" if self.source == 8 else "kmeans")

    def load(source, layers):
        return load_weights(8 if source == 32 else source, layers=layers)

    monkeypatch.setattr(widths.runs, "load_weights", load)
    widths.stand_in = StandIn
    return widths


@pytest.fixture
def pair(widths, tmp_path):
    paths = tmp_path / "photo.png", tmp_path / "painting.png"
    for seed, path in enumerate(paths):
        Image.fromarray(draw_pixels(24, 28, seed)).save(path)
    return widths.runs.Pair(*paths)


@pytest.fixture
def bench(widths, tmp_path):
    return widths.runs.Bench(SETTINGS, 24, "float32", tmp_path / "out")


def test_what_is_there_is_not_taken_again(widths, bench, pair, capsys):
    variants = [widths.stand_in(bits, bench.layers) for bits in (8, 4)]
    bench.take(variants, [pair])
    assert len(capsys.readouterr().out.splitlines()) == 2
    again = widths.runs.Bench(SETTINGS, 24, "float32", bench.folder)
    again.take([*variants, widths.stand_in(1, bench.layers)], [pair])
    assert [
        line.split(", ")[-1].split(":")[0] for line in capsys.readouterr().out.splitlines()
    ] == ["1 bit"]
    rows = {row.kind.variant: row.median for row in again.results.rows(again.way)}
    assert list(rows) == ["4 bits", "1 bit"]
    assert all(again.picture_path(pair, one).exists() for one in again.results.records)


def test_a_way_of_taking_shots_is_compared_with_itself_alone(widths, bench, pair):
    bench.take([widths.stand_in(8, bench.layers)], [pair])
    other = widths.runs.Bench(SETTINGS, 20, "float32", bench.folder)
    other.take([widths.stand_in(4, bench.layers)], [pair])
    assert not list(other.results.rows(other.way))


def test_sizes_are_of_the_layers_that_are_looked_at(widths, bench):
    four, eight = (widths.runs.Variant(bits, bench.layers) for bits in (4, 8))
    count = sum(
        layer.size_bytes
        for name, layer in weightfile.read(weightfile.BUNDLE)[1].items()
        if name in bench.layers
    )
    assert eight.bytes == count
    assert 0.49 * count < four.bytes < 0.51 * count
    assert four.bits == pytest.approx(4, abs=0.02)


def test_table_chart_and_sheet_show_each_of_the_weights(widths, bench, pair):
    bench.take([widths.stand_in(bits, bench.layers) for bits in (8, 4, 2)], [pair])
    text = widths.charts.table(bench.results)
    assert "1 pairs" in text
    assert [line.split(",")[0] for line in text.splitlines()[4:]] == ["| 4 bits", "| 2 bits"]
    for data in (
        widths.charts.chart(bench.results, bench.way),
        widths.charts.sheet(bench, [pair]),
        widths.charts.layers_chart({"conv1_1": 0.1, "conv5_1": 1e-7}, WEIGHTS_FILES[SMALL]),
    ):
        with Image.open(io.BytesIO(data)) as picture:
            assert min(picture.size) > 100


def test_pairs_spread_over_photos_and_take_paintings_in_turns(widths):
    photos = [Path(f"{number}.jpg") for number in range(20)]
    paintings = [Path("x.jpg"), Path("y.jpg")]
    pairs = widths.runs.pairs_of(photos, paintings, 4)
    assert [pair.name for pair in pairs] == [
        "0 after x", "5 after y", "10 after x", "15 after y",
    ]  # fmt: skip
    with pytest.raises(MedleyError, match="4 pairs want as many photos, and there are 3"):
        widths.runs.pairs_of(photos[:3], paintings, 4)


def test_results_that_are_torn_are_refused_by_name(widths, tmp_path):
    path = tmp_path / "results.json"
    path.write_text("{")
    with pytest.raises(MedleyError, match=r"results\.json"):
        widths.runs.read_results(path)


def test_coding_one_layer_moves_the_gradient_the_more_the_larger_its_error(widths, pair, bench):
    originals = load_weights(8, layers=bench.layers[:3]).tensors
    settings = ShotSettings(
        steps=2, scales="1", content_layers="relu2_1", style_layers="relu1_1,relu2_1"
    )
    course = widths.gradients.Course(pair, originals, settings, 24, (1, 2))
    assert course.errors(originals) == [0.0, 0.0]
    pictures = [to_tensor(thumbnail(read_picture(pair.photo), 24))]
    coarse, fine = (
        dict(widths.gradients.one_layer_coded(originals, pictures, error)) for error in (-4.0, -9.0)
    )
    assert list(coarse) == list(originals)
    for name in originals:
        assert sum(course.errors(coarse[name])) > 2 * sum(course.errors(fine[name])) > 0


@pytest.mark.parametrize(
    ("script", "more", "words"),
    [
        ("bench_widths", ["-o", "{tmp}"], "nowhere"),
        ("bench_layers", [], "nowhere"),
        ("make_small", [], "nowhere"),
    ],
)
def test_a_missing_folder_of_photos_is_named(script, more, words, tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    loader = SourceFileLoader(script, str(SCRIPTS / script))
    module = module_from_spec(spec_from_loader(script, loader))
    loader.exec_module(module)
    photos = ["nowhere"] if script == "make_small" else ["--photos", "nowhere"]
    monkeypatch.setattr(sys, "argv", [script, *photos, *(one.format(tmp=tmp_path) for one in more)])
    assert module.main() == 1
    assert words in capsys.readouterr().err
