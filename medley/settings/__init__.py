"""Every knob once, with its default, unit and bounds: the CLI, files and docs all read this.

A field's annotation carries its bounds, its description becomes the option's help, and its
default is the only place where that default is written down.
"""

from medley.settings.catalog import CatalogSettings
from medley.settings.fields import (
    PICTURE_BYTES,
    SHORTEST_HISTORY,
    SHORTEST_SIDE,
    SWEPT_SCHEMES,
    Settings,
    TileWish,
    parse_schemes,
    parse_widths,
)
from medley.settings.film import CutSettings, FilmSettings
from medley.settings.layers import VGG_LAYERS, Layer, format_layers, parse_layers
from medley.settings.networks import QuantizeSettings, SweepSettings
from medley.settings.orders import Order, RenderOrder, SweepOrder
from medley.settings.run import RunSettings
from medley.settings.shot import LookSettings, ShotSettings, WeightsSettings
from medley.settings.style import REST, BlendSettings, MaskWish, StyleSettings, parse_mask

__all__ = [
    "PICTURE_BYTES",
    "REST",
    "SHORTEST_HISTORY",
    "SHORTEST_SIDE",
    "SWEPT_SCHEMES",
    "VGG_LAYERS",
    "BlendSettings",
    "CatalogSettings",
    "CutSettings",
    "FilmSettings",
    "Layer",
    "LookSettings",
    "MaskWish",
    "Order",
    "QuantizeSettings",
    "RenderOrder",
    "RunSettings",
    "Settings",
    "ShotSettings",
    "StyleSettings",
    "SweepOrder",
    "SweepSettings",
    "TileWish",
    "WeightsSettings",
    "format_layers",
    "parse_layers",
    "parse_mask",
    "parse_schemes",
    "parse_widths",
]
