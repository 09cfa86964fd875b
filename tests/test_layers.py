"""Layers by name, their weights, masks and strengths as they are written."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from pydantic import ValidationError

from medley.cli.layers import layers as layers_command
from medley.pictures import scale_notes
from medley.settings import VGG_LAYERS, BlendSettings, MaskedPainting, RenderOrder, ShotSettings
from medley.settings.layers import format_layers, parse_layers


def test_layers_are_read_in_the_network_s_order_whatever_the_list_s():
    assert parse_layers("relu5_1, relu1_1:0.5 ,conv2_2:2") == (
        ("relu1_1", 0.5), ("conv2_2", 2.0), ("relu5_1", 1.0)
    )  # fmt: skip
    assert format_layers(parse_layers("relu2_1:1.0,relu1_1:0")) == "relu2_1"
    settings = ShotSettings(style_layers="relu2_1,relu1_1:1")
    assert settings.style_layer_weights == {"relu1_1": 1, "relu2_1": 1}
    assert settings.model_dump(mode="json")["style_layers"] == "relu1_1,relu2_1"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "relu1_7",
            "there is no layer 'relu1_7'; did you mean 'relu1_2'.*lists all 37",
        ),
        ("Relu4-2", "there is no layer 'Relu4-2'; did you mean 'relu4_2'"),
        ("block4_relu2", "did you mean 'relu4_2'"),
        ("block2_pool", "did you mean 'pool2'"),
        ("style", "there is no layer 'style'; 'medley layers' lists"),
        ("", "there is no layer ''"),
        ("relu1_1,", "there is no layer ''"),
        ("relu1_1,relu1_1:2", "names relu1_1 twice; name each layer once"),
        ("relu1_1:", "the weight of relu1_1 is '', but must be a number from 0"),
        ("relu1_1:x", "the weight of relu1_1 is 'x'"),
        ("relu1_1:-1", "the weight of relu1_1 is '-1'"),
        ("relu1_1:nan", "the weight of relu1_1 is 'nan'"),
        ("relu1_1:inf", "the weight of relu1_1 is 'inf'"),
        ("relu1_1:0,relu2_1:0", "leaves nothing, as all weights are 0"),
    ],
)
def test_lists_that_are_no_layers_are_refused(text, words):
    with pytest.raises(ValueError, match=words):
        parse_layers(text)
    for field in ("style_layers", "content_layers"):
        with pytest.raises(ValidationError, match=words):
            ShotSettings(**{field: text})


def test_network_is_asked_for_no_more_than_the_layers_and_pictures_for_enough_pixels():
    settings = ShotSettings(style_layers="relu3_1:2,relu1_1", content_layers="conv2_2")
    assert settings.layers == ("relu1_1", "conv2_2", "relu3_1")
    assert ShotSettings().shortest_side == 16
    assert ShotSettings(style_layers="pool5").shortest_side == 32


@pytest.mark.parametrize("scale", [0, 0.2, 5, float("nan"), float("inf"), -1])
def test_style_scale_out_of_bounds_is_refused(scale):
    with pytest.raises(ValidationError, match="style_scale"):
        ShotSettings(style_scale=scale)


def test_style_scale_that_does_little_is_told_with_the_size_at_which_it_does_something():
    def told(scale, height, width):
        return scale_notes(ShotSettings(style_scale=scale), height, width)

    assert all(told(scale, 300, 400) == [] for scale in (0.5, 1, 2))
    assert told(1, 40, 50) == told(2, 40, 50) == []
    (small,) = told(0.5, 100, 140)
    enough = int(re.search(r"it can from (\d+) pixels", small)[1])
    assert "cannot do much at 140x100 pixels" in small
    assert told(0.5, round(100 * enough / 140) + 1, enough) == []
    for beyond in (0.49, 2.1, 4):
        assert "is beyond 0.5 to 2" in told(beyond, 600, 600)[0]


def test_strengths_are_relative_and_one_for_each_painting():
    assert BlendSettings(style_weights="2,1, 0").strengths(3) == (2, 1, 0)
    assert BlendSettings().strengths(49) == (1.0,) * 49
    with pytest.raises(ValueError, match="style_weights 2,1 has 2 weights for 1 painting; give"):
        BlendSettings(style_weights="2,1").strengths(1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0,0", "gives every painting weight 0; one must pull"),
        ("1,-1", "a weight in '1,-1' is '-1'"),
        ("nan", "a weight in 'nan' is 'nan'"),
        ("1,,2", "a weight in '1,,2' is ''"),
        ("", "a weight in '' is ''"),
    ],
)
def test_weights_that_are_none_are_refused(text, words):
    with pytest.raises(ValidationError, match=words):
        BlendSettings(style_weights=text)


def test_masks_are_read_up_to_the_first_sign():
    wish = MaskedPainting(Path("a.png"), Path("b=c.jpg"))
    assert BlendSettings(mask=("a.png=b=c.jpg",)).mask == (wish,)
    for text in ("a.png", "=b.jpg", "a.png=", ""):
        with pytest.raises(ValidationError, match="is not MASK=PAINTING, such as"):
            BlendSettings(mask=(text,))


def order(**options):
    return RenderOrder.of(**{"content": "c.jpg", "styles": ("s.jpg",)} | options)


def test_orders_refuse_what_contradicts_itself():
    with pytest.raises(ValidationError, match="mask names its paintings itself; leave styles out"):
        order(mask=("m.png=p.jpg",))
    with pytest.raises(ValidationError, match="mask names its paintings, and sample draws"):
        order(mask=("m.png=p.jpg",), styles=(), sample=2)
    with pytest.raises(ValidationError, match="paintings in one shot; pass blend with it"):
        order(style_weights="2,1")
    found = order(mask=("m.png=p.jpg", "rest=p.jpg", "n.png=q.jpg"), styles=())
    assert [path.name for path in found.styles] == ["p.jpg", "q.jpg"]


def test_command_lists_all_layers_and_says_which_are_used():
    found = json.loads(CliRunner().invoke(layers_command, ["--json"]).stdout)
    assert [row["layer"] for row in found] == list(VGG_LAYERS)
    rows = {row["layer"]: row for row in found}
    assert rows["relu4_2"] == {
        "layer": "relu4_2", "depth": 23, "channels": 512, "stride": 8, "field": 84,
        "default": "content",
    }  # fmt: skip
    assert sum(row["default"] == "style" for row in found) == 5
    table = CliRunner().invoke(layers_command, [])
    assert table.exit_code == 0
    assert "conv5_4" in table.stdout
