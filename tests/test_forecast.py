"""Foretold memory, disk and time, of one shot and of a plan of many."""

from pathlib import Path

import pytest

from medley.errors import ResourceError, Setting
from medley.paintings.draws import Painting
from medley.pictures import Picture
from medley.settings import ShotSettings
from medley.settings.housekeeping import amount
from medley.studio import forecast as forecasting
from medley.studio.engines.jobs import Job
from medley.studio.forecast import forecast
from medley.studio.picture_cache import PictureCache
from medley.studio.plan import Plan
from medley.studio.shooting.costs import (
    Pace,
    check_disk,
    choose_tile,
    disk_bytes,
    peak_bytes,
    shot_seconds,
    smaller,
)
from medley.studio.shooting.resources import process_memory
from medley.studio.shooting.spec import ShotSpec, Start
from medley.transfer.scales import Scale
from medley.workspace.shot import Shot
from medley.workspace.store import Workspace

SQUARE = [Scale(4096, 4096, 100)]
SETTINGS = ShotSettings()


def spec_of(number, settings, after=None, side=100):
    """A shot of a picture that nobody has to have."""
    content, painting = (Picture(Path(f"{name}.png"), side, side, name) for name in ("a", "b"))
    start = Start(f"{number}", after=after and Shot(after.key, Path(after.key)))
    return ShotSpec(content, (Painting(Path("b.png"), painting),), start, settings, "w", "float32")


def plan_of(specs, finished=0):
    """A plan of shots that are missing, and of others that were found."""
    jobs = {spec.key: Job(spec) for spec in specs}
    labels = dict.fromkeys([*jobs, *map(str, range(finished))], "")
    return Plan((), (), {}, jobs, labels, Workspace(Path("absent")), PictureCache())


def shots(count, **settings):
    chosen = ShotSettings(steps=50, scales="1", precision="float32", **settings)
    return [spec_of(number, chosen) for number in range(count)]


def test_memory_grows_with_the_area_or_else_with_the_tile():
    small, large = (peak_bytes([Scale(side, side, 100)], SETTINGS, None) for side in (512, 1024))
    assert 3 < large / small < 4  # something is always there
    tiled = [peak_bytes(SQUARE, SETTINGS, tile) for tile in (2048, 1024, 512, 256, None)]
    assert sorted(tiled) == [*reversed(tiled[:4]), tiled[4]]


def test_optimizer_s_own_state_is_counted():
    long, short = (ShotSettings(history=h) for h in (20, 2))
    picture = 12 * 4096 * 4096
    apart = peak_bytes(SQUARE, long, 256) - peak_bytes(SQUARE, short, 256)
    assert apart == pytest.approx(36 * picture, rel=0.02)
    # A history cannot be longer than the shot.
    brief = [Scale(4096, 4096, 2)]
    assert peak_bytes(brief, long, 256) == peak_bytes(brief, short, 256)


def test_tile_that_covers_the_picture_changes_nothing():
    scales = [Scale(300, 400, 10)]
    assert peak_bytes(scales, SETTINGS, 400) == peak_bytes(scales, SETTINGS, None)
    assert shot_seconds(scales, Pace(0, 1), 400) == shot_seconds(scales, Pace(0, 1), None)


def test_largest_stage_decides_the_memory_and_every_stage_takes_its_time():
    scales = [Scale(100, 100, 40), Scale(200, 300, 10)]
    assert peak_bytes(scales, SETTINGS, None) == peak_bytes(scales[1:], SETTINGS, None)
    pace = Pace(0.5, 1e-4)
    assert shot_seconds(scales, pace, None) == pytest.approx(50 * 0.5 + 40 * 1 + 10 * 6)


def test_targets_judgement_and_kept_iterates_take_their_time():
    scales = [Scale(10, 10, 40), Scale(20, 30, 10)]
    assert shot_seconds(scales, Pace(0, 0, opening_s=1), None) == 100 + 600
    assert shot_seconds(scales, Pace(0, 0, ending_s=1), None) == 600
    assert shot_seconds(scales, Pace(0, 0, keeping_s=1), None) == 51 * 600
    assert shot_seconds(scales, Pace(0, 0, keeping_s=1), None, keep_every=20) == 4 * 600


def test_tiled_step_takes_half_as_much_again_and_its_halos():
    scales = [Scale(512, 512, 1)]  # four tiles of 256, each with 80 more on its two inner sides
    assert shot_seconds(scales, Pace(0, 1), 256) == pytest.approx(1.5 * 4 * (256 + 80) ** 2)


