"""The network's weights that ship beside those of all widths: their file, and its name."""

from pathlib import Path

from medley.shipped import file_at, file_name_of

SMALL = "small"
"""Name of the thirteen layers that style transfer looks at, in three megabytes."""

WEIGHTS_FILES = {SMALL: Path(__file__).parent / "vgg" / "bundle" / "small.safetensors"}


def weights_at(path: Path, folder: Path = Path()) -> Path:
    """Find what a path or a name means; see `medley.shipped.file_at`."""
    return file_at(path, WEIGHTS_FILES, folder)


def weights_name_of(path: Path) -> Path:
    """The name of weights that ship, which holds on every machine; else the path."""
    return file_name_of(path, WEIGHTS_FILES)
