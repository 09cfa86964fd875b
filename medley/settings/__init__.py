"""Every knob once, with its default, unit and bounds: the CLI, files and docs all read this.

A field's annotation carries its bounds, its description becomes the option's help, and its
default is the only place where that default is written down.
"""

from medley.settings.catalog import CatalogSettings
from medley.settings.engine import EngineSettings
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
from medley.settings.housekeeping import PruneSettings
from medley.settings.networks import QuantizeSettings, SweepSettings
from medley.settings.orders import Order, RenderOrder, SweepOrder
from medley.settings.run import RunSettings
from medley.settings.shot import LookSettings, ShotSettings, WeightsSettings

__all__ = [
    "PICTURE_BYTES",
    "SHORTEST_HISTORY",
    "SHORTEST_SIDE",
    "SWEPT_SCHEMES",
    "CatalogSettings",
    "CutSettings",
    "EngineSettings",
    "FilmSettings",
    "LookSettings",
    "Order",
    "PruneSettings",
    "QuantizeSettings",
    "RenderOrder",
    "RunSettings",
    "Settings",
    "ShotSettings",
    "SweepOrder",
    "SweepSettings",
    "TileWish",
    "WeightsSettings",
    "parse_schemes",
    "parse_widths",
]