@pytest.mark.parametrize(
    ("steps", "every", "kept"), [(100, 1, 101), (100, 10, 11), (100, 7, 16), (3, 5, 2)]
)
def test_disk_counts_the_iterates_that_are_kept(steps, every, kept):
    one = disk_bytes([Scale(100, 200, 1)], ShotSettings()) / 2
    scales = [Scale(50, 100, 1), Scale(100, 200, steps - 1)]
    assert disk_bytes(scales, ShotSettings(keep_every=every)) == pytest.approx(kept * one)


@pytest.fixture
def resident(monkeypatch):
    """Bytes that this process has, always the same; a device may have any memory."""
    monkeypatch.setattr(forecasting, "resident_memory", lambda: 700_000_000)
    monkeypatch.setattr(forecasting, "free_memory_each", lambda _: None)
    return 7e8


def test_forecast_counts_missing_shots_only(resident):
    pace, specs = Pace(0, 1e-5), shots(3)
    scales, settings = specs[0].scales, specs[0].settled
    assert scales == (Scale(100, 100, 50),)
    found = forecast(plan_of(specs, finished=2), ["cpu"], pace)
    assert (found.missing, found.finished, found.steps) == (3, 2, 150)
    assert found.seconds == pytest.approx(15)
    assert found.disk_bytes == pytest.approx(3 * disk_bytes(scales, settings))
    assert found.memory_bytes == process_memory("cpu") + peak_bytes(scales, settings, None)
    nothing = forecast(plan_of([], finished=5), ["cpu"], pace)
    assert (nothing.finished, nothing.steps, nothing.seconds, nothing.disk_bytes) == (5, 0, 0, 0)
    assert nothing.memory_bytes == resident
    assert forecast(plan_of([]), ["cpu"], None).seconds == 0
    assert forecast(plan_of(shots(1)), ["cpu"], None).seconds is None


def test_forecast_of_several_devices_counts_the_longest_and_all_that_share_memory(resident):
    pace, specs = Pace(0.1, 0), shots(3)
    plan, peak = plan_of(specs), peak_bytes(specs[0].scales, specs[0].settled, None)
    one = forecast(plan, ["cuda:0"], pace)
    two = forecast(plan, ["cuda:0", "cuda:1"], pace)
    assert (one.seconds, two.seconds) == (pytest.approx(15), pytest.approx(10))
    assert two.memory_bytes == one.memory_bytes == process_memory("cuda") + peak
    assert (one.steps, one.disk_bytes) == (two.steps, two.disk_bytes)
    both = forecast(plan, ["cpu", "cpu"], pace)
    assert both.seconds == pytest.approx(15)  # they share the arithmetic too
    assert both.memory_bytes == resident + 2 * (process_memory("cpu") + peak)
    alone = forecast(plan_of(specs[:1]), ["cpu", "cpu"], pace)  # which one process takes
    assert alone.memory_bytes == process_memory("cpu") + peak


@pytest.mark.usefixtures("resident")
def test_shot_that_goes_on_from_another_waits_for_its_end():
    settings = ShotSettings(steps=50, scales="1", precision="float32")
    first = spec_of(1, settings)
    second = spec_of(2, settings, after=first)
    assert second.after == first.key
    found = forecast(plan_of([first, second]), ["cuda:0", "cuda:1"], Pace(0.1, 0))
    assert found.seconds == pytest.approx(10)


def test_shots_that_will_not_fit_are_told_of_or_refused(monkeypatch):
    monkeypatch.setattr(forecasting, "free_memory_each", lambda _: 1e6)
    plan, told = plan_of(shots(3)), []
    assert forecast(plan, ["cpu"], None, told.append).tile == 256
    assert len(told) == 1 and str(told[0]).startswith("3 shots will not fit: 100x100 pixels take")
    with pytest.raises(ResourceError, match="100x100 pixels take"):
        forecast(plan, ["cpu"], None)


def test_tiles_are_as_large_as_fits_and_only_where_they_are_needed():
    whole = peak_bytes(SQUARE, SETTINGS, None)
    assert choose_tile("auto", SQUARE, SETTINGS, whole * 1.2) is None
    assert choose_tile("auto", SQUARE, SETTINGS, None) is None
    tiles = [choose_tile("auto", SQUARE, SETTINGS, free * 1e9) for free in (20, 5, 2.8)]
    assert tiles == [2048, 1024, 512]
    assert choose_tile("off", SQUARE, SETTINGS, None) is None
    assert choose_tile("off", SQUARE, SETTINGS, whole) is None
    assert choose_tile(320, SQUARE, SETTINGS, whole) == 320


