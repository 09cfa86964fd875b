"""The networks that a sweep compares: their widths, schemes, sizes and loading times.

Nothing here imports torch until weights have to be made.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import medley
from medley.errors import Setting, WeightsError
from medley.events import Event
from medley.settings import ShotSettings, SweepSettings
from medley.settings.shot import LOSS_LAYERS
from medley.vgg import originals, weightfile
from medley.vgg.identity import identify_weights, mean_bits
from medley.vgg.layers import convolutions_for
from medley.vgg.sources import KERAS_SHA256
from medley.vgg.weightfile import Origin

FLOAT_BITS = 32
_BUNDLED = "kmeans"  # the scheme of the file that ships, from which every width comes
_HOLDS_LESS = "entropy"  # the scheme whose files end at relu5_1
_WIDEST = 8


@dataclass(frozen=True)
class Variant:
    """One way to store the network: a scheme at a width, or a file as it is.

    Attributes:
        scheme: scheme in which the weights are stored.
        bits: bits of a weight; the mean over all, where a file's layers differ.
        file: file of the weights; None for those that medley has or makes.
        origin: training that they came from, if it is another than the float original's.
    """

    scheme: str
    bits: float
    file: Path | None = None
    origin: Origin | None = None


FLOAT = Variant("float32", FLOAT_BITS)


@dataclass(frozen=True)
class Network:
    """A variant whose weights have been found, with its size, error and loading time.

    Attributes:
        variant: way in which the weights are stored.
        label: name in films and tables, such as "4-bit", or a file's name.
        settings: settings of a shot that choose these weights.
        digest: digest of the weights.
        size_bytes: size on disk.
        distortion: relative error of the weights, |difference|^2 / |reference|^2 over all layers;
            None before it is measured, and where another training made the reference.
        load_s: seconds from the file to a ready network of all its layers; NaN before it is
            measured.
    """

    variant: Variant
    label: str
    settings: ShotSettings
    digest: str
    size_bytes: int
    distortion: float | None = None
    load_s: float = math.nan

    @property
    def scheme(self) -> str:
        """The scheme in which the weights are stored."""
        return self.variant.scheme

    @property
    def bits(self) -> float:
        """Bits of a weight, a whole number but for files whose layers differ."""
        return self.variant.bits

    def choosing(self, settings: ShotSettings) -> Self:
        """Give the same network, chosen by other shots' settings."""
        chosen = {"bits": self.settings.bits, "weights": self.settings.weights}
        return replace(self, settings=settings.model_copy(update=chosen))


def has_float() -> bool:
    """Whether the float original has been fetched."""
    return originals.cache_path("original").is_file()


def list_variants(sweep: SweepSettings, with_float: bool) -> list[Variant]:
    """The variants that a sweep asks for: every width in one scheme, then the next, then files.

    Args:
        sweep: widths and schemes that are asked for.
        with_float: True if the float original is here.

    Raises:
        WeightsError: the float original is not here, and something asked for is made from it; or a
            file is missing or damaged.
    """
    own = [_variant_of(path) for path in sweep.weights]
    if own and not sweep.bits:
        return list(dict.fromkeys([reference_among(own, with_float), *own]))
    narrow = tuple(range(_WIDEST, 0, -1))
    widths = sweep.bits or ((FLOAT_BITS, *narrow) if with_float else narrow)
    wanted = [
        FLOAT if bits == FLOAT_BITS else Variant(scheme, bits)
        for scheme in sweep.scheme
        for bits in widths
    ]
    needing = [one for one in wanted if one == FLOAT or one.scheme != _BUNDLED]
    if needing and not with_float:
        what = "32 bits" if needing[0] == FLOAT else f"'{needing[0].scheme}'"
        raise WeightsError(
            f"{what} needs the float original '{originals.cache_path('original')}', which is not"
            " there; pass ",
            Setting("fetch", True),
            " (74 MB, once), or sweep ",
            Setting("bits", "8-1"),
            " in ",
            Setting("scheme", "kmeans"),
        )
    return list(dict.fromkeys([*wanted, *own]))


