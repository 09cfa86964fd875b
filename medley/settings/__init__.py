"""Every knob once, with its default, unit and bounds: the CLI, files and docs all read this.

A field's annotation carries its bounds, its description becomes the option's help, and its
default is the only place where that default is written down.
"""

from medley.settings.catalog import CatalogSettings
from medley.settings.compose import ComposeSettings, Corner
from medley.settings.effort import EffortSettings, parse_betas
from medley.settings.engine import EngineSettings
from medley.settings.fields import (
    LONGEST_SIDE,
    PICTURE_BYTES,
    RIVALS,
    SHORTEST_HISTORY,
    SHORTEST_SIDE,
    SWEPT_SCHEMES,
    Settings,
    TileWish,
    parse_schemes,
    parse_widths,
)
from medley.settings.files import read_file, read_table
from medley.settings.film import CutSettings, EncodeSettings, FilmSettings
from medley.settings.finish import FinishSettings
from medley.settings.formats import FormatSettings
from medley.settings.frame import Fit, FrameSettings, FrameSize, parse_resolution
from medley.settings.housekeeping import PruneSettings
from medley.settings.layers import VGG_LAYERS, Layer, format_layers, parse_layers
from medley.settings.networks import QuantizeSettings, SweepSettings
from medley.settings.orders import Order, RenderOrder, SweepOrder, WalkOrder
from medley.settings.presets import QualitySettings
from medley.settings.run import RunSettings
from medley.settings.shot import LookSettings, ShotSettings, WeightsSettings
from medley.settings.still import DEEP, LOSSY, SUFFIXES, StillFormat, StillSettings
from medley.settings.style import REST, BlendSettings, MaskWish, StyleSettings, parse_mask
from medley.settings.walk import WalkSettings

__all__ = [
    "DEEP",
    "LONGEST_SIDE",
    "LOSSY",
    "PICTURE_BYTES",
    "REST",
    "RIVALS",
    "SHORTEST_HISTORY",
    "SHORTEST_SIDE",
    "SUFFIXES",
    "SWEPT_SCHEMES",
    "VGG_LAYERS",
    "BlendSettings",
    "CatalogSettings",
    "ComposeSettings",
    "Corner",
    "CutSettings",
    "EffortSettings",
    "EncodeSettings",
    "EngineSettings",
    "FilmSettings",
    "FinishSettings",
    "Fit",
    "FormatSettings",
    "FrameSettings",
    "FrameSize",
    "Layer",
    "LookSettings",
    "MaskWish",
    "Order",
    "PruneSettings",
    "QualitySettings",
    "QuantizeSettings",
    "RenderOrder",
    "RunSettings",
    "Settings",
    "ShotSettings",
    "StillFormat",
    "StillSettings",
    "StyleSettings",
    "SweepOrder",
    "SweepSettings",
    "TileWish",
    "WalkOrder",
    "WalkSettings",
    "WeightsSettings",
    "format_layers",
    "parse_betas",
    "parse_layers",
    "parse_mask",
    "parse_resolution",
    "parse_schemes",
    "parse_widths",
    "read_file",
    "read_table",
]
