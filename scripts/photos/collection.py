"""The photos, the archives that hold them, and the folder that they are prepared in."""

import csv
import hashlib
import http.client
import io
import tomllib
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from medley.errors import MedleyError

HERE = Path(__file__).parent
LONG_SIDE = 768
JPEG_QUALITY = 92
_WAIT_S = 60  # without a byte
_AGENT = "medley fetch_photos"


class FetchError(MedleyError):
    """An archive cannot be fetched, or is not the one that is meant."""


@dataclass(frozen=True)
class Photo:
    """A photo: a row of the list.

    Attributes:
        name: name of the prepared file without its suffix.
        set: folder that it belongs to, "train" or "held".
        source: name of the archive that holds it.
        member: path in that archive.
        author: who took it, as the archive says.
        licence: under which licence, as the archive says.
    """

    name: str
    set: str
    source: str
    member: str
    author: str
    licence: str

    def path(self, folder: Path) -> Path:
        """Where the prepared photo stands in `folder`."""
        return folder / self.set / f"{self.name}.jpg"


@dataclass(frozen=True)
class Source:
    """An archive: what it is, where it lies, and the bytes that it has to have."""

    about: str
    urls: Sequence[str]
    size: int
    sha256: str


def read_photos(path: Path = HERE / "photos.csv") -> list[Photo]:
    """Read the list of photos."""
    with path.open(encoding="utf-8", newline="") as file:
        return [Photo(**row) for row in csv.DictReader(file)]


def read_sources(path: Path = HERE / "sources.toml") -> dict[str, Source]:
    """Read the list of archives, by name."""
    with path.open("rb") as file:
        return {name: Source(**facts) for name, facts in tomllib.load(file).items()}


def fetch(source: Source) -> bytes:
    """Fetch an archive from the first of its addresses that has the right bytes.

    Raises:
        FetchError: none has; the message says of each why.
    """
    reasons = []
    for url in source.urls:
        request = urllib.request.Request(url, headers={"User-Agent": _AGENT})  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=_WAIT_S) as answer:  # noqa: S310
                data: bytes = answer.read(source.size + 1)
        except (OSError, http.client.HTTPException) as error:
            reasons.append(f"{url}: {getattr(error, 'reason', None) or error}")
            continue
        digest = hashlib.sha256(data).hexdigest()
        if digest == source.sha256:
            return data
        if len(data) < source.size:
            reasons.append(f"{url}: ended after {len(data):,} of {source.size:,} bytes")
        else:
            reasons.append(f"{url}: other bytes, with SHA-256 {digest}, not {source.sha256}")
    raise FetchError(f"{source.about} cannot be fetched: {'; '.join(reasons)}")


def prepare(picture: bytes) -> bytes:
    """Turn a picture file into an upright RGB JPEG of at most `LONG_SIDE` pixels a side."""
    with Image.open(io.BytesIO(picture)) as image:
        image.draft("RGB", (2 * LONG_SIDE, 2 * LONG_SIDE))  # JPEGs are read smaller, thus faster
        profile = image.info.get("icc_profile") if image.mode == "RGB" else None
        upright = ImageOps.exif_transpose(image).convert("RGB")
    upright.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
    data = io.BytesIO()
    upright.save(data, "JPEG", quality=JPEG_QUALITY, optimize=True, icc_profile=profile)
    return data.getvalue()


def licences(photos: Sequence[Photo], sources: dict[str, Source]) -> str:
    """Say of each photo who took it, under which licence, and where it comes from."""
    lines = [
        "Photos prepared by medley's scripts/fetch_photos, shrunk from the files named here.",
        "Authors and licences as these archives state them; their terms hold for the copies too.",
    ]
    for name, source in sources.items():
        lines += ["", f"{source.about}: {source.urls[0]}", ""]
        lines += [
            f"{photo.set}/{photo.name}.jpg: {photo.author}; {photo.licence}; {photo.member}"
            for photo in photos
            if photo.source == name
        ]
    return "\n".join(lines) + "\n"
