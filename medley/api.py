"""The functions of `import medley`: pictures, features, weights and films from Python.

Options are the fields of the schemas in `medley.settings`, under the same names and with the same
defaults as on the command line. A value that no field accepts is a ValueError; an error that a user
can mend, such as an unreadable picture or missing weights, is a `medley.errors.MedleyError`.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from medley.errors import ConfigError, Setting, worded
from medley.events import Event
from medley.files import check_free
from medley.images import Pixels, read_picture
from medley.media.probe import FilmFacts
from medley.paintings.draws import find_files, shipped
from medley.settings import (
    BlendSettings,
    CatalogSettings,
    QuantizeSettings,
    RenderOrder,
    RunSettings,
    Settings,
    ShotSettings,
    TileSetting,
    WeightsSettings,
    read_table,
)
from medley.studio.compression.quantizing import Quantizer
from medley.studio.engines.choice import engine_for
from medley.studio.prepare import prepare
from medley.studio.run import run
from medley.studio.shooting.devices import (
    choose_precision,
    name_devices,
    one_device,
    preset_kind,
)
from medley.studio.shooting.model import load_model
from medley.studio.shooting.spec import ShotSpec
from medley.studio.still import StillContext
from medley.tensors import to_pixels, to_tensor
from medley.transfer.optimize import Iterate
from medley.vgg import sources
from medley.vgg.layers import LAYERS, Pooling, convolutions_for
from medley.vgg.network import VGG19
from medley.vgg.weights import load_weights

Picture = str | Path | Image.Image | Pixels | Tensor
"""A file, a Pillow picture, uint8 RGB `(height, width, 3)`, or float RGB `(1, 3, height, width)` or
`(3, height, width)` in [0, 1]."""

Schema = TypeVar("Schema", bound=Settings)

_CATALOG, _RUN, _SHOT = CatalogSettings(), RunSettings(), ShotSettings()
_STORED = QuantizeSettings()
_log = logging.getLogger("medley")


def in_keywords(setting: Setting) -> str:
    """Write a setting as a keyword of a function: "steps=60"."""
    value = setting.value
    return setting.name if value is None else f"{setting.name}={value}"


@worded(in_keywords)
def stylize(
    content: Picture,
    painting: Picture | Sequence[Picture] = (),
    *,
    style_weights: Sequence[float] = (),
    mask: Sequence[str] = (),
    seed: int = _CATALOG.seed,
    device: str = ",".join(_RUN.device),
    tile: TileSetting = _RUN.tile,
    **options: Any,
) -> Iterator[Iterate]:
    """Repaint a picture after a painting, or a mix of several, and yield every iterate.

    Everything is checked and loaded before this returns; steps are computed as the iterator is
    advanced.

        *_, last = medley.stylize("photo.jpg", "painting.jpg", size=256, steps=60)

    Args:
        content: picture that is repainted.
        painting: painting, or several whose styles are mixed; none if masks name them.
        style_weights: weights of the paintings relative to each other; equal if there are none.
        mask: masks and their paintings, such as "sky.png=starry.jpg", as on the command line.
        seed: seed of the noise for `init="noise"`.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        tile: side in pixels of the tiles that are computed at once, "auto" or "off".
        options: fields of `medley.settings.ShotSettings`, such as `size`, `steps`, `style_weight`.
            `keep_every` is about workspaces and has no effect here.

    Returns:
        An iterator of `Iterate`, step 0 to `steps`: `image` is float32 `(1, 3, height, width)` RGB
        in [0, 1] on the device, and `loss`, `content`, `style` and `tv` are floats.

    Raises:
        ValueError: an option or a picture's shape is not accepted.
        PictureError: a picture is unreadable or too narrow, or a mask covers nothing.
        WeightsError: the weights are missing or damaged.
        ResourceError: the memory does not suffice, even in tiles; also while iterating.
        DivergedError: the loss is no longer finite; while iterating.
    """
    settings = _read(ShotSettings, options, "stylize")
    run_settings = _read(RunSettings, {"device": device, "tile": tile}, "stylize")
    seed = _read(CatalogSettings, {"seed": seed}, "stylize").seed
    wishes = {"mask": list(mask), "style_weights": ",".join(map(str, style_weights))}
    given = {name: wish for name, wish in wishes.items() if wish}
    blending = _read(BlendSettings, given, "stylize")
    several = painting if isinstance(painting, list | tuple) else [cast("Picture", painting)]
    if bool(several) == bool(mask):
        found = "both" if mask else "none"
        raise ValueError(f"stylize needs paintings or masks that name them, and was given {found}")
    several = several or [wish.painting for wish in blending.mask]
    works = [(Path(_name(one)), _open(one)) for one in several]
    model = load_model(settings, one_device(run_settings.device))
    context = StillContext(works, settings, seed, model, run_settings.tile, blending, _log.warning)
    spec = context.spec(_open(content), Path(_name(content)))
    return _iterate(context, spec)


def _iterate(context: StillContext, spec: ShotSpec) -> Iterator[Iterate]:
    """Check that the memory suffices, and return an iterator of a shot's iterates."""
    iterates = context.iterate(spec)

    def with_keywords() -> Iterator[Iterate]:
        with worded(in_keywords):
            yield from iterates

    return with_keywords()


