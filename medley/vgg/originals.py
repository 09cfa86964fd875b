"""Where the float originals lie that `sources.fetch` brings: in the user's cache."""

from pathlib import Path

from medley import files
from medley.errors import Setting, WeightsError
from medley.vgg.otherfiles import check_own

NAMES = ("original", "torchvision")
"""Names of the originals."""


def cache_path(name: str) -> Path:
    """Where an original is kept, whether or not it is there."""
    return files.cache_folder() / f"vgg19-{name}.safetensors"


def cached(name: str) -> Path:
    """Where an original is: in the user's cache, or the folder MEDLEY_CACHE names.

    Raises:
        WeightsError: it is not there yet.
    """
    path = cache_path(name)
    if not path.is_file():
        command = "medley weights fetch" + ("" if name == "original" else f" {name}")
        raise WeightsError(f"the float weights '{path}' are not there yet; run '{command}'")
    return path


def find_original(path: Path | None) -> Path:
    """The float weights that are given, or those that were fetched.

    Raises:
        WeightsError: they are missing, or in no file of weights.
    """
    if path is None:
        try:
            return cached("original")
        except WeightsError as error:
            raise WeightsError(
                *error.args, ", or give float weights of your own: ", Setting("original", "FILE")
            ) from None
    check_own(path)
    return path