@pytest.mark.parametrize("free", [None, 1e12])
def test_gpu_computes_no_more_at_once_than_it_can_count(free):
    def chosen(side, device, wish="auto", **settings):
        scales = [Scale(side, side, 100)]
        return choose_tile(wish, scales, ShotSettings(**settings), free, device)

    most = 5792  # 64 channels of so many pixels squared are just below 2^31
    for device in ("cuda", "cuda:1", "mps"):
        assert [chosen(side, device) for side in (most, most + 1)] == [None, 2048]
        assert chosen(most, device, style_scale=1.5) == 2048  # the painting is larger
        assert [chosen(most, device, wish) for wish in ("off", 512)] == [None, 512]
        for wish in ("off", 6000):
            with pytest.raises(ResourceError, match=rf"at once with tile {wish}; pass tile auto"):
                chosen(most + 1, device, wish)
    assert chosen(most + 1, "cpu") is chosen(most + 1, "cpu", "off") is None


@pytest.mark.parametrize("wish", ["off", 2048])
def test_tiles_that_cannot_fit_are_refused_though_they_were_asked_for(wish):
    need = peak_bytes(SQUARE, SETTINGS, None if wish == "off" else wish)
    with pytest.raises(
        ResourceError, match=rf"4096x4096 pixels take .* with tile {wish}, .*; pass tile auto"
    ):
        choose_tile(wish, SQUARE, SETTINGS, 0.99 * need)


def test_what_does_not_fit_even_in_tiles_is_refused_with_what_would():
    long = ShotSettings(history=50)
    with pytest.raises(
        ResourceError, match=r"4096x4096 pixels take \d+\.\d GB .* 4\.0 GB are free"
    ) as e:
        choose_tile("auto", SQUARE, long, 4e9)
    ways = str(e.value).rpartition("pass ")[2].split(" or ")
    assert [way.split()[0] for way in ways] == ["history", "optimizer", "size"]
    history, size = (int(ways[at].split()[1]) for at in (0, 2))
    for settings, side in (
        (ShotSettings(history=history), 4096),
        (ShotSettings(optimizer="adam"), 4096),
        (long, size),
    ):
        assert choose_tile("auto", [Scale(side, side, 100)], settings, 4e9)
    with pytest.raises(ResourceError, match="take"):
        choose_tile("auto", SQUARE, ShotSettings(history=history + 1), 4e9)


def test_no_way_out_is_no_empty_advice():
    with pytest.raises(ResourceError, match=r"1\.0 MB are free, .*; close other programs"):
        choose_tile("auto", SQUARE, SETTINGS, 1e6)


def test_advice_after_running_out_takes_half_the_memory():
    def named(scales, tile):
        return [way for way in smaller(scales, SETTINGS, tile) if isinstance(way, Setting)]

    tile, size = named(SQUARE, None)
    assert smaller(SQUARE, SETTINGS, None) == [tile, " or ", size]
    assert tile == Setting("tile", 2048)
    assert (size.name, str(size.value)[0]) == ("size", "2")
    assert named(SQUARE, 2048)[0] == Setting("tile", 1024)
    assert [way.name for way in named(SQUARE, 2048)] == ["tile", "size"]
    assert [way.name for way in named(SQUARE, 256)] == ["size"]
    assert smaller([Scale(16, 16, 1)], SETTINGS, None) == [Setting("size", 16)]


def test_small_amounts_are_no_zeros():
    amounts = [0, 300, 36e3, 2.34e6, 650e6, 12.34e9]
    shown = ["0 bytes", "300 bytes", "36 KB", "2.3 MB", "650 MB", "12.3 GB"]
    assert [*map(amount, amounts)] == shown
    with pytest.raises(ResourceError, match=r"take 2\.1 MB and the disk has 900 KB free"):
        check_disk(2.1e6, 0.9e6)


def test_disk_far_too_small_is_refused_early():
    check_disk(1e9, 0.8e9)
    check_disk(1e9, None)
    with pytest.raises(ResourceError, match=r"take 1\.0 GB .* 700 MB free; pass keep_every, or"):
        check_disk(1e9, 0.7e9)