@worded(in_keywords)
def render(
    content: str | Path,
    styles: str | Path | Sequence[str | Path],
    output: str | Path | None = None,
    *,
    force: bool = False,
    watch: Callable[[Event], None] = lambda _: None,
    **options: Any,
) -> FilmFacts:
    """Make a film of one photo through many paintings: `medley render` from Python.

    Shots are kept in the workspace, and those that are finished there are not taken again.

    Args:
        content: file of the photo.
        styles: folders of paintings, or files of paintings.
        output: file of the film, ending in .mp4; "outputs/CONTENT-medley.mp4" by default.
        force: True to replace a film of that name.
        watch: function that is called with a `medley.events.Event` after each step; it has
            `title`, `step`, `steps`, `loss` and `seconds`.
        options: other names in `medley.settings.RenderOrder.fields()`, such as `sample`, `steps`,
            `fps`, `quality` or `workspace`.

    Returns:
        The film as it was read back: `path`, `frame_count`, `fps`, `height`, `width`.

    Raises:
        ValueError: an option is not accepted.
        MedleyError: something failed that the user can mend, as the subclass says.
    """
    named = {"content": content, "styles": styles, "output": output}
    order = _read(RenderOrder, named | options, "render")
    if order.film_path.suffix.lower() != ".mp4":
        raise ValueError(f"a film ends in .mp4, and '{order.film_path}' does not")

    def listener(event: Event) -> None:
        if event.kind == "step":
            watch(event)
        elif event.kind in ("told", "retry"):
            _log.warning(event.text or event.error)

    devices = name_devices(order.run.device)
    ready = prepare([order], devices, listener, force=force, patience="none")
    for note in ready.plan.films[0].notes:
        _log.warning(note)
    engine = engine_for(ready.devices, ready.plan.workspace, len(ready.plan.jobs))
    (made,) = run(ready.plan, engine, listener).made
    return made.facts


@worded(in_keywords)
def load_vgg(
    bits: int | None = None,
    *,
    weights: str | Path | None = None,
    layers: Sequence[str] = LAYERS,
    pooling: Pooling = _SHOT.pooling,
    precision: str = "float32",
    device: str = ",".join(_RUN.device),
) -> VGG19:
    """Load VGG-19 up to the deepest of some layers, ready to be called with a picture.

        features = medley.load_vgg(bits=4, layers=["relu4_2"])(image)["relu4_2"]

    Args:
        bits: bits of a weight: 1 to 8 from the package (8 by default), 32 for the float original,
            which `medley weights fetch` downloads.
        weights: file that `quantize` wrote, instead of bits.
        layers: layers whose features are returned, out of `medley.vgg.layers.LAYERS`.
        pooling: "max" or "average".
        precision: precision of convolutions: "auto", "float32", "tf32", "bfloat16", "float16".
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".

    Returns:
        A module that maps float32 RGB `(1, 3, height, width)` in [0, 1] to a dict of features by
        layer, each `(1, channels, ...)`. It normalizes its input itself.

    Raises:
        ValueError: a layer is unknown, bits do not exist, or both bits and a file are given.
        WeightsError: the weights are missing or damaged.
    """
    chosen = _read(WeightsSettings, {"bits": bits, "weights": weights}, "load_vgg")
    where = one_device(_read(RunSettings, {"device": device}, "load_vgg").device)
    loaded = load_weights(chosen.source, layers=convolutions_for(layers))
    network = VGG19(loaded.tensors, layers, pooling, choose_precision(precision, where))
    return network.to(where).eval()


