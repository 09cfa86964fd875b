"""What the schemas accept beyond numbers within bounds: lists of widths and of schemes."""

from fractions import Fraction
from pathlib import Path

import pytest
from pydantic import ValidationError

from medley.errors import ConfigError
from medley.settings import (
    BlendSettings,
    EncodeSettings,
    EngineSettings,
    FilmSettings,
    PruneSettings,
    RenderOrder,
    RunSettings,
    Settings,
    ShotSettings,
    SweepSettings,
    WalkOrder,
    read_table,
)
from medley.settings.film import FormatSettings, check_format
from medley.settings.load import expectation
from medley.settings.networks import SWEPT_SCHEMES, format_widths, parse_schemes, parse_widths
from medley.settings.orders import ORDERS
from medley.settings.shot import parse_betas


@pytest.mark.parametrize(
    ("text", "widths"),
    [
        ("32,8-1", (32, 8, 7, 6, 5, 4, 3, 2, 1)),
        ("1-3,32", (1, 2, 3, 32)),
        (" 8 , 4-3 ", (8, 4, 3)),
        ("04", (4,)),
        ("5-5", (5,)),
    ],
)
def test_widths_are_read_in_the_order_given(text, widths):
    assert parse_widths(text) == widths
    assert SweepSettings(bits=text).bits == widths


@pytest.mark.parametrize("schema", [*ORDERS.values(), PruneSettings])
@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_no_number_is_infinite_or_none_at_all(schema, value):
    fields = schema.fields()
    numbers = [name for name in fields if expectation(fields[name]).startswith("a number")]
    assert len(numbers) > 1
    for name in numbers:
        with pytest.raises(ConfigError, match=f"{name} is {value}; it must be a number"):
            read_table(schema, {name: value}, "here")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "an empty list is not a width"),
        (" ", "an empty list is not a width"),
        ("8-0", "0 is not a width; weights have 1 to 8 bits, or 32"),
        ("9", "9 is not a width"),
        ("8,8", "'8,8' names 8 bits twice; name each once"),
        ("1,1", "'1,1' names 1 bit twice"),
        ("8-6,7", "'8-6,7' names 7 bits twice"),
        ("4,04", "'4,04' names 4 bits twice"),
        ("32,32", "names 32 bits twice"),
        ("32-1", "'32-1' is a range, and ranges lie within 8-1; pass 32,8-1"),
        ("8,", "'' in '8,' is not a width or a range"),
        ("8--1", "'8--1' in '8--1' is not a width or a range"),
        ("four", "'four' in 'four' is not a width or a range; pass widths such as 32,8-1"),
        ("8.0", "is not a width or a range"),
        ("²", "is not a width or a range"),
        ("9" * 5000, "is not a width or a range"),
    ],
)
def test_lists_that_are_no_widths_are_refused(text, words):
    with pytest.raises(ValueError, match=words):
        parse_widths(text)


def test_schemes_are_read_in_the_order_given_and_each_once():
    assert parse_schemes("affine, kmeans") == ("affine", "kmeans")
    assert parse_schemes(",".join(SWEPT_SCHEMES)) == SWEPT_SCHEMES
    with pytest.raises(ValueError, match="there is no scheme 'float16'; there are kmeans, "):
        parse_schemes("kmeans,float16")
    with pytest.raises(ValueError, match="there is no scheme ''"):
        parse_schemes("")
    with pytest.raises(ValueError, match="'affine,affine' names affine twice"):
        parse_schemes("affine,affine")


def test_betas_are_two_numbers_and_adam_s():
    assert parse_betas("0, 0.999") == (0, 0.999)
    assert ShotSettings(optimizer="adam", adam_betas=" 0.90 ,0.99").adam_betas == (0.9, 0.99)
    with pytest.raises(ValueError, match=r"'0.9' is not two numbers such as 0.9,0.999"):
        parse_betas("0.9")
    with pytest.raises(ValueError, match=r"'0.9,1' has a number that is not from 0 to below 1"):
        parse_betas("0.9,1")
    with pytest.raises(ValueError, match="adam_betas sets Adam, not L-BFGS; pass optimizer adam"):
        ShotSettings(adam_betas="0.5,0.9")


def test_focus_is_a_point_of_the_picture_that_a_crop_keeps():
    focused = FilmSettings(fit="crop", focus=" 0.30, 1")
    assert focused.focus == (0.3, 1)
    assert FilmSettings(**focused.model_dump(mode="json")) == focused
    for wrong in ("0.5", "0.5,1.1", "-0.1,0", "nan,0", "left,top", (0.5, 3)):
        with pytest.raises(ValidationError):
            FilmSettings(fit="crop", focus=wrong)
    with pytest.raises(ValueError, match="focus says where a crop is; pass fit crop with it"):
        FilmSettings(focus="0.3,0.5")


def test_history_is_no_setting_of_adam():
    with pytest.raises(ValueError, match="history and optimizer adam contradict each other"):
        ShotSettings(optimizer="adam", history=5)