def _variant_of(path: Path) -> Variant:
    header = weightfile.read_header(path)
    bits = mean_bits({name: entry.bits for name, entry in header.layers.items()})
    origin = None if header.origin.sha256 == KERAS_SHA256 else header.origin
    return Variant(header.scheme, int(bits) if bits.is_integer() else round(bits, 2), path, origin)


def reference_of(with_float: bool) -> Variant:
    """What stands for the original training: the float original, else 8 bits."""
    return FLOAT if with_float else Variant(_BUNDLED, _WIDEST)


def reference_among(variants: Sequence[Variant], with_float: bool) -> Variant:
    """The variant that the others are measured against.

    Of files alone it is the first float one that came from the same training as another; else what
    stands for the original training.
    """
    if all(one.file for one in variants):
        trainings = Counter(one.origin for one in variants)
        for one in variants:
            if one.bits == FLOAT_BITS and trainings[one.origin] > 1:
                return one
    return reference_of(with_float)


def name_networks(
    variants: Sequence[Variant],
    settings: ShotSettings,
    folder: Path,
    listener: Callable[[Event], None],
) -> list[Network]:
    """Find each variant's weights, and make its file if there is none; nothing is measured.

    Args:
        variants: variants in any order; weights that do not ship are made from the float original.
        settings: settings of the shots; their weights do not matter.
        folder: folder for the files that are made.
        listener: takes "stage" events while weights are computed.

    Raises:
        WeightsError: weights are missing or damaged.
        OutputError: a file cannot be written.
    """
    made = [one for one in variants if one.file is None and one != FLOAT]
    _check_layers(made, settings)
    several = len({one.scheme for one in made}) > 1
    files = {one: _path_of(one, folder) for one in made if one.scheme != _BUNDLED}
    _make_missing(files, listener)
    names = Counter(one.file.stem for one in variants if one.file)
    networks = []
    for variant in variants:
        chosen: dict[str, object] = {"weights": variant.file or files.get(variant)}
        if not variant.file:
            chosen["bits"] = variant.bits
        shot = settings.model_copy(update=chosen)
        found = identify_weights(shot.source)
        label = _label(variant, several, names)
        networks.append(Network(variant, label, shot, found.digest, found.size_bytes))
    return networks


def _check_layers(made: Sequence[Variant], settings: ShotSettings) -> None:
    """See that files will hold what shots look at, before minutes are spent on them.

    Raises:
        WeightsError: they will not.
    """
    held = convolutions_for(LOSS_LAYERS)
    missing = [name for name in convolutions_for(settings.layers) if name not in held]
    if missing and any(one.scheme == _HOLDS_LESS for one in made):
        raise WeightsError(
            f"weights of the scheme '{_HOLDS_LESS}' hold no {', '.join(missing)}; choose other"
            " layers, or another ",
            Setting("scheme"),
        )


def _path_of(variant: Variant, folder: Path) -> Path:
    # The same medley makes the same file; another one may know a better way.
    return folder / f"vgg19-{variant.bits}bit-{variant.scheme}-{medley.__version__}.safetensors"


def _make_missing(files: Mapping[Variant, Path], listener: Callable[[Event], None]) -> None:
    """Make the files that are missing or damaged."""
    if not files:
        return
    original = originals.cached("original")
    digest = weightfile.read_header(original).origin.sha256
    missing = {one: path for one, path in files.items() if not _is_whole(path, digest)}
    if missing:
        # torch takes a second to import: only what computes weights brings it.
        from medley.studio.compression.quantizing import make_variants

        wanted = {path: (one.scheme, int(one.bits)) for one, path in missing.items()}
        make_variants(original, wanted, listener)


def _label(variant: Variant, several: bool, names: Mapping[str, int]) -> str:
    if file := variant.file:  # files of one name are told apart by their folders
        return file.stem if names[file.stem] == 1 else str(file)
    if variant == FLOAT:
        return "32-bit float"
    named = several or variant.scheme != _BUNDLED
    return f"{variant.bits:g}-bit {variant.scheme}" if named else f"{variant.bits:g}-bit"


def _is_whole(path: Path, origin: str) -> bool:
    """Whether a file was made from that original and is as it was written."""
    try:
        header, _, content = weightfile.read(path)
        weightfile.check_digest(header, content)
    except WeightsError:
        return False
    return header.origin.sha256 == origin
