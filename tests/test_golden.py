"""What was promised stays: shot keys, and workspaces and sidecars that lie on disk."""

from pathlib import Path

import pytest

from medley.settings import (
    BlendSettings,
    CatalogSettings,
    ShotSettings,
    SweepSettings,
    WalkSettings,
)

from .golden import Keys, make_inputs, make_weights, read_orders, whole


@pytest.fixture(scope="module")
def inputs(tmp_path_factory, float_cache) -> Path:
    """A folder with all that the orders name; the float original is in the cache."""
    folder = tmp_path_factory.mktemp("golden")
    make_inputs(folder)
    make_weights(folder / "own.safetensors", "affine", 5)
    name = "vgg19-original.safetensors"
    (folder / name).symlink_to(float_cache / name)
    return folder


def test_shot_keys_are_what_they_were(inputs, monkeypatch):
    monkeypatch.setenv("MEDLEY_CACHE", str(inputs))
    keys, changed = Keys(inputs), []
    for order in read_orders():
        found = keys.keys_of(order.kind, whole(order))
        if found != order.keys:
            changed.append(f"{order.name}: {found} instead of {order.keys}")
    assert changed == []


def test_every_setting_of_a_shot_is_in_the_table_off_its_default():
    said = {}
    for order in read_orders():
        for name, value in whole(order).items():
            said.setdefault(name, []).append(value)
    parts = (ShotSettings, BlendSettings, CatalogSettings, WalkSettings, SweepSettings)
    for part in parts:
        for name, field in part.model_fields.items():
            if name == "split":  # it is Painter by Numbers' alone, and decides no pixels
                continue
            assert any(value not in (None, field.default) for value in said[name]), name


def test_orders_are_told_apart_by_their_keys():
    """Equal keys are meant: settings of the film alone, or defaults that are said outright."""
    orders = read_orders()
    assert len(orders) > 300
    assert len({tuple(order.keys) for order in orders}) > 240
    assert all(len(key) == 24 for order in orders for key in order.keys)
