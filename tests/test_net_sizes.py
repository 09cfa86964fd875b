"""`scripts/bench_net_sizes`: what it makes, what it does not make again, and what it refuses."""

import io
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

import pytest
import torch
from PIL import Image

from medley.errors import MedleyError
from medley.events import stage
from medley.settings import ShapeSettings, TrainSettings
from medley.studio.train_order import make_shape
from medley.stylenet import netfile
from medley.stylenet.netfile import StyleName
from medley.stylenet.network import StyleNet
from medley.stylenet.shape import small_shape

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
QUICK = TrainSettings(steps=1, crop=64, batch=1, stroke=64)
TINY = ShapeSettings(width=0.05, blocks=0, net_bits=32)


@pytest.fixture
def nets(monkeypatch):
    """The modules that the script is made of."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    import nets.charts
    import nets.judging
    import nets.results
    import nets.sizes
    import nets.speed

    return nets


@pytest.fixture
def place(make_picture, tmp_path):
    for number in range(2):
        make_picture(f"photos/{number}.png", 70, 80, seed=number)
        make_picture(f"held/far-{number}.png", 40, 48, seed=7 + number)
    make_picture("blue.png", 70, 80, seed=9)
    return tmp_path


@pytest.fixture
def bench(nets, place):
    return nets.sizes.Bench(
        place / "blue.png", place / "photos", place / "held", QUICK, place / "sizes"
    )


@pytest.fixture
def script(nets, place, monkeypatch):  # noqa: ARG001 (the script finds its modules by it)
    """The script as a function of arguments, and of its exit code."""
    loader = SourceFileLoader("bench_net_sizes", str(SCRIPTS / "bench_net_sizes"))
    module = module_from_spec(spec_from_loader("bench_net_sizes", loader))
    loader.exec_module(module)
    monkeypatch.setattr(module, "as_command_line", lambda: None)
    monkeypatch.setattr(module, "TrainSettings", lambda **given: QUICK.model_copy(update=given))
    monkeypatch.chdir(place)
    given = ["bench_net_sizes", "--images", "photos", "--held", "held", "--style", "blue.png"]
    given += ["--steps", "1", "-o", "sizes"]

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", [*given, *arguments])
        return module.main()

    return run


def record(nets, loss=1.0, seconds=None, bits=(32, 8, 4), **size):
    files = {
        each: nets.results.FileRecord(
            bytes=1000 * each, content=0.5, style=0.3, palette=0.01, loss=loss, change=1 / each
        )
        for each in bits
    }
    return nets.results.NetRecord(
        size=ShapeSettings(**size, net_bits=32), seconds=seconds, files=files
    )


def test_a_run_trains_judges_times_and_draws_and_the_next_makes_nothing_again(
    script, nets, place, monkeypatch, capsys
):
    threads = torch.get_num_threads()
    sizes = ("--widths", "0.05", "--blocks", "0", "--rounds", "1", "--threads", "1")
    sizes += ("--show", "far-1", "far-0")
    assert script(*sizes) == 0
    results = nets.results.read_results(place / "sizes/results.json", {})
    assert [*results.nets] == ["small-0.05-3", "small-0.3-0"]
    narrow = results.nets["small-0.05-3"]
    assert narrow.weights == small_shape(0.05).weight_count
    assert narrow.seconds > 0
    assert torch.get_num_threads() == threads
    for bits, file in narrow.files.items():
        suffix = "" if bits == 32 else f"-{bits}bit"
        written = place / f"sizes/nets/small-0.05-3{suffix}.safetensors"
        assert netfile.read(written).bits == bits
        assert file.bytes == written.stat().st_size
    assert narrow.files[32].change == 0 < narrow.files[8].change < narrow.files[4].change
    drawn = [place / "sizes" / name for name in ("table.md", "chart.png", "sheet.jpg")]
    assert capsys.readouterr().out.split()[-3:] == ["sizes/table.md", "sizes/chart.png",
                                                    "sizes/sheet.jpg"]  # fmt: skip
    for path in drawn:
        path.unlink()

    def again(*_):
        raise AssertionError("made again")

    monkeypatch.setattr(nets.sizes, "train", again)
    monkeypatch.setattr(nets.sizes, "judge", again)
    assert script(*sizes, "--only", "train", "judge", "draw") == 0
    assert all(path.exists() for path in drawn)


def test_a_network_that_is_trained_anew_is_judged_anew(bench, nets, monkeypatch):
    def trained(order):
        torch.manual_seed(order.seed)
        made = StyleNet(make_shape(order.shape, 1)).to_file([StyleName("blue")], {})
        netfile.write(order.output, made)
        yield stage("training", 1, 1)

    def judged(pictures, *_):
        return nets.judging.Row(*[float(picture.mean()) for picture in pictures * 2])

    monkeypatch.setattr(nets.sizes, "train", trained)
    monkeypatch.setattr(nets.sizes, "judge", judged)
    monkeypatch.setattr(nets.sizes, "judge_after", lambda *_: None)
    results = nets.results.Results(course={})
    bench.train(TINY, results)
    bench.judge_files(TINY, results)
    before = results.nets["small-0.05-0"]
    bench.path(TINY).unlink()
    bench.train(TINY, results)
    assert not results.nets
    bench.judge_files(TINY, results)
    assert results.nets["small-0.05-0"] == before
    assert nets.results.read_results(bench.results_path, {}) == results


def test_a_network_that_is_not_there_yet_is_not_judged(bench, nets):
    results = nets.results.Results(course={})
    bench.judge_files(TINY, results)
    assert not results.nets


def test_results_of_another_training_are_drawn_but_not_gone_on_with(script, nets, place, capsys):
    results = nets.results.Results(course={"steps": 500}, nets={})
    results.write(place / "sizes/results.json")
    assert script("--only", "draw") == 0
    assert script() == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "style None, not blue" in line
    assert "name another --output" in line


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--show", "near"), "holds no photo 'near'; there are far-0, far-1"),
        (("--widths", "0.01"), "a width of 0.04 or more"),
        (("--widths", "-1"), "there is no network of {'width': -1.0"),
        (("--blocks", "99"), "there is no network of {'width': 0.3, 'blocks': 99}"),
        (("--style", "imposto"), "did you mean 'impasto'?"),
        (("--images", "nowhere"), "nowhere"),
        (("--held", "nowhere"), "nowhere"),
        (("--held", "empty"), "'empty' holds no photo to judge by"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line_before_the_work(
    script, place, arguments, told, capsys
):
    (place / "empty").mkdir()
    assert script(*arguments) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert told in line
    assert not (place / "sizes").exists()


def test_damaged_results_are_named(nets, tmp_path):
    path = tmp_path / "results.json"
    path.write_text('{"course": {}, "nets": {"a": 3}}')
    with pytest.raises(MedleyError, match=r"results\.json' cannot be read; remove it"):
        nets.results.read_results(path, {})


def test_the_tables_have_a_row_for_each_size_and_for_each_bits_of_the_default(nets):
    results = nets.results.Results(
        course={},
        nets={
            "full-1-5": record(nets, family="full", width=1.0, blocks=5),
            "small-0.3-3": record(nets, width=0.3, blocks=3, seconds=0.04, bits=(32, 8, 4, 1)),
            "small-0.1-3": record(nets, width=0.1, blocks=3, bits=(32,)),  # not yet at 8 bits
        },
    )
    sizes, bits = nets.charts.table(results).split("\n\n")
    assert [line.split(" | ")[:4] for line in sizes.splitlines()[2:]] == [
        ["| 9", "3", "11,868", "25.0"],
        ["| 32, 64, 128", "5", "1,677,638", "–"],
    ]
    assert [line.split(" | ")[:2] for line in bits.splitlines()[2:]] == [
        ["| float", "32,000"], ["| 8", "8,000"], ["| 4", "4,000"], ["| 1", "1,000"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    "sizes",
    [
        [{"width": 0.1, "blocks": 3}],
        [{"family": "full", "width": 1.0, "blocks": 5}],
        [{"width": 0.3, "blocks": count} for count in (0, 3)],
    ],
)
def test_a_chart_can_be_drawn_of_whatever_is_there(nets, sizes):
    records = {str(size): record(nets, seconds=0.1, **size) for size in sizes}
    data = nets.charts.chart(nets.results.Results(course={}, nets=records))
    assert Image.open(io.BytesIO(data)).size == (1300, 936)


def test_variants_are_timed_in_turns_after_one_that_warms_up(nets):
    order = []
    runs = {name: lambda name=name: order.append(name) for name in "ab"}
    times = nets.speed.take_turns(runs, 2)
    assert "".join(order) == "ababab"
    for each in times.values():
        assert len(each.wall) == len(each.busy) == len(each.own) == 2
