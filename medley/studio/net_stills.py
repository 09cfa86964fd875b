"""Photos that are read, repainted by a style network in one pass, and written."""

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

import medley
from medley.events import Listener, stage
from medley.files import write_bytes
from medley.images import Pixels, lay_on_white, read_layers, resize, size_for_side
from medley.settings import ApplySettings, FinishSettings
from medley.stills import check_size, encode_still
from medley.studio.net_opening import open_net
from medley.studio.still_files import Repainted, Source, StillFile, StillJob, with_alpha
from medley.stylenet.finish import finish
from medley.stylenet.mix import shares_of
from medley.stylenet.ready import ReadyPainter


class LoadedNet(NamedTuple):
    """A style network that repaints.

    Attributes:
        name: its file's name.
        painter: repaints after its mix.
        shares: share of each painting that has one, by title.
    """

    name: str
    painter: ReadyPainter
    shares: dict[str, float]


@dataclass(frozen=True)
class NetStills:
    """A style network, and how it is applied to all photos of a run.

    Attributes:
        net: network, and what of its paintings is mixed.
        look: painting as it was asked for, and size of the results.
        preserving: settings with `preserve_color`.
        file: format, quality, and strength.
    """

    net: LoadedNet
    look: ApplySettings
    preserving: FinishSettings
    file: StillFile

    def repaint(self, job: StillJob, title: str, listener: Listener) -> Repainted:
        """Repaint a photo, and write the result if it has a file.

        Args:
            job: photo and output.
            title: name of the photo for the listener.
            listener: takes a "stage" event after each layer.

        Raises:
            PictureError: the photo is unreadable, or too long for the format.
            OutputError: the file cannot be written.
            ResourceError: disk or memory have no room for a picture so large.
        """
        name, file = job.content.path, self.file
        photo, alpha = read_photo(job.content, self.look.size)
        height, width, _ = photo.shape
        check_size(file.format, height, width, name)
        began = time.monotonic()
        painter = self.net.painter
        made = painter.repaint(photo, lambda done, all_: listener(stage(title, done, all_)))
        picture = finish(made, photo, self.preserving.preserve_color, file.strength)
        facts = self._facts(name, height, width, time.monotonic() - began)
        pixels = with_alpha(picture, alpha)
        data = encode_still(pixels, file.format, json.dumps(facts), file.settings.file_quality)
        if job.output:
            write_bytes(job.output, data)
        return Repainted(job, data, facts)

    def _facts(self, name: Path, height: int, width: int, seconds: float) -> dict[str, Any]:
        """The metadata of a file: names without folders, which are private."""
        shares = self.net.shares
        return {
            "medley": medley.__version__,
            "content": name.name,
            "network": self.net.name,
            "paintings": {title: round(share, 4) for title, share in shares.items()},
            "height": height,
            "width": width,
            "seconds": round(seconds, 3),
            "settings": {
                "size": self.look.size,
                "preserve_color": self.preserving.preserve_color,
                "strength": self.file.strength,
            },
        }


def load_net(path: Path, look: ApplySettings, device: Sequence[str]) -> LoadedNet:
    """Load a network that repaints after a painting or a mix; see `open_net`.

    Raises:
        WeightsError: it is missing, torn, or no style network.
        ConfigError: it does not know a painting that was asked for.
        MedleyError: what it is computed by is not there.
    """
    net = open_net(path, device)
    shares = shares_of(look.style, net.styles)
    titles = [style.title for style in net.styles]
    mixed = {title: share for title, share in zip(titles, shares, strict=True) if share}
    return LoadedNet(path.name, net.painter(shares), mixed)


def read_photo(source: Source, side: int | None) -> tuple[Pixels, Image.Image | None]:
    """Read a photo, and its transparency if it has any, which is laid on white.

    Args:
        source: the photo.
        side: its long side in pixels, to which it is scaled; its own if None.

    Raises:
        PictureError: it is unreadable.
    """
    layers = read_layers(source.path, source.data, in_full=side is None)
    picture = lay_on_white(*layers)
    if side is not None:
        height, width = size_for_side(picture.height, picture.width, side)
        picture = resize(picture, max(1, height), max(1, width), "", shortest=1)
    return np.asarray(picture), layers.alpha