def test_rest_is_one_region():
    once = ("sky.png=a.jpg", "rest=b.jpg")
    assert len(BlendSettings(mask=once).mask) == 2
    with pytest.raises(ValueError, match="'rest' is named twice"):
        BlendSettings(mask=(*once, "rest=c.jpg"))


@pytest.mark.parametrize("devices", ["banana", "cuda:x", "cpu,", ""])
def test_devices_of_a_batch_are_refused_in_words(devices):
    with pytest.raises(ValueError, match=r"there is no device '.*'; there are auto, cpu"):
        EngineSettings(devices=devices)


@pytest.mark.parametrize("name", ["", ".", "/", "..", ".mp4", "films/.MP4", ".gif"])
def test_film_without_a_name_is_refused(name):
    with pytest.raises(ValueError, match=r"has no name; name a film, such as film\.mp4"):
        check_format(Path(name), FormatSettings())


INPUTS = {"content": (Path("a.jpg"),), "styles": (Path("b.jpg"),)}


@pytest.mark.parametrize("order", ORDERS.values())
def test_order_is_the_same_after_its_flat_values(order):
    given = order.of(**INPUTS, scales="64,128", resolution="720p", device="cpu,cpu", years="1900")
    assert order.of(**given.flat()) == given
    assert hash(order.of(**given.flat())) == hash(given)  # plans remember by it
    assert list(given.flat()) == list(order.fields())


@pytest.mark.parametrize("order", ORDERS.values())
def test_every_setting_of_an_order_s_parts_can_be_asked_for(order):
    given = order.of(**INPUTS)
    parts = [part for _, part in given if isinstance(part, Settings)]
    names = {name for part in parts for name in type(part).model_fields}
    asked = given.flat().keys() - {"content", "styles", "output", "quality"}
    assert names <= asked
    assert asked <= names


def test_render_and_walk_have_one_photo():
    for order in (RenderOrder, WalkOrder):
        with pytest.raises(ValueError, match="2 photos are named, and one is repainted; name that"):
            order.of(content=(Path("a.jpg"), Path("b.jpg")), styles=("c.jpg",))


def test_file_called_like_a_start_is_told_from_it():
    named = ShotSettings(init="./noise")
    assert named.init == Path("noise")
    assert named.model_dump(mode="json")["init"] == "./noise"
    assert ShotSettings(init="noise").init == "noise"


@pytest.mark.parametrize(
    ("widths", "text"),
    [
        ((32, 8, 7, 6, 5, 4, 3, 2, 1), "32,8-1"),
        ((8, 4), "8,4"),
        ((8, 7, 4), "8,7,4"),
        ((1, 2, 3, 2), "1-3,2"),
        ((3, 2, 1, 2, 3), "3-1,2,3"),
        ((4,), "4"),
    ],
)
def test_widths_are_written_as_short_as_they_are_read(widths, text):
    assert format_widths(widths) == text


@pytest.mark.parametrize(
    ("written", "rate"),
    [
        ("29.97", "30000/1001"),
        (29.97, "30000/1001"),
        ("29.970", "30000/1001"),
        ("23.976", "24000/1001"),
        ("23.98", "24000/1001"),
        ("23.97602", "24000/1001"),
        ("47.95", "48000/1001"),
        ("59.94", "60000/1001"),
        ("119.88", "120000/1001"),
        ("2997/100", "2997/100"),
        (Fraction(2997, 100), "2997/100"),
        ("24.5", "49/2"),
        ("29.9", "299/10"),
        (25, "25"),
    ],
)
def test_rates_that_everybody_rounds_are_the_broadcast_ones(written, rate):
    assert EncodeSettings(fps=written).fps == Fraction(rate)


def test_typed_line_end_in_a_title_is_one():
    assert FilmSettings(title=r"First\nSecond").title == "First\nSecond"
    assert FilmSettings(title="First\nSecond").title == "First\nSecond"


@pytest.fixture
def home(tmp_path, monkeypatch):
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    return tmp_path


def test_home_is_put_into_every_path_from_every_door(home):
    order = RenderOrder.of(
        content="~/p.jpg", styles=["~/s.jpg", "~"], output="~/o.mp4", workspace="~/ws",
        audio="~/a.wav", init="~/i.png", weights="~/w.safetensors",
    )  # fmt: skip
    assert order.content == (home / "p.jpg",)
    assert order.styles == (home / "s.jpg", home)
    assert (order.film_path, order.run.workspace) == (home / "o.mp4", home / "ws")
    assert (order.film.audio, order.shot.init) == (home / "a.wav", home / "i.png")
    assert order.shot.weights == home / "w.safetensors"
    (wish,) = BlendSettings(mask=["~/m.png=~/s.jpg"]).mask
    assert wish == (home / "m.png", home / "s.jpg")
    assert RenderOrder.of(content="a~/p", styles=["~x"]).styles == (Path("~x"),)


def test_home_that_is_not_there_and_nulls_are_said(monkeypatch):
    def no_home(_):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "expanduser", no_home)
    for written, words in (("~/ws", "in a home that nobody has here"), ("a\0b", "take the null")):
        with pytest.raises(ValueError, match=words):
            RunSettings(workspace=written)