def features(
    picture: Picture,
    layers: Sequence[str] = LAYERS,
    *,
    network: VGG19 | None = None,
    **options: Any,
) -> dict[str, Tensor]:
    """Compute VGG-19's features of a picture at its own size, without a gradient.

    Args:
        picture: picture with at least 16 pixels on the short side for layers behind pool4.
        layers: layers whose features are returned.
        network: network from `load_vgg` that has these layers; loaded if None.
        options: options of `load_vgg` for a network that is loaded.

    Returns:
        Features by layer, float32 `(1, channels, ...)` on the network's device.

    Raises:
        ValueError: a layer is unknown, or both a network and options are given.
        PictureError: the picture is unreadable.
        WeightsError: the weights are missing or damaged.
    """
    if network is not None and options:
        raise ValueError(f"{', '.join(options)} cannot be changed in a network that is given")
    network = network or load_vgg(layers=layers, **options)
    first = next(iter(network.buffers()))
    with torch.no_grad():
        found: Mapping[str, Tensor] = network(to_tensor(_open(picture)).to(first.device))
    if missing := [name for name in layers if name not in found]:
        raise ValueError(f"the network was loaded without {', '.join(missing)}")
    return {name: found[name].float() for name in layers}


@worded(in_keywords)
def quantize(
    output: str | Path,
    *,
    bits: int = _STORED.bits,
    scheme: str = _STORED.scheme,
    layers: Mapping[str, int] | None = None,
    target_bytes: int | None = None,
    original: str | Path | None = None,
    pictures: Sequence[str | Path] = (),
    force: bool = False,
) -> Path:
    """Store the float network in few bits: `medley quantize` from Python.

    Args:
        output: file of the result, ending in .safetensors.
        bits: bits of a weight, 1 to 8; float16 and bfloat16 have their own.
        scheme: "kmeans", "calibrated", "affine", "affine-channel", "float16" or "bfloat16".
        layers: bits of single convolutions, by name such as "conv1_1".
        target_bytes: most bytes of a "kmeans" file, for which each layer's bits are chosen.
        original: file of float weights; by default the one that `medley weights fetch` downloads.
        pictures: pictures to calibrate by, or folders of them; by default medley's paintings.
        force: True to replace a file of that name.

    Returns:
        The file, which `load_vgg(weights=...)` and `stylize(weights=...)` take.

    Raises:
        ValueError: an option is not accepted.
        MedleyError: the original is not here or not float, a picture is unreadable, or the file
            cannot be written.
    """
    settings = _read(QuantizeSettings, {"bits": bits, "scheme": scheme}, "quantize")
    path = Path(output)
    if path.suffix != ".safetensors":
        raise ValueError(f"a file of weights ends in .safetensors, and '{path}' does not")
    if unknown := [name for name in layers or {} if name not in convolutions_for(LAYERS)]:
        raise ValueError(f"there is no convolution '{unknown[0]}'")
    check_free(path, force)
    paths = find_files([Path(place) for place in pictures]) if pictures else shipped()
    source = Path(original) if original else sources.cached("original")
    quantizer = Quantizer(source, paths, lambda _: None)
    widths = quantizer.widths(settings.scheme, settings.bits, layers or {}, target_bytes)
    quantizer.write(path, settings.scheme, widths)
    return path


def _read(schema: type[Schema], options: Mapping[str, Any], function: str) -> Schema:
    """Read options by their schema; a value that it does not accept is a ValueError."""
    try:
        return read_table(
            schema, options, f"medley.{function}", kind_of=preset_kind, wording=in_keywords
        )
    except ConfigError as error:
        raise ValueError(error.worded(in_keywords)) from None


def _open(source: Picture) -> Image.Image:
    """Open or convert a picture of any accepted type, upright and RGB."""
    if isinstance(source, str | Path):
        return read_picture(Path(source))
    if isinstance(source, Image.Image):
        upright = ImageOps.exif_transpose(source).convert("RGBA")
        ground = Image.new("RGBA", upright.size, "white")
        return Image.alpha_composite(ground, upright).convert("RGB")
    if isinstance(source, Tensor):
        batch = source if source.ndim == 4 else source[None]
        if batch.ndim != 4 or batch.shape[:2] != (1, 3) or not batch.is_floating_point():
            raise ValueError(
                "a picture as a tensor is float (1, 3, height, width) in [0, 1], not"
                f" {source.dtype} {tuple(source.shape)}"
            )
        return Image.fromarray(to_pixels(batch))
    pixels = np.asarray(source)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise ValueError(
            f"a picture as an array is uint8 (height, width, 3), not {pixels.dtype} {pixels.shape}"
        )
    return Image.fromarray(pixels)


def _name(source: Picture) -> str:
    """The name of a picture for errors."""
    return str(source) if isinstance(source, str | Path) else f"the {type(source).__name__}"
