"""All settings, each defined once with default, unit and bounds, for the CLI, files and docs.

A field's annotation has its bounds, its description becomes the option's help, and its default is
written down nowhere else.
"""

from medley.settings.apply import ApplySettings
from medley.settings.base import LONGEST_SIDE, SHORTEST_SIDE, Settings
from medley.settings.catalog import CatalogSettings, format_years
from medley.settings.clip import ClipFilmSettings, ClipSettings, PartSettings
from medley.settings.film import (
    ComposeSettings,
    Corner,
    CutSettings,
    EncodeSettings,
    FilmSettings,
    Fit,
    FormatSettings,
    FrameSettings,
    FrameSize,
    OverlaySettings,
    WalkFilmSettings,
    WalkSettings,
)
from medley.settings.housekeeping import PruneSettings
from medley.settings.layers import VGG_LAYERS, Layer
from medley.settings.load import read_file, read_table
from medley.settings.networks import (
    QuantizeSettings,
    SweepSettings,
    WeightsSettings,
)
from medley.settings.orders import (
    ClipOrder,
    FilmOrder,
    Order,
    RenderOrder,
    SweepOrder,
    WalkOrder,
)
from medley.settings.presets import QualitySettings
from medley.settings.run import EngineSettings, RunSettings, TileSetting
from medley.settings.shot import (
    PICTURE_BYTES,
    REST,
    SHORTEST_HISTORY,
    BlendSettings,
    EffortSettings,
    FinishSettings,
    LookSettings,
    MaskedPainting,
    NetStart,
    Scales,
    ShotSettings,
    StyleSettings,
    meant_start,
)
from medley.settings.still import DEEP, LOSSY, SUFFIXES, StillFormat, StillSettings
from medley.settings.training import SHORTEST_TRAINING_SIDE, ShapeSettings, TrainSettings

__all__ = [
    "DEEP",
    "LONGEST_SIDE",
    "LOSSY",
    "PICTURE_BYTES",
    "REST",
    "SHORTEST_HISTORY",
    "SHORTEST_SIDE",
    "SHORTEST_TRAINING_SIDE",
    "SUFFIXES",
    "VGG_LAYERS",
    "ApplySettings",
    "BlendSettings",
    "CatalogSettings",
    "ClipFilmSettings",
    "ClipOrder",
    "ClipSettings",
    "ComposeSettings",
    "Corner",
    "CutSettings",
    "EffortSettings",
    "EncodeSettings",
    "EngineSettings",
    "FilmOrder",
    "FilmSettings",
    "FinishSettings",
    "Fit",
    "FormatSettings",
    "FrameSettings",
    "FrameSize",
    "Layer",
    "LookSettings",
    "MaskedPainting",
    "NetStart",
    "Order",
    "OverlaySettings",
    "PartSettings",
    "PruneSettings",
    "QualitySettings",
    "QuantizeSettings",
    "RenderOrder",
    "RunSettings",
    "Scales",
    "Settings",
    "ShapeSettings",
    "ShotSettings",
    "StillFormat",
    "StillSettings",
    "StyleSettings",
    "SweepOrder",
    "SweepSettings",
    "TileSetting",
    "TrainSettings",
    "WalkFilmSettings",
    "WalkOrder",
    "WalkSettings",
    "WeightsSettings",
    "format_years",
    "meant_start",
    "read_file",
    "read_table",
]
