"""The sheet of what a style network makes of some photos while it is trained."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import torch

from medley.errors import PictureError
from medley.files import write_bytes
from medley.film.poster import GALLERY_CELL, gallery
from medley.images import Pixels, encode_png, read_picture, thumbnail
from medley.stylenet.network import StyleNet
from medley.tensors import to_pixels, to_tensor

_SIDE = 384  # pixels


class Sheet:
    """A picture file of photos and what a network makes of them."""

    def __init__(self, path: Path, photos: Sequence[Path], titles: Sequence[str]) -> None:
        """Read the photos, small; one that cannot be read is left out.

        Args:
            path: file of the sheet.
            photos: photos to be shown.
            titles: titles of the network's paintings.
        """
        self._path, self._titles = path, titles
        self._views: list[tuple[Pixels, str]] = []
        for photo in photos:
            with suppress(PictureError):
                self._views.append((thumbnail(read_picture(photo), _SIDE), photo.stem))

    def draw(self, network: StyleNet) -> None:
        """Hang all photos after one painting, or one photo after many; replace the file.

        Raises:
            OutputError: it cannot be written.
        """
        count = len(self._titles)
        device = next(network.parameters()).device
        hung = []
        for view, name in self._views if count == 1 else self._views[:1]:
            hung.append((view, name))
            for number, title in enumerate(self._titles):
                with torch.no_grad():
                    picture = network(to_tensor(view).to(device), torch.eye(count)[number])
                hung.append((to_pixels(picture), title))
        if not hung:
            return
        columns = 2 if count == 1 else None
        high = max(round(GALLERY_CELL * picture.shape[0] / picture.shape[1]) for picture, _ in hung)
        wall = gallery(hung, columns=columns, cell_height=min(high, GALLERY_CELL))
        write_bytes(self._path, encode_png(wall))
